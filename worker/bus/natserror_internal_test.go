package bus // an inside test: a connection alone, without a database

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"orderbeat/auth/secret"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"

	"orderbeat/worker/bus/natstest"
	"orderbeat/worker/problems"
)

// pair writes a self-signed certificate for the loopback address, as PEM files.
func pair(t *testing.T) (cert, key string, loaded tls.Certificate, pool *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	cert, key = filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if loaded, err = tls.LoadX509KeyPair(cert, key); err != nil {
		t.Fatal(err)
	}
	pool = x509.NewCertPool()
	pool.AddCert(loaded.Leaf)
	return cert, key, loaded, pool
}

// serve starts a NATS server.
func serve(t *testing.T, change func(*server.Options)) (url string) {
	t.Helper()
	options := natstest.Options(t)
	change(options)
	return "nats://" + natstest.Start(t, options).Addr().String()
}

// recorded is a log whose lines a test reads while they are written.
type recorded struct {
	mu   sync.Mutex // guards text
	text strings.Builder
}

func (r *recorded) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *recorded) count(part string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Count(r.text.String(), part)
}

// seed writes a new nkey seed and returns its public key.
func seed(t *testing.T, path string) (public string) {
	t.Helper()
	user, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	text, _ := user.Seed()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	public, _ = user.PublicKey()
	return public
}

func TestConnectionErrorsAreExplained(t *testing.T) {
	t.Parallel()
	cert, key, loaded, pool := pair(t)
	withTLS := func(o *server.Options) {
		o.TLS, o.TLSTimeout, o.TLSConfig = true, 5, &tls.Config{Certificates: []tls.Certificate{loaded}}
	}
	demanding := func(o *server.Options) {
		withTLS(o)
		o.TLSConfig.ClientAuth, o.TLSConfig.ClientCAs = tls.RequireAndVerifyClientCert, pool
	}
	first := func(o *server.Options) { withTLS(o); o.TLSHandshakeFirst = true }
	password := func(o *server.Options) { o.Username, o.Password = "ops", "right" }
	other := filepath.Join(t.TempDir(), "seed")
	known := seed(t, filepath.Join(t.TempDir(), "known"))
	seed(t, other)
	open := func(*server.Options) {}
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	web := httptest.NewServer(nil)
	t.Cleanup(web.Close)
	for _, test := range []struct {
		name   string
		server func(*server.Options) // nil for the client's URL
		client Config
		want   string
	}{
		{"wrong password", password, Config{User: "ops", Password: secret.New("wrong")}, "the server rejected the user and password of nats.auth"},
		{"wrong token", func(o *server.Options) { o.Authorization = "right" }, Config{Token: secret.New("wrong")}, "the server rejected the token of nats.auth"},
		{"no credentials", password, Config{}, "the server requires credentials: set nats.auth, nats.creds or nats.nkey"},
		{"wrong nkey", func(o *server.Options) { o.Nkeys = []*server.NkeyUser{{Nkey: known}} }, Config{NKey: other}, "the server rejected the nkey of nats.nkey"},
		{"a server without nkeys", open, Config{NKey: other}, "the server has no user with an nkey: check nats.nkey"},
		{"unknown authority", withTLS, Config{}, "the server's certificate is signed by an unknown authority: set nats.tls.ca"},
		{"another host name", withTLS, Config{URL: "nats://localhost", CA: cert}, "the server's certificate is not valid for the host name of nats.url"},
		{"no client certificate", demanding, Config{CA: cert}, "the server requires a client certificate: set nats.tls.cert and nats.tls.key"},
		{"plain server", open, Config{CA: cert}, "the server offers no TLS, but nats.url or nats.tls requires it"},
		{"plain server, handshake first", open, Config{CA: cert, TLSFirst: true}, "the server does not start with a TLS handshake: unset nats.tls_first"},
		{"server that wants the handshake first", first, Config{CA: cert}, "if it requires the TLS handshake first, set nats.tls_first"},
		{"refused", nil, Config{URL: "nats://" + closed.Addr().String()}, "connection refused: no server listens at this address"},
		{"unknown host", nil, Config{URL: "nats://nats.invalid:4222"}, "unknown host: check nats.url|the host name of the server could not be resolved"},
		{"web server", nil, Config{URL: "nats://" + web.Listener.Addr().String()}, "the server does not respond|the server at this address is not a NATS server|the server closed the connection"},
		{"no JetStream", func(o *server.Options) { o.JetStream = false }, Config{}, "JetStream is not enabled on the server"},
		{"no such domain", open, Config{Domain: "hub"}, "JetStream does not respond in the domain of nats.domain"},
		{"no JetStream in the account", func(o *server.Options) {
			account := server.NewAccount("A")
			o.Accounts, o.Users = []*server.Account{account}, []*server.User{{Username: "ops", Password: "right", Account: account}}
		}, Config{User: "ops", Password: secret.New("right")}, "JetStream is not enabled for this account|JetStream is not enabled on the server"},
		{"all is well", demanding, Config{CA: cert, Cert: cert, Key: key}, ""},
		{"all is well, handshake first", first, Config{CA: cert, TLSFirst: true}, ""},
		{"all is well, with a password", password, Config{User: "ops", Password: secret.New("right")}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := test.client
			if test.server != nil {
				url := serve(t, test.server)
				if c.URL != "" {
					c.URL += url[strings.LastIndexByte(url, ':'):]
				} else {
					c.URL = url
				}
			}
			lines := &recorded{}
			log := slog.New(slog.NewTextHandler(lines, nil))
			set := problems.NewSet(log)
			b, err := Open(c, nil, set, log, func(error) {})
			if err != nil {
				t.Fatal(err)
			}
			ended := make(chan struct{})
			go func() { b.Maintain(t.Context()); close(ended) }()
			t.Cleanup(func() { b.Close(); <-ended })
			check := func() error {
				if err := b.Usable(); err != nil {
					return err
				}
				ctx, cancel := context.WithTimeout(t.Context(), Timeout)
				defer cancel()
				_, err := b.JS.KeyValue(ctx, "none")
				switch {
				case errors.Is(err, jetstream.ErrBucketNotFound):
					return nil
				case errors.Is(err, nats.ErrNoResponders):
					err = jetstream.ErrJetStreamNotEnabled
				}
				return b.Explain(err)
			}
			explained := func(text string) bool {
				for want := range strings.SplitSeq(test.want, "|") {
					if strings.Contains(text, want) {
						return true
					}
				}
				return false
			}
			deadline := time.Now().Add(60 * time.Second)
			for err = check(); (test.want == "" && err != nil) || (test.want != "" && (err == nil || !explained(RedactLocations(err)))); err = check() {
				if time.Now().After(deadline) {
					t.Fatalf("got %v, want %s", err, test.want)
				}
				time.Sleep(20 * time.Millisecond)
			}
			if test.want == "" {
				return
			}
			if text := RedactLocations(err); strings.Contains(text, "127.0.0.1") || strings.Contains(text, "nats.invalid") || strings.Contains(text, t.TempDir()) {
				t.Errorf("names a place: %s", text)
			}
			if n := lines.count("outbound buffer"); n > 0 {
				t.Errorf("the log names a symptom %d times", n)
			}
			if n := lines.count("cannot connect to NATS"); n > 2 {
				t.Errorf("the log has %d lines about one cause", n)
			}
		})
	}
}

func TestReplacedNKeyIsUsedAtReconnect(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "seed")
	users := func(public string) func(*server.Options) {
		return func(o *server.Options) { o.Nkeys = []*server.NkeyUser{{Nkey: public}} }
	}
	options := natstest.Options(t)
	users(seed(t, path))(options)
	srv := natstest.Start(t, options)
	log := slog.New(slog.DiscardHandler)
	b, err := Open(Config{URL: srv.ClientURL(), NKey: path}, nil, problems.NewSet(log), log, func(error) {})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	connected := func() error {
		for deadline := time.Now().Add(30 * time.Second); !b.NATS.IsConnected(); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				return errors.Join(errors.New("no connection"), b.NATS.LastError())
			}
		}
		return nil
	}
	if err := connected(); err != nil {
		t.Fatal(err)
	}
	users(seed(t, path))(options) // both sides have another key now
	natstest.Stop(srv)
	natstest.Start(t, options)
	if err := connected(); err != nil {
		t.Error(err)
	}
}

func TestPublicErrorsHaveNoHostsAndPaths(t *testing.T) {
	for text, want := range map[string]string{
		"follower: another worker leads, at vm:/srv/o b.db": "follower: another worker leads, at … b.db",
		"open /var/lib/orderbeat.db: no space left":         "open …: no space left",
		"dial tcp 10.1.2.3:4222: i/o timeout":               "dial tcp …: i/o timeout",
		"dial tcp [fe80::1%eth0]:4222: refused":             "dial tcp …: refused",
		"connect to nats://hub.example.com:4222: x":         "connect to … x",
		"at hub.example.com:4222":                           "at …",
		"server big1 says no (code 10076)":                  "server … says no (code 10076)",
		"consumer is paused for another 1m0s":               "consumer is paused for another 1m0s",
	} {
		if got := RedactLocations(errors.New(text), "big1"); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	if got := RedactLocations(fmt.Errorf("bucket X: %w", &natsError{"no server listens there", errors.New("dial tcp 127.0.0.1:1")})); got != "no server listens there" {
		t.Errorf("got %s", got)
	}
}

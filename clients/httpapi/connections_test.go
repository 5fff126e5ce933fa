package httpapi_test

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
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"orderbeat/auth/secret"

	"orderbeat/auth"
	"orderbeat/auth/endpoint"
	"orderbeat/clients"
	"orderbeat/clients/clienttest"
	"orderbeat/clients/httpapi"
	"orderbeat/clients/section"
)

// secure is a section for a TLS server, and one that speaks HTTP/2 where it is to.
func secure(t *testing.T, server *httptest.Server, http2 bool, at string) section.Section {
	t.Helper()
	server.EnableHTTP2 = http2
	server.StartTLS()
	t.Cleanup(server.Close)
	if at == "" {
		at = server.Listener.Addr().String()
	}
	s := clienttest.Section("sample", "https://"+at)
	s.TLS.CA = filepath.Join(t.TempDir(), "ca.pem")
	writePEM(t, s.TLS.CA, "CERTIFICATE", server.Certificate().Raw)
	return s
}

func writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// question posts an idempotent question.
func question(ctx context.Context, h *httpapi.HTTP, base string) error {
	call := httpapi.Call{Op: "sample", Account: "detroit", Idempotent: true, Method: http.MethodPost, URL: base, Body: []byte("question")}
	return h.Do(ctx, call, func(body io.Reader) error { _, err := io.ReadAll(body); return err })
}

var protocols = map[string]bool{"HTTP/1.1": false, "HTTP/2": true}

// A connection that is dropped silently costs HTTP/1.1 one call, and HTTP/2 none: a ping
// finds out, and the question is sent again within its time.
func TestSilentlyDroppedConnectionIsReplaced(t *testing.T) {
	for name, http2 := range protocols {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				if (r.ProtoMajor == 2) != http2 {
					t.Errorf("got %s want %s", r.Proto, name)
				}
			}))
			relay := clienttest.NewRelay(t, server.Listener.Addr().String())
			s := secure(t, server, http2, relay.Addr().String())
			s.Timeout = 3 * time.Second
			h := httpapi.NewHTTP(s)
			for range 4 {
				if err := question(t.Context(), h, s.BaseURL); err != nil {
					t.Fatal(err)
				}
			}
			relay.Drop()
			var failed atomic.Int64
			var calls sync.WaitGroup
			for range 4 { // at once, so that the connection is never idle
				calls.Go(func() {
					if question(t.Context(), h, s.BaseURL) != nil {
						failed.Add(1)
					}
				})
			}
			calls.Wait()
			if n := failed.Load(); http2 && n > 0 {
				t.Errorf("got %d failed calls, want them sent again when the ping is not answered", n)
			}
			for range 4 {
				if err := question(t.Context(), h, s.BaseURL); err != nil {
					t.Errorf("got %v, want a new connection", err)
				}
			}
		})
	}
}

// keyed tells which connection a request came over, from 1.
func keyed(server *httptest.Server) func(*http.Request) int64 {
	type key struct{}
	var n atomic.Int64
	server.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		return context.WithValue(ctx, key{}, n.Add(1))
	}
	return func(r *http.Request) int64 { return r.Context().Value(key{}).(int64) }
}

// A backend that is being taken out of service answers 503 on the connections that it has.
func TestDrainedBackendIsLeft(t *testing.T) {
	for name, http2 := range protocols {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var drained atomic.Int64 // up to this connection
			server := httptest.NewUnstartedServer(nil)
			connection := keyed(server)
			server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if connection(r) <= drained.Load() {
					w.WriteHeader(http.StatusServiceUnavailable)
				}
			})
			s := secure(t, server, http2, "")
			s.Accounts = append(s.Accounts, clients.Account{Name: "other"}) // the breaker stays closed
			h := httpapi.NewHTTP(s)
			if err := question(t.Context(), h, s.BaseURL); err != nil {
				t.Fatal(err)
			}
			drained.Store(1)
			var err error
			for range 3 {
				err = question(t.Context(), h, s.BaseURL)
			}
			if err != nil {
				t.Errorf("got %v after three calls, want a new connection", err)
			}
		})
	}
}

func TestIdempotentRequestIsRetriedOnABrokenKeptConnection(t *testing.T) {
	for name, http2 := range protocols {
		for _, reset := range []bool{true, false} {
			for _, twice := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s/reset=%t/idempotent=%t", name, reset, twice), func(t *testing.T) {
					t.Parallel()
					var conns sync.Map
					server := httptest.NewUnstartedServer(nil)
					connection := keyed(server)
					number := server.Config.ConnContext
					server.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
						ctx = number(ctx, c)
						r := (&http.Request{}).WithContext(ctx)
						conns.Store(connection(r), c)
						return ctx
					}
					var breaks atomic.Int64
					server.Config.Handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
						_, _ = io.Copy(io.Discard, r.Body)
						n := connection(r)
						if n > breaks.Load() {
							return
						}
						c, _ := conns.Load(n)
						raw := c.(*tls.Conn).NetConn().(*net.TCPConn)
						if reset {
							_ = raw.SetLinger(0)
						}
						_ = raw.Close()
					})
					s := secure(t, server, http2, "")
					h := httpapi.NewHTTP(s)
					if err := question(t.Context(), h, s.BaseURL); err != nil {
						t.Fatal(err)
					}
					breaks.Store(1)
					err := h.Do(t.Context(), httpapi.Call{Op: "sample", Idempotent: twice, Method: http.MethodPost, URL: s.BaseURL, Body: []byte("question")}, func(io.Reader) error { return nil })
					if (err == nil) != twice {
						t.Errorf("got %v, want an answer: %t", err, twice)
					}
					breaks.Store(1000) // a new connection that breaks is the provider's doing
					if err := question(t.Context(), httpapi.NewHTTP(s), s.BaseURL); err == nil {
						t.Error("a connection that broke at once was tried again")
					}
				})
			}
		}
	}
}

func TestConnectionsHaveAMaximumAge(t *testing.T) {
	server := httptest.NewUnstartedServer(nil)
	connection := keyed(server)
	var last atomic.Int64
	server.Config.Handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { last.Store(connection(r)) })
	s := secure(t, server, true, "")
	s.MaxConnAge = time.Hour
	h := httpapi.NewHTTP(s)
	for range 3 {
		_ = question(t.Context(), h, s.BaseURL)
	}
	if n := last.Load(); n != 1 {
		t.Errorf("got %d connections in an hour, want 1", n)
	}
	s.MaxConnAge = time.Nanosecond
	h = httpapi.NewHTTP(s)
	for range 3 {
		_ = question(t.Context(), h, s.BaseURL)
	}
	if n := last.Load(); n != 4 {
		t.Errorf("got %d connections, want a new one for each call", n)
	}
}

// Two failures in a row may be the connection's.
func TestRepeatedFailuresDoNotBlameTheConnection(t *testing.T) {
	server := httptest.NewUnstartedServer(nil)
	connection := keyed(server)
	var last atomic.Int64
	server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		last.Store(connection(r))
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	s := secure(t, server, true, "")
	h := httpapi.NewHTTP(s)
	var numbers []int64
	for range 3 {
		_ = question(t.Context(), h, s.BaseURL)
		numbers = append(numbers, last.Load())
	}
	if numbers[1] != 1 || numbers[2] != 2 {
		t.Errorf("got the connections %v, want another after the second failure in a row", numbers)
	}
}

func TestPostWithoutABodyHasContentLengthZero(t *testing.T) {
	for name, c := range map[string]httpapi.Call{
		"POST":      {Method: http.MethodPost},
		"PUT":       {Method: http.MethodPut},
		"of nobody": {Method: http.MethodPost, Body: []byte{}},
	} {
		server := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if got := r.Header.Get("Content-Length"); got != "0" || len(r.TransferEncoding) > 0 {
				t.Errorf("%s: got Content-Length %q, Transfer-Encoding %v, want 0", name, got, r.TransferEncoding)
			}
		})
		c.Op, c.URL = "sample", server
		if err := httpapi.NewHTTP(clienttest.Section("sample", server)).Do(t.Context(), c, func(io.Reader) error { return nil }); err != nil {
			t.Error(err)
		}
	}
}

// proxy answers every CONNECT with a status, or makes the connection.
func proxy(t *testing.T, status int) string {
	t.Helper()
	return clienttest.Proxy(t, func() int { return status })
}

func TestFailingProxyIsNamed(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s := secure(t, server, false, "")
	closed := httptest.NewServer(nil)
	closed.Close()
	for name, c := range map[string]struct{ url, want string }{
		"407":     {proxy(t, 407), "requires a user name and a password (status 407)"},
		"403":     {proxy(t, 403), "does not connect (status 403)"},
		"502":     {proxy(t, 502), "does not connect (status 502)"},
		"503":     {proxy(t, 503), "does not connect (status 503)"},
		"is down": {closed.URL, "the proxy does not connect: dial: connect: connection refused"},
		"SOCKS":   {"socks5" + closed.URL[len("http"):], "the proxy does not connect: dial: connect: connection refused"},
		"TLS":     {"https" + proxy(t, 200)[len("http"):], "the proxy does not connect"},
	} {
		s.Proxy = secret.New(c.url)
		e := clients.AsError(question(t.Context(), httpapi.NewHTTP(s), s.BaseURL))
		if e == nil || e.Code != clients.CodeUnavailable || !strings.Contains(e.Message, c.want) || e.Hint == "" {
			t.Errorf("%s: got %+v, want %q", name, e, c.want)
		}
		// A source must not take it for a blocked address, however often.
		source := tokens(t, s)
		for range 4 {
			_, err := source.Token(t.Context())
			if e := clients.TokenError(asAuth(t, err)); e.Code != clients.CodeUnavailable || !strings.Contains(e.Message, c.want) {
				t.Errorf("%s: got %+v, want %q", name, e, c.want)
			}
			_ = source.Unlatch(t.Context())
		}
	}
	s.Proxy = secret.New(proxy(t, 200))
	if err := question(t.Context(), httpapi.NewHTTP(s), s.BaseURL); err != nil {
		t.Errorf("got %v, want an answer through the proxy", err)
	}
}

// tokens is a PTV source, which suspects a blocked address after three failed connections.
func tokens(t *testing.T, s section.Section) *auth.Source {
	t.Helper()
	source, err := auth.NewSource(auth.Config{
		Dialect: endpoint.PTV(), Provider: "sample", Environment: "test", TokenURL: s.BaseURL + "/token",
		ClientID: s.ClientID, ClientSecret: s.ClientSecret, Base: httpapi.NewTokenTransport(s.Config),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(source.Close)
	return source
}

func asAuth(t *testing.T, err error) *endpoint.Error {
	t.Helper()
	e, ok := errors.AsType[*endpoint.Error](err)
	if !ok {
		t.Fatalf("got %v want an *endpoint.Error", err)
	}
	return e
}

func TestRequiredClientCertificateIsReported(t *testing.T) {
	for name, http2 := range protocols {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			t.Run(fmt.Sprintf("%s/%s", name, tls.VersionName(version)), func(t *testing.T) {
				server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
				server.TLS = &tls.Config{MinVersion: version, MaxVersion: version, ClientAuth: tls.RequireAndVerifyClientCert}
				server.Config.ErrorLog = quiet()
				known, key := certificate(t)
				server.TLS.ClientCAs = x509.NewCertPool()
				if text, err := os.ReadFile(known); err != nil || !server.TLS.ClientCAs.AppendCertsFromPEM(text) {
					t.Fatal(err)
				}
				s := secure(t, server, http2, "")
				e := clients.AsError(question(t.Context(), httpapi.NewHTTP(s), s.BaseURL))
				if e == nil || e.Code != clients.CodeUnavailable || e.Message != "the server requires a client certificate" || e.Hint == "" {
					t.Errorf("got %+v, want the certificate named", e)
				}
				_, err := tokens(t, s).Token(t.Context())
				if e := asAuth(t, err); !strings.Contains(e.Reason, "the server requires a client certificate") {
					t.Errorf("the token endpoint: got %v, want the certificate named", err)
				}
				s.TLS.Cert, s.TLS.Key = certificate(t)
				e = clients.AsError(question(t.Context(), httpapi.NewHTTP(s), s.BaseURL))
				if e == nil || e.Message != "the server does not accept the client certificate" {
					t.Errorf("a certificate of nobody: got %+v, want it named", e)
				}
				s.TLS.Cert, s.TLS.Key = known, key
				if err := question(t.Context(), httpapi.NewHTTP(s), s.BaseURL); err != nil {
					t.Errorf("got %v, want the certificate accepted", err)
				}
			})
		}
	}
}

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

// certificate makes one of an unknown authority.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	writePEM(t, cert, "CERTIFICATE", der)
	writeKey(t, key, k)
	return cert, key
}

func writeKey(t *testing.T, path string, key any) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, path, "PRIVATE KEY", der)
}

// The environment's proxy is for providers that name none; a provider may have none at all.
func TestProviderWithoutAProxy(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s := secure(t, server, false, "")
	s.Proxy = secret.New("none")
	if err := question(t.Context(), httpapi.NewHTTP(s), s.BaseURL); err != nil {
		t.Error(err)
	}
}

func TestConnectionSettingsAreValidated(t *testing.T) {
	file := filepath.Join(t.TempDir(), "some.pem")
	if err := os.WriteFile(file, []byte("none"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*section.Config){
		"":                                     func(*section.Config) {},
		"proxy: must be a URL":                 func(c *section.Config) { c.Proxy = secret.New("proxy.example:3128") },
		"proxy: must be a URL like":            func(c *section.Config) { c.Proxy = secret.New("ftp://proxy") },
		"max_conn_age: must be more than 0":    func(c *section.Config) { c.MaxConnAge = -1 },
		"tls.ca: tls.ca has no certificate":    func(c *section.Config) { c.TLS.CA = file },
		"tls: cert and key go together":        func(c *section.Config) { c.TLS.Cert = file },
		"tls.cert: the client certificate can": func(c *section.Config) { c.TLS.Cert, c.TLS.Key = file, file },
	} {
		c := clienttest.Section("sample", "https://api.example").Config
		change(&c)
		if err := c.Check(); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

package worker_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"orderbeat/auth/secret"

	"github.com/google/go-cmp/cmp"

	"orderbeat/auth"
	"orderbeat/clients"
	"orderbeat/worker"
)

// asking sets a web listener and a provider whose user johndoe must grant access.
func asking(t *testing.T) func(c *worker.Config) {
	t.Helper()
	return func(c *worker.Config) {
		listening(c)
		c.Providers[0] = worker.Provider{
			Provider: &supplier{answer: lists(0), credentials: []*auth.Source{source(t, "johndoe", nil)}},
			Name:     "mazda", Kind: "mazda", Concurrency: 1, Accounts: []clients.Account{{Name: "one", User: "johndoe"}},
		}
	}
}

func TestForeignHostHeadersAreRejected(t *testing.T) {
	t.Parallel()
	b := start(t, func(c *worker.Config) {
		asking(t)(c)
		c.Web.ExternalURL = "https://o.example.com/ob"
	})
	for host, want := range map[string]int{
		"": 200, "127.0.0.1": 200, "127.0.0.1:9999": 200, "localhost:8321": 200, "LocalHost": 200, "[::1]:80": 200, "o.example.com": 200, "O.example.com:443": 200,
		"evil.example": 421, "127.0.0.1.evil.example": 421, "192.0.2.1": 421, "evil.example:8321": 421, "localhost.evil.example": 421,
	} {
		for _, path := range []string{"/metrics", "/"} {
			if resp, body := b.send(http.MethodGet, path, func(r *http.Request) { r.Host = host }); resp.StatusCode != want {
				t.Errorf("%s of host %q: got %d %s, want %d", path, host, resp.StatusCode, body, want)
			}
		}
	}
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/oauth/start/mazda?user=johndoe": 421, "/oauth/callback/mazda": 421, "/nowhere": 421} {
		if resp, body := b.send(http.MethodGet, path, func(r *http.Request) { r.Host = "evil.example" }); resp.StatusCode != want {
			t.Errorf("%s: got %d %s, want %d", path, resp.StatusCode, body, want)
		}
	}
}

func TestOtherSitesCannotBeginConsents(t *testing.T) {
	t.Parallel()
	b := start(t, asking(t))
	for name, test := range map[string]struct {
		site, mode, dest, user string
		want                   int
	}{
		"curl":                         {"", "", "", "", 303},
		"an address that is typed":     {"none", "navigate", "document", "?1", 303},
		"a page of our own":            {"same-origin", "navigate", "document", "", 303},
		"a link in a mail":             {"cross-site", "navigate", "document", "?1", 303},
		"an image":                     {"cross-site", "no-cors", "image", "", 403},
		"a frame":                      {"cross-site", "navigate", "iframe", "?1", 403},
		"a script":                     {"cross-site", "cors", "empty", "", 403},
		"an automatic redirect":        {"cross-site", "navigate", "document", "", 403},
		"another port of this machine": {"same-site", "no-cors", "image", "", 403},
	} {
		resp, body := b.send(http.MethodGet, "/oauth/start/mazda?user=johndoe", func(r *http.Request) {
			for key, value := range map[string]string{"Site": test.site, "Mode": test.mode, "Dest": test.dest, "User": test.user} {
				if value != "" {
					r.Header.Set("Sec-Fetch-"+key, value)
				}
			}
		})
		if resp.StatusCode != test.want {
			t.Errorf("%s: got %d %s, want %d", name, resp.StatusCode, body, test.want)
		}
	}
}

// shape is a response without its random parts.
func shape(resp *http.Response, body string) string {
	to, err := url.Parse(resp.Header.Get("Location"))
	if err != nil {
		return err.Error()
	}
	query := to.Query()
	for _, random := range []string{"state", "code_challenge"} {
		query.Set(random, fmt.Sprint(len(query.Get(random))))
	}
	to.RawQuery = query.Encode()
	return fmt.Sprintf("%d %s %q", resp.StatusCode, to, body)
}

func TestUsersAreIndistinguishableWithoutThePassword(t *testing.T) {
	t.Parallel()
	b := start(t, asking(t))
	known, unknown := shape(b.get("/oauth/start/mazda?user=johndoe")), shape(b.get("/oauth/start/mazda?user=nobody"))
	if diff := cmp.Diff(known, unknown); diff != "" || !strings.HasPrefix(known, "303 https://token.test/") {
		t.Errorf("(-known +unknown):\n%s", diff)
	}
	resp, _ := b.get("/oauth/start/mazda?user=nobody&again=1")
	to, err := url.Parse(resp.Header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	if back, page := b.get("/oauth/callback/mazda?code=canary&state=" + to.Query().Get("state")); back.StatusCode != 409 || !strings.Contains(page, "Nothing was changed") {
		t.Errorf("got %d %s, want nothing changed", back.StatusCode, page)
	}

	ops := start(t, func(c *worker.Config) {
		asking(t)(c)
		c.Web.User, c.Web.Password = "ops", secret.New("canary")
	})
	if resp, page := ops.send(http.MethodGet, "/oauth/start/mazda?user=nobody", func(r *http.Request) { r.SetBasicAuth("ops", "canary") }); resp.StatusCode != 404 || !strings.Contains(page, "No account of this provider has this user") {
		t.Errorf("with the password: got %d %s, want 404", resp.StatusCode, page)
	}
}

func TestConsentLinkIsForOneUser(t *testing.T) {
	t.Parallel()
	b := start(t, asking(t))
	var reply struct {
		Link      string
		ExpiresAt time.Time `json:"expires_at"`
	}
	b.decode(b.request("auth.authorize", `{"provider":"mazda","user":"johndoe"}`, nil).Data, &reply)
	if want := b.web + "/oauth/start/mazda?user=johndoe&again="; !strings.HasPrefix(reply.Link, want) || len(reply.Link) < len(want)+22 || time.Until(reply.ExpiresAt) > 10*time.Minute {
		t.Errorf("got %+v, want a link with a random word, for ten minutes", reply)
	}
	for body, want := range map[string]string{
		`{"provider":"mazda"}`: "invalid", `{"user":"johndoe"}`: "invalid", `{"provider":"mazda","user":"nobody"}`: "not_found", `{"provider":"nobody","user":"x"}`: "invalid",
	} {
		if g := b.ask("auth.authorize", body); g.Error.Code != want {
			t.Errorf("%s: got %+v, want %s", body, g.Error, want)
		}
	}
}

func TestWrongPasswordsAreLimitedAndLogged(t *testing.T) {
	t.Parallel()
	b := start(t, func(c *worker.Config) {
		listening(c)
		c.Web.User, c.Web.Password = "ops", secret.New("canary")
	})
	with := func(password string) int {
		resp, _ := b.send(http.MethodGet, "/metrics", func(r *http.Request) { r.SetBasicAuth("ops", password) })
		return resp.StatusCode
	}
	for range 20 {
		if got := with("canary"); got != 200 {
			t.Fatalf("got %d for the right password, want 200 as often as it comes", got)
		}
	}
	count := map[int]int{}
	for n := range 50 {
		count[with(fmt.Sprint("guess", n))]++
	}
	if count[401] < 5 || count[429] < 30 || count[401]+count[429] != 50 {
		t.Errorf("got %v, want most guesses not even looked at", count)
	}
	if got := with("canary"); got != 429 {
		t.Errorf("got %d, want no guess looked at, right or wrong", got)
	}
	if resp, _ := b.get("/readyz"); resp.StatusCode != 200 {
		t.Errorf("got %d, want probes answered", resp.StatusCode)
	}
	if n := b.logged.count("wrong password for the web listener"); n < 1 || n > 5 {
		t.Errorf("got %d lines about 50 guesses, want few", n)
	}
}

// pair writes a new certificate and its key.
func pair(t *testing.T, cert, key, name string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestChangedCertificateIsReloaded(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	cert, key := filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	pair(t, cert, key, "first.test")
	b := start(t, func(c *worker.Config) {
		listening(c)
		c.Web.Cert, c.Web.Key = cert, key
	})
	served := func() string {
		conn, err := tls.Dial("tcp", strings.TrimPrefix(b.web, "https://"), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].DNSNames[0]
	}
	if got := served(); got != "first.test" {
		t.Errorf("got %s, want the first certificate", got)
	}
	if err := os.WriteFile(cert, []byte("half a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.eventually("the failure is logged", func() bool {
		return served() == "first.test" && b.logged.count("failed to load the changed files of web.tls") == 1
	})
	pair(t, cert, key, "second.test")
	b.eventually("the new certificate is served", func() bool { return served() == "second.test" })
}

package main // an inside test: a main package cannot be imported

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/jobs"
)

// selfSigned writes a certificate for names or addresses, or else for this machine's loopback address, and
// its key, and returns the section's key that names them and what trusts the certificate.
func selfSigned(t *testing.T, folder string, names ...string) (section string, trust *tls.Config) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	if len(names) == 0 {
		names = []string{"127.0.0.1"}
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: secret}} {
		text := pem.EncodeToMemory(block)
		roots.AppendCertsFromPEM(text)
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return `tls = { cert = "cert.pem", key = "key.pem" }`, &tls.Config{RootCAs: roots}
}

// TestLoginOverTLS lets a user grant access through a listener with a certificate and a
// password while the command waits.
func TestLoginOverTLS(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	section, trust := selfSigned(t, folder)
	password := fmt.Sprintf("auth = { user = \"ops\", password = %q }\n", writeSecret(t, folder, "web-password", "open sesame"))
	stand := newOutside(t)
	p := startHere(t, dealers(t, folder, stand, webOn(t, "127.0.0.1", section+"\n"+password)))
	if !strings.HasPrefix(p.web, "https://127.0.0.1:") {
		t.Fatalf("got %s, want https", p.web)
	}
	r := do(t, "--config", p.config, "auth", "login", "mazda", "--user", "johndoe", "--print-url")
	if want := p.web + "/oauth/start/mazda?user=johndoe\n"; r.status != cli.Done || r.stdout != want || r.stderr != "" {
		t.Fatalf("got status %d, %q, %q, want the link alone: %s", r.status, r.stdout, r.stderr, want)
	}

	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	out, in := io.Pipe()
	ended := make(chan result, 1)
	go func() {
		var stdout, stderr bytes.Buffer
		a := newApp(func(string) string { return "" }, strings.NewReader(""), io.MultiWriter(in, &stdout), &stderr)
		status := a.Run(ctx, root(a), []string{"--config", p.config, "auth", "login", "mazda", "--user", "johndoe"}) //nolint:contextcheck // cobra passes ctx to the commands
		in.Close()
		ended <- result{status, stdout.String(), stderr.String()}
	}()
	link := make([]byte, len(r.stdout))
	if _, err := io.ReadFull(out, link); err != nil {
		t.Fatalf("%v: %+v", err, <-ended)
	}
	go io.Copy(io.Discard, out)

	b := newBrowser(t)
	b.client.Transport = &passing{base: &http.Transport{TLSClientConfig: trust}, to: p.web, user: "ops", password: "open sesame"}
	callback := b.answer(b.begin(strings.TrimSpace(string(link))), "johndoe", "grant")
	if !strings.HasPrefix(callback, p.web+"/oauth/callback/mazda?") {
		t.Errorf("got %.60s, want the browser sent back to the listener", callback)
	}
	if status, page := b.page(callback); status != http.StatusOK {
		t.Fatalf("got %d %s, want access granted", status, page)
	}
	if r := <-ended; r.status != cli.Done || !strings.HasSuffix(r.stdout, "mazda johndoe has granted access\n") {
		t.Errorf("got status %d, %s%s, want it told that access is granted", r.status, r.stdout, r.stderr)
	}
	if r := do(t, "--config", p.config, "auth", "login", "mazda", "--user", "johndoe"); r.status != cli.Done || r.stdout != "" || !strings.Contains(r.stderr, "has already granted access") {
		t.Errorf("got status %d, %q, %q, want nobody asked again", r.status, r.stdout, r.stderr)
	}
	if r := do(t, "--config", p.config, "auth", "login", "mazda", "--user", "nobody"); r.status != cli.Usage || !strings.Contains(r.stderr, "No account of this provider has this user") {
		t.Errorf("got status %d, %q, want an unknown user told", r.status, r.stderr)
	}
}

// TestForcedLoginReplacesAGrant requests consent again by a link that is valid once.
func TestForcedLoginReplacesAGrant(t *testing.T) {
	t.Parallel()
	stand := newOutside(t)
	p := startHere(t, dealers(t, t.TempDir(), stand, webOn(t, "127.0.0.1", "")))
	b := newBrowser(t)
	link := func(args ...string) string {
		t.Helper()
		r := do(t, append([]string{"--config", p.config, "auth", "login", "mazda", "--user", "johndoe", "--print-url"}, args...)...)
		if r.status != cli.Done {
			t.Fatalf("got status %d, %s", r.status, r.stderr)
		}
		return strings.TrimSpace(r.stdout)
	}
	b.grant(link(), "johndoe")
	forced := link("--force")
	if strings.HasSuffix(forced, "&again=1") || !strings.Contains(forced, "&again=") {
		t.Errorf("got %s, want a word that nobody can guess", forced)
	}
	if page := b.grant(forced, "johndoe"); !strings.Contains(page, "Access is granted") {
		t.Errorf("got %s, want access granted again", page)
	}
	guessed, _, _ := strings.Cut(forced, "again=")
	for _, used := range []string{forced, guessed + "again=1"} {
		if status, page := b.page(b.answer(b.begin(used), "johndoe", "grant")); status != http.StatusConflict {
			t.Errorf("%s: got %d %s, want nothing changed", used, status, page)
		}
	}
	if r := do(t, "--config", p.config, "auth", "login", "mazda", "--user", "nobody", "--force"); r.status != cli.Usage {
		t.Errorf("got status %d, %s, want an unknown user told", r.status, r.stderr)
	}
}

// passing sends the password to one site only, as a browser does.
type passing struct {
	base               http.RoundTripper
	to, user, password string
}

func (p *passing) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasPrefix(r.URL.String(), p.to) {
		r = r.Clone(r.Context())
		r.SetBasicAuth(p.user, p.password)
	}
	return p.base.RoundTrip(r)
}

// TestLoginByPaste grants access when no browser reaches the listener, here on IPv6.
func TestLoginByPaste(t *testing.T) {
	t.Parallel()
	stand := newOutside(t)
	p := startHere(t, dealers(t, t.TempDir(), stand, webOn(t, "[::1]", "")))
	p.publish("orderbeat.runs.mazda.check", "")
	p.results(1)
	b := newBrowser(t)
	for _, test := range []struct {
		name, user string
		pasted     func(callback string) string
		status     int
		says       string
	}{
		{"the whole address", "johndoe", func(c string) string { return c }, cli.Done, "Access is granted"},
		{"the code alone", "jane", func(c string) string {
			code, _, _ := strings.Cut(c[strings.Index(c, "code=")+len("code="):], "&")
			return code
		}, cli.Done, "Access is granted"},
	} {
		stdin, typed := io.Pipe()
		stdout, printed := io.Pipe()
		ended := make(chan result, 1)
		go func() {
			var all, stderr bytes.Buffer
			a := newApp(func(string) string { return "" }, stdin, io.MultiWriter(&all, printed), &stderr)
			status := a.Run(t.Context(), root(a), []string{"--config", p.config, "auth", "login", "mazda", "--user", test.user, "--paste"})
			printed.Close()
			ended <- result{status, all.String(), stderr.String()}
		}()
		authorize := make([]byte, 4096)
		n, err := stdout.Read(authorize)
		if err != nil {
			t.Fatalf("%s: %v %+v", test.name, err, <-ended)
		}
		go io.Copy(io.Discard, stdout)
		callback := b.answer(strings.TrimSpace(string(authorize[:n])), test.user, "grant")
		if !strings.HasPrefix(callback, "http://[::1]:") {
			t.Errorf("%s: got %.60s, want the listener's own address", test.name, callback)
		}
		_, _ = fmt.Fprintln(typed, test.pasted(callback))
		if r := <-ended; r.status != test.status || !strings.Contains(r.stdout, test.says) {
			t.Errorf("%s: got status %d, %s%s, want %d: %s", test.name, r.status, r.stdout, r.stderr, test.status, test.says)
		}
	}
	for _, r := range p.results(3)[1:] {
		if r.State != jobs.Succeeded || !strings.HasPrefix(r.Trigger, "consent:") {
			t.Errorf("got %+v, want what was missed to succeed", r)
		}
	}
}

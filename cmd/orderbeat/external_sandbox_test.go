package main // an inside test: a main package cannot be imported

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"orderbeat/clients/sandbox"
	"orderbeat/worker/bus/natstest"
)

// outside is an external sandbox, which outlives the program and records all traffic.
type outside struct {
	t   *testing.T
	url string

	mu      sync.Mutex // guards the rest
	wire    bytes.Buffer
	stopped time.Time // when its clock was stopped, zero while it goes on
}

func newOutside(t *testing.T) *outside {
	t.Helper()
	o := &outside{t: t}
	stand := sandbox.New(sandbox.Options{Now: o.now})
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		answer := httptest.NewRecorder()
		stand.ServeHTTP(answer, r)
		o.keep(r, body, answer)
		maps.Copy(rw.Header(), answer.Header())
		rw.WriteHeader(answer.Code)
		_, _ = rw.Write(answer.Body.Bytes())
	}))
	t.Cleanup(server.Close)
	o.url = server.URL
	return o
}

func (o *outside) now() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.stopped.IsZero() {
		return time.Now()
	}
	return o.stopped
}

// stopClock stops changes of orders.
func (o *outside) stopClock() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stopped = time.Now()
}

func (o *outside) keep(r *http.Request, body []byte, answer *httptest.ResponseRecorder) {
	o.mu.Lock()
	defer o.mu.Unlock()
	fmt.Fprintf(&o.wire, "%s %s\n%s\n%s\n%d\n%s\n%s\n", r.Method, r.URL, headers(r.Header), body, answer.Code, headers(answer.Header()), answer.Body)
}

func headers(h http.Header) string {
	var b strings.Builder
	_ = h.Write(&b)
	return b.String()
}

// count returns the number of requests with a method and path.
func (o *outside) count(asked string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(regexp.MustCompile(`(?m)^`+regexp.QuoteMeta(asked)+`(\?.*)?$`).FindAll(o.wire.Bytes(), -1))
}

// secret matches values on the wire that must not appear anywhere else.
var secret = []*regexp.Regexp{
	regexp.MustCompile(`"(?:access|refresh)_token" ?: ?"([^"]+)"`),
	regexp.MustCompile(`(?m)[?&](?:code|state)=([^&\s]+)`),
	regexp.MustCompile(`(?m)(?:^|&)(?:code|code_verifier|refresh_token|token|client_secret)=([^&\s]+)`),
	regexp.MustCompile(`"client_secret" ?: ?"([^"]+)"`),
	regexp.MustCompile(`(?m)^Authorization: (?:Basic|Bearer) (\S+)`),
}

// secrets returns all of them, in every encoding in which they could be echoed.
func (o *outside) secrets(more ...string) []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	found := map[string]bool{}
	add := func(value string) {
		for _, spelt := range []string{value, url.QueryEscape(value), base64.StdEncoding.EncodeToString([]byte(value))} {
			found[spelt] = true
		}
	}
	for _, value := range more {
		add(value)
	}
	for _, pattern := range secret {
		for _, match := range pattern.FindAllSubmatch(o.wire.Bytes(), -1) {
			value := string(match[1])
			if plain, err := url.QueryUnescape(value); err == nil {
				add(plain)
			}
			add(value)
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// post calls one of the sandbox's control endpoints.
func (o *outside) post(path, body string) {
	o.t.Helper()
	resp, err := http.Post(o.url+path, "application/json", strings.NewReader(body))
	if err != nil {
		o.t.Fatal(err)
	}
	defer resp.Body.Close()
	if answer, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode >= 300 {
		o.t.Fatalf("%s: %s %v %s", path, resp.Status, err, answer)
	}
}

// freePort returns a free port of this machine.
func freePort(t *testing.T) string {
	t.Helper()
	return strconv.Itoa(natstest.FreePort(t))
}

// writeSecret puts a secret into a file of a folder, and returns the reference to it.
func writeSecret(t *testing.T, folder, name, value string) string {
	t.Helper()
	if err := os.WriteFile(filepath.Join(folder, name), []byte(value+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return "file:" + name
}

// dealers is a configuration with Mazda at an external sandbox: two accounts of johndoe and one
// of jane. more comes before the providers.
func dealers(t *testing.T, folder string, o *outside, more string) (path string) {
	t.Helper()
	text := fmt.Sprintf(`
[nats]
listen = "127.0.0.1:%s"
sync = "2m"
%s
[providers.mazda]
kind = "mazda"
base_url = %q
client_id = %q
client_secret = %q
[[providers.mazda.accounts]]
name = "north"
user = "johndoe"
org = "10030/MMD"
[[providers.mazda.accounts]]
name = "south"
user = "johndoe"
org = "10031/MMD"
[[providers.mazda.accounts]]
name = "west"
user = "jane"
org = "10032/MMD"
`, freePort(t), more, o.url, writeSecret(t, folder, "mazda-id", sandbox.MazdaClientID), writeSecret(t, folder, "mazda-secret", sandbox.MazdaClientSecret))
	path = filepath.Join(folder, "config.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// webOn is the section of a web listener on a free port.
func webOn(t *testing.T, host, more string) string {
	t.Helper()
	return fmt.Sprintf("[web]\nlisten = \"%s:%s\"\n%s\n", host, freePort(t), more)
}

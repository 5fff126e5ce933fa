package sandbox_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"orderbeat/clients/sandbox"
)

const (
	tokenPath  = "/idp/v2/b2b/oauth2/token"
	introPath  = "/idp/v2/b2b/oauth2/introspect"
	statusPath = "/order/amn/C1_1/status"

	desadvPath   = "/desadv/amn/C1_0/desadv"
	invoicesPath = "/invoice/amn/B3_4/invoices"
)

// noon of a Friday in Detroit.
var noon = time.Date(2026, 11, 20, 17, 0, 0, 0, time.UTC)

// bench is a sandbox that listens, with a clock that the test moves.
type bench struct {
	*sandbox.Sandbox
	url   string
	clock atomic.Int64 // Unix nanoseconds
}

func newBench(tb testing.TB) *bench {
	tb.Helper()
	b := &bench{}
	b.clock.Store(noon.UnixNano())
	b.Sandbox = sandbox.New(sandbox.Options{Now: b.now})
	b.listen(tb)
	return b
}

func (b *bench) listen(tb testing.TB) {
	tb.Helper()
	server := httptest.NewServer(b)
	tb.Cleanup(server.Close)
	b.url = server.URL
}

func (b *bench) now() time.Time          { return time.Unix(0, b.clock.Load()) }
func (b *bench) advance(d time.Duration) { b.clock.Add(int64(d)) }

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// send sends a request; set edits it first.
func (b *bench) send(t *testing.T, method, path, body string, set ...func(*http.Request)) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, b.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, edit := range set {
		edit(r)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(got)}
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

var (
	asForm = header("Content-Type", "application/x-www-form-urlencoded")
	asJSON = header("Content-Type", "application/json")
)

func bearer(token string) func(*http.Request) { return header("Authorization", "Bearer "+token) }

func credentials() url.Values {
	return url.Values{
		"client_id": {sandbox.ClientID}, "client_secret": {sandbox.ClientSecret}, "grant_type": {"client_credentials"},
	}
}

// token obtains an access token.
func (b *bench) token(t *testing.T) string {
	t.Helper()
	a := b.send(t, http.MethodPost, tokenPath, credentials().Encode(), asForm)
	var got struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.status != http.StatusOK {
		t.Fatalf("token: status %d, %v", a.status, err)
	}
	return got.AccessToken
}

// ask asks for order status with a fresh token.
func (b *bench) ask(t *testing.T, body string) answer {
	t.Helper()
	return b.send(t, http.MethodPost, statusPath, body, asJSON, bearer(b.token(t)))
}

// decode reads an answer's body, keeping every member.
func decode(t *testing.T, body string) map[string]any {
	t.Helper()
	var m map[string]any
	d := json.NewDecoder(bytes.NewReader([]byte(body)))
	if err := d.Decode(&m); err != nil {
		t.Fatalf("%v in %.200q", err, body)
	}
	return m
}

func TestRestartChangesNothing(t *testing.T) {
	before, after := newBench(t), newBench(t)
	query := openAPI(byDate("2026-08-23", "2026-11-20"))
	first := before.ask(t, query).body
	for _, later := range []time.Duration{0, 20 * time.Second, time.Hour} {
		before.advance(later)
		after.clock.Store(before.clock.Load())
		got, want := after.ask(t, query).body, before.ask(t, query).body
		if got != want {
			t.Errorf("%s later, two sandboxes of the same clock tell different orders", later)
		}
		if moved := got != first; moved != (later > 0) {
			t.Errorf("%s later: orders moved: %v", later, moved)
		}
	}
}

func TestManyAskAtOnce(t *testing.T) {
	b := newBench(t)
	token := b.token(t)
	body := portal(byDate("2026-11-06", "2026-11-20"))
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 5 {
				r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, statusPath, strings.NewReader(body))
				asJSON(r)
				bearer(token)(r)
				w := httptest.NewRecorder()
				b.ServeHTTP(w, r)
				if w.Code != http.StatusOK {
					t.Errorf("status %d", w.Code)
				}
				b.advance(20 * time.Second)
				b.Fail(sandbox.Fault{Op: sandbox.OpIntrospect, Status: http.StatusBadGateway})()
			}
		})
	}
	all.Wait()
	if got, want := b.Stats(), (sandbox.Stats{TokenRequests: 1, TokensIssued: 1, OrderStatus: 40}); got != want {
		t.Errorf("counted %+v, want %+v", got, want)
	}
}

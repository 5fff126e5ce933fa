package sandbox_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"time"

	"orderbeat/auth/authtest"
	"orderbeat/clients/sandbox"
)

const (
	planningsPath = "/planning/v1/plannings"
	enquiryPath   = "/card-management/v1/ordercardenquiry"
	archivePath   = "/IBV/GetArchiveReport"
	mazdaPath     = "/mazda/parts-orders"
)

const sandboxDay = 20 * time.Second

// caller asks a provider's API, with a token that outlives every test.
type caller struct {
	*bench
	token string
	set   []func(*http.Request) // for every request
}

func newCaller(t *testing.T, provider authtest.Dialect, set ...func(*http.Request)) *caller {
	t.Helper()
	b := &bench{}
	b.clock.Store(noon.UnixNano())
	b.Sandbox = sandbox.New(sandbox.Options{Now: b.now, TokenTTL: 10_000 * time.Hour})
	b.listen(t)
	status, got := b.obtain(t, provider, "")
	if status != http.StatusOK {
		t.Fatalf("token: status %d", status)
	}
	return &caller{bench: b, token: got.Access, set: append(set, bearer(got.Access))}
}

func (c *caller) call(t *testing.T, method, path, body string, set ...func(*http.Request)) answer {
	t.Helper()
	return c.send(t, method, path, body, slices.Concat(c.set, set)...)
}

// read is a call that must be answered 200.
func (c *caller) read(t *testing.T, into any, method, path, body string, set ...func(*http.Request)) {
	t.Helper()
	a := c.call(t, method, path, body, set...)
	if a.status != http.StatusOK {
		t.Fatalf("%s %s: status %d: %s", method, path, a.status, a.body)
	}
	if err := json.Unmarshal([]byte(a.body), into); err != nil {
		t.Fatalf("%s %s: %v in %.200q", method, path, err, a.body)
	}
}

package main // an inside test: a main package cannot be imported

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients"
	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/db/outbox"
	"orderbeat/jobs"
)

// acmeLine and sixthOrder are the orders of an invented API.
type acmeLine struct {
	Pos   int    `json:"pos"`
	SKU   string `json:"sku"`
	Qty   string `json:"qty"`
	Sent  string `json:"sent"`
	Due   string `json:"due"`
	State string `json:"state"`
	ETA   int64  `json:"eta"` // milliseconds
}

type sixthOrder struct {
	No     string     `json:"no"`
	PO     string     `json:"po"`
	Placed string     `json:"placed"`
	Lines  []acmeLine `json:"lines"`
}

// sixthAPI is its server, with five orders, two to a page.
type sixthAPI struct {
	url string

	mu     sync.Mutex // guards the rest
	orders []sixthOrder
	busy   int    // number of requests that get 429
	wrong  string // error message in every successful response
	asked  []string
}

const sixthKey = "canary-acme-key"

func newSixth(t *testing.T) *sixthAPI {
	t.Helper()
	a := &sixthAPI{}
	for n := range 5 {
		a.orders = append(a.orders, sixthOrder{
			No: fmt.Sprint("A-", n+1), PO: fmt.Sprint("PO-", n+1), Placed: "31/12/2025",
			Lines: []acmeLine{{Pos: 10, SKU: "SMPL-1", Qty: "4", Sent: "0", Due: "4", State: "ORDERED", ETA: 1767571200000}},
		})
	}
	server := httptest.NewServer(http.HandlerFunc(a.serve))
	t.Cleanup(server.Close)
	a.url = server.URL
	return a
}

func (a *sixthAPI) serve(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, r.Method+" "+r.URL.RequestURI())
	const perPage = 2
	page, err := strconv.Atoi(r.URL.Query().Get("page"))
	switch {
	case r.Header.Get("X-Acme-Key") != sixthKey:
		w.WriteHeader(http.StatusUnauthorized)
		return
	case a.busy > 0:
		a.busy--
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
		return
	case err != nil || page < 1:
		w.WriteHeader(http.StatusBadRequest)
		return
	case a.wrong != "":
		_ = json.NewEncoder(w).Encode(map[string]any{"ok": false, "reason": a.wrong})
		return
	}
	begin := min((page-1)*perPage, len(a.orders))
	_ = json.NewEncoder(w).Encode(map[string]any{
		"ok": true, "page": page, "total_pages": (len(a.orders) + perPage - 1) / perPage,
		"orders": a.orders[begin:min(begin+perPage, len(a.orders))],
	})
}

// set changes something while no request runs, and clears the recorded requests.
func (a *sixthAPI) set(change func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = nil
	change()
}

func (a *sixthAPI) calls() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.asked)
}

// sixth is a configuration whose only provider is declared in a file of its own.
func sixth(t *testing.T, folder, url string) (path string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "acme.toml"))
	if err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf(`
[nats]
listen = "127.0.0.1:%s"
sync = "2m"
[web]
listen = ""
[log]
level = "debug"
[providers.acme]
kind = "declared"
declaration = "acme.toml"
base_url = %q
api_key = %q
[[providers.acme.accounts]]
name = "main"
bill_to = "C-77"
timezone = "Europe/London"
`, freePort(t), url, writeSecret(t, folder, "acme-key", sixthKey))
	path = filepath.Join(folder, "config.toml")
	for name, content := range map[string][]byte{path: []byte(config), filepath.Join(folder, "acme.toml"): text} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// TestSixthProviderIsAddedByTOMLAlone adds an unknown API, and follows its orders: through a
// 429, a change, an error in a successful response, and an invalid response.
func TestSixthProviderIsAddedByTOMLAlone(t *testing.T) {
	t.Parallel()
	acme, folder := newSixth(t), t.TempDir()
	config := sixth(t, folder, acme.url)
	checked := do(t, "--config", config, "check")
	if checked.status != cli.Done || !strings.Contains(checked.stdout, "  2 samples tried: OK\n") {
		t.Fatalf("got status %d, %s%s, want two samples that are right", checked.status, checked.stdout, checked.stderr)
	}
	p := startHere(t, config)
	runs := 0
	ask := func() jobs.Run {
		t.Helper()
		p.publish("orderbeat.runs.acme.sync", `{"from":"2025-12-01","to":"2026-01-31"}`)
		runs++
		return p.results(runs)[runs-1]
	}

	acme.set(func() { acme.busy = 1 })
	if r := ask(); r.State != jobs.Succeeded || r.Orders.Created != 5 {
		t.Fatalf("got %+v, want five orders in spite of a 429", r)
	}
	const asked = "GET /v2/purchase-orders?customer=C-77&from=01%2F12%2F2025&page="
	const upTo = "&to=31%2F01%2F2026"
	want := []string{asked + "1" + upTo, asked + "1" + upTo, asked + "2" + upTo, asked + "3" + upTo}
	if diff := cmp.Diff(want, acme.calls()); diff != "" {
		t.Errorf("the calls (-want +got):\n%s", diff)
	}
	var reply struct{ Order clients.Order }
	p.decode(p.request("orders.get", `{"provider":"acme","account":"main","order_id":"A-3"}`), &reply)
	if o := reply.Order; o.Reference != "PO-3" || o.OrderedOn != "2025-12-31" || o.Status != clients.StatusOpen || o.PromisedOn != "2026-01-05" || o.OrderedQuantity != clients.Pieces(4) {
		t.Errorf("got %+v, want its odd dates and quantities read", o)
	}

	// A change is published with the value before.
	acme.set(func() {
		line := &acme.orders[2].Lines[0]
		line.State, line.Sent, line.Due = "PART SENT", "1", "3"
	})
	if r := ask(); r.State != jobs.Succeeded || r.Orders.Changed != 1 || r.Orders.Unchanged != 4 {
		t.Errorf("got %+v, want one change", r)
	}
	events := p.events(6)
	p.inStep(events)
	changes := told(t, events[5])
	for path, want := range map[string]string{
		"status": `"open" -> "partially_shipped"`, "shipped_quantity": "0 -> 1", "lines/10/shipped": "null -> 1", "lines/10/open": "4 -> null",
	} {
		if changes[path] != want {
			t.Errorf("%s of %s: got %s, want %s", path, events[5].OrderID, changes[path], want)
		}
	}

	// An error in a successful response is a failure with its message.
	acme.set(func() { acme.wrong = "no such customer" })
	if r := ask(); r.State != jobs.Failed || r.Errors[0].Code != clients.CodeInvalid || !strings.Contains(r.Errors[0].Message, "no such customer") || !strings.Contains(r.Errors[0].Hint, "customer number") {
		t.Errorf("got %+v, want what the answer says", r)
	}

	// An order that cannot be mapped is reported and not changed; the others are stored.
	acme.set(func() {
		acme.wrong = ""
		acme.orders[0].Lines[0].State = "SENT"
		acme.orders[2].Lines[0].Sent = "several"
	})
	r := ask()
	if r.State != jobs.Partial || r.Orders.Changed != 1 || r.Errors[0].Code != clients.CodeBadResponse || !strings.Contains(r.Errors[0].Message, "orders[2].lines[0].shipped: is not a whole number") {
		t.Errorf("got %+v, want the job partial, bad_response and where", r)
	}
	if n := p.count("order_events"); n != 7 {
		t.Errorf("got %d events, want one of the order that changed, and none of the one that cannot be mapped", n)
	}
	acme.set(func() { acme.orders[2].Lines[0].Sent = "1" })
	if r := ask(); r.State != jobs.Succeeded || r.Orders.Unchanged != 5 {
		t.Errorf("got %+v, want the order as it was, once it can be read", r)
	}
	p.inStep(p.events(7))

	doctor := do(t, "--config", config, "doctor")
	said := checked.stdout + doctor.stdout + doctor.stderr + string(p.request("providers.list", ""))
	messages := p.everyMessage()
	p.stop()
	places := filesBelow(t, filepath.Join(folder, "data"))
	maps.Copy(places, map[string]string{"the log": p.logged.String(), "a message": messages, "a command": said})
	for place, content := range places {
		if strings.Contains(content, sixthKey) {
			t.Errorf("%s tells the key", place)
		}
	}
}

// told returns the changes of an event, as "before -> after" by path.
func told(t *testing.T, e outbox.EventBody) map[string]string {
	t.Helper()
	var changes []struct {
		Path          string
		Before, After json.RawMessage
	}
	if err := json.Unmarshal(e.Changes, &changes); err != nil {
		t.Fatal(err)
	}
	by := map[string]string{}
	for _, c := range changes {
		by[c.Path] = fmt.Sprintf("%s -> %s", c.Before, c.After)
	}
	return by
}

package declared_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients"
)

// A sample is the answer as it came, without its secrets.
func TestSampleIsTheRedactedResponse(t *testing.T) {
	const body = `{"orders": [
  {"id": "SO4500012345", "po": "ACME-TYRES-7731", "date": "2026-01-05T08:00:00.123456Z", "sent": 1767600000, "amount": 1234567.25,
   "driverName": "Wanda Example", "token": "canary-token", "state": "open", "code": "DISPATCHED", "card": "4111111111111111"},
  {"id": "SO4500012346", "parent": "SO4500012345"}, {"id": "SO4500012347"}, {"id": "SO4500012348"}
]}`
	text := strings.Replace(simple(""), "{order_id: .id}", "{order_id: .id, reference: .po, ordered_on: .date}", 1)
	a := answering(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) })
	c := written(t, a.URL, text)
	first, err := c.First(t.Context(), window())
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.Sample(t.Context(), first, "a sample")
	if err != nil || s.Orders != 4 {
		t.Fatalf("got %+v, %v, want all 4 orders", s, err)
	}
	if n, err := written(t, a.URL, text+"\n[[samples]]\n"+s.Text).CheckSamples(t.Context()); n.Tried != 1 || err != nil {
		t.Errorf("got %+v and %v, want one that is right:\n%s", n, err, s.Text)
	}
	for _, secret := range []string{"canary", "4111"} {
		if strings.Contains(s.Text, secret) {
			t.Errorf("the sample has %q:\n%s", secret, s.Text)
		}
	}
	for _, kept := range []string{"SO4500012348", "ACME-TYRES-7731", "2026-01-05T08:00:00.123456Z", "1767600000", "1234567.25", "Wanda Example", `"code": "DISPATCHED"`} {
		if !strings.Contains(s.Text, kept) {
			t.Errorf("the sample lacks %q:\n%s", kept, s.Text)
		}
	}
}

func TestSamplesOfRequestedItems(t *testing.T) {
	a := answering(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/orders":
			fmt.Fprint(w, `{"orders": [{"id": "P-7000001", "who": "\u007f"}, {"id": "P-7000002"}]}`)
		case "/orders/P-7000001":
			http.Error(w, "none", http.StatusNotFound)
		default:
			fmt.Fprint(w, `{"id": "P-7000001", "quote": "it's '''quoted''' \\", "state": "open"}`)
		}
	})
	text := `scheme = "none"
map = '{order_id: ($item.id // $order_id), status: (if $status == 404 then "open" else .state end), lines: [select(.quote) | {line_id: "1", description: .quote}]}'
[orders]
path = "/orders"
[orders.each]
items = ".orders[]"
path = '/orders/\($item.id)'
empty = [404]
[fetch]
path = '/named/\($order_id)'
`
	c := written(t, a.URL, text)
	for name, q := range map[string]clients.Query{"an item that there is nothing about": window(), "an order with quotation marks": named("P-7000001")} {
		t.Run(name, func(t *testing.T) {
			first, err := c.First(t.Context(), q)
			if err != nil || len(first.Orders) != 1 || first.More == q.ByReference() {
				t.Fatalf("got %+v, %v, want one order, and more of a list only", first.Answer, err)
			}
			s, err := c.Sample(t.Context(), first, `a "quoted" name`)
			if err != nil {
				t.Fatal(err)
			}
			again := written(t, a.URL, text+"[[samples]]\n"+s.Text)
			if n, err := again.CheckSamples(t.Context()); n.Tried != 1 || err != nil {
				t.Errorf("got %+v and %v, want one that is right:\n%s", n, err, s.Text)
			}
			if q.ByReference() != strings.Contains(s.Text, "order_id  = ") || q.ByReference() == strings.Contains(s.Text, "status    = 404") {
				t.Errorf("got:\n%s", s.Text)
			}
		})
	}
	want := []string{"GET /orders", "GET /orders/P-7000001", "GET /named/P-7000001"}
	got := a.asked()
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestSampleRequestsTheFirstPageOnly(t *testing.T) {
	a := answering(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"orders": [{"id": "A%s"}], "pages": 3}`, r.URL.Query().Get("page"))
	})
	c := written(t, a.URL, simple("query = { page = '\\($page)' }\npaging = { by = \"page\", pages = \".pages\" }\n"))
	first, err := c.First(t.Context(), window())
	if err != nil || !first.More || !slices.Equal(ids(first.Answer), []string{"A1"}) || len(a.asked()) != 1 {
		t.Errorf("got %+v, %v with %v", first, err, a.asked())
	}
}

func TestResponsesWithoutASample(t *testing.T) {
	with := func(program string) string {
		return strings.Replace(simple(""), ".orders[] | {order_id: .id}", program, 1)
	}
	for name, c := range map[string]struct{ text, body, want string }{
		"nothing":                        {simple(""), `{"orders": []}`, "has no orders"},
		"what must be kept nowhere":      {"exchanges = \"metadata\"\n" + simple(""), `{"orders": [{"id": "A1"}]}`, `exchanges = "metadata"`},
		"a mapping that needs a secret":  {with(`.orders[] | select(.token == "x1") | {order_id: .id}`), `{"orders": [{"id": "A1", "token": "x1"}]}`, "returns no orders for the redacted response"},
		"a mapping that fails without":   {with(`.orders[] | if .token != "x1" then error("who") else {order_id: .id} end`), `{"orders": [{"id": "A1", "token": "x1"}]}`, "cannot be mapped"},
		"more than anybody would review": {simple(""), `{"orders": [{"id": "A1", "note": "` + strings.Repeat("x", 300<<10) + `"}]}`, "request one order, or fewer days"},
	} {
		t.Run(name, func(t *testing.T) {
			a := answering(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, c.body) })
			p := written(t, a.URL, c.text)
			first, err := p.First(t.Context(), window())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := p.Sample(t.Context(), first, ""); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q in it", err, c.want)
			}
		})
	}
}

package declared_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients"
	"orderbeat/clients/declared"
)

// sampled asks a server that answers with a body, makes a sample, and tries it.
func sampled(t *testing.T, text, body string) (sample string, replaced []string) {
	t.Helper()
	a := answering(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) })
	c := written(t, a.URL, text)
	first, err := c.First(t.Context(), window())
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.Sample(t.Context(), first, "a sample")
	if err != nil {
		t.Fatal(err)
	}
	again := written(t, a.URL, text+"\n[[samples]]\n"+s.Text)
	if n, err := again.CheckSamples(t.Context()); n != 1 || err != nil {
		t.Errorf("got %d samples and %v, want one that is right:\n%s", n, err, s.Text)
	}
	return s.Text, s.Replaced
}

func TestASampleTellsOfNobody(t *testing.T) {
	const body = `{"orders": [
  {"id": "SO4500012345", "po": "ACME-TYRES-7731", "date": "2026-01-05T08:00:00.123456Z", "sent": 1767600000, "sentAt": 1767600000, "amount": 1234567.25, "n": 12000,
   "status": {"name": "Shipped"}, "lines": [{"no": 1, "name": "Sample tyre"}],
   "driverName": "Wanda Example", "note": "call Wanda Example about SO4500012345, +1 313 555 0100, or wanda@example.org",
   "customer": {"name": "Example Tyres Ltd", "billTo": "BILL-99887"}, "contact": {"first": "Wanda", "country": "GB", "age": 44, "born": {"birthDate": "1980-02-03"}},
   "token": "canary-token", "state": "open", "code": "DISPATCHED", "card": "4111111111111111", "cardNumber": "7077320000000000000", "text": "for Wanda Example <wanda@example.org> of Example Tyres Ltd",
   "plate": "AB12 CDE", "rq": "0b5e6c1e-8f6a-4e0c-9a57-3f2f5a1b2c3d", "city": "Null", "seen": "2026-02-07T08:00:00.654321Z"},
  {"id": "SO4500012346", "po": "ACME-TYRES-7731", "date": "20260106", "driverName": "Wanda Example", "parent": "SO4500012345"},
  {"id": "SO4500012347"}, {"id": "SO4500012348"}
]}`
	text := simple("") + "map = '''.orders[] | {order_id: .id, reference: .po, ordered_on: .date, lines: [.lines[]? | {line_id: .no, description: .name}]}'''\n"
	text = strings.Replace(text, "map = '.orders[] | {order_id: .id}'\n", "", 1)
	got, replaced := sampled(t, text, body)
	for _, secret := range []string{
		"45000", "ACME", "TYRES", "7731", "Wanda", "wanda", "313", "0100", "Tyres Ltd", "99887", "1980", "canary", "4111", "7077", "AB12", "0b5e", "44",
	} {
		if strings.Contains(got, secret) {
			t.Errorf("the sample tells %q:\n%s", secret, got)
		}
	}
	for _, kept := range []string{"2026-01-05T08:00:00.123456Z", `"sentAt": 1767600000`, `"amount": 1234567.25`, `"n": 12000`, `"name": "Shipped"`, `"name": "Sample tyre"`, `"country": "GB"`, `"city": "Null"`, "2026-02-07T08:00:00.654321Z", `"state": "open"`, `"code": "DISPATCHED"`, "20260106"} {
		if !strings.Contains(got, kept) {
			t.Errorf("the sample lacks %q, which is nobody's:\n%s", kept, got)
		}
	}
	if n := strings.Count(got, `"id": "SO`); n != 3 {
		t.Errorf("got %d orders, want a list cut to 3", n)
	}
	want := []string{"age", "billTo", "birthDate", "driverName", "first", "id", "name", "note", "parent", "plate", "po", "rq", "sent", "text"}
	if diff := cmp.Diff(want, replaced); diff != "" {
		t.Errorf("what was replaced (-want +got):\n%s\n%s", diff, got)
	}
	// What belonged together does.
	id := between(t, got, `"id": "`)
	if strings.Count(got, id) < 3 || strings.Count(got, between(t, got, `"driverName": "`)) < 3 {
		t.Errorf("want the same for the same:\n%s", got)
	}
}

// between is what stands behind a text, to the next quotation mark.
func between(t *testing.T, text, before string) string {
	t.Helper()
	_, rest, ok := strings.Cut(text, before)
	value, _, closed := strings.Cut(rest, `"`)
	if !ok || !closed || value == "" {
		t.Fatalf("there is no %s in:\n%s", before, text)
	}
	return value
}

func TestSamplesOfWhatIsAskedAbout(t *testing.T) {
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
			if n, err := again.CheckSamples(t.Context()); n != 1 || err != nil || strings.Contains(s.Text, "700000") {
				t.Errorf("got %d samples and %v, want one that is right and tells no number:\n%s", n, err, s.Text)
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

func TestNoMoreIsAskedThanTheFirstPage(t *testing.T) {
	a := answering(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"orders": [{"id": "A%s"}], "pages": 3}`, r.URL.Query().Get("page"))
	})
	c := written(t, a.URL, simple("query = { page = '\\($page)' }\npaging = { by = \"page\", pages = \".pages\" }\n"))
	first, err := c.First(t.Context(), window())
	if err != nil || !first.More || !slices.Equal(ids(first.Answer), []string{"A1"}) || len(a.asked()) != 1 {
		t.Errorf("got %+v, %v with %v", first, err, a.asked())
	}
}

func TestWhatNoSampleIsMadeOf(t *testing.T) {
	for name, c := range map[string]struct{ text, body, want string }{
		"nothing":                               {simple(""), `{"orders": []}`, "has no orders"},
		"what must be kept nowhere":             {"exchanges = \"metadata\"\n" + simple(""), `{"orders": [{"id": "A1"}]}`, `exchanges = "metadata"`},
		"a mapping that looks at people":        {simple("") + "#", `{"orders": [{"id": "A1", "driver": "Wanda Example"}]}`, "the mapping makes 0 orders of the answer, not 1"},
		"a mapping that repeats the account's":  {simple("") + "##", `{"orders": [{"id": "A1"}]}`, "the account's own identifiers"},
		"a mapping that fails without somebody": {simple("") + "###", `{"orders": [{"id": "A1", "driver": "Wanda Example"}]}`, "cannot be mapped"},
	} {
		t.Run(name, func(t *testing.T) {
			maps := []string{".orders[] | {order_id: .id}", `.orders[] | select(.driver == "Wanda Example") | {order_id: .id}`, ".orders[] | {order_id: .id, method: $bill_to}", `.orders[] | if .driver != "Wanda Example" then error("who") else {order_id: .id} end`}
			text := strings.Replace(c.text, maps[0], maps[strings.Count(c.text, "#")], 1)
			a := answering(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, c.body) })
			s := writtenSection(t, a.URL, text)
			s.Accounts[0].BillTo = "BILL-7"
			opened, err := declared.Open(s)
			if err != nil {
				t.Fatal(err)
			}
			p := opened.(*declared.Client)
			first, err := p.First(t.Context(), clients.Query{Account: s.Accounts[0], From: "2026-11-01", To: "2026-11-30"})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := p.Sample(t.Context(), first, ""); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q in it", err, c.want)
			}
		})
	}
}

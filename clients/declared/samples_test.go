package declared_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// statusOf maps an order with a status of its own, whose only line is open.
const statusOf = "scheme = \"none\"\n[orders]\npath = \"/orders\"\nmap = '.orders[] | {order_id: .id, status: .state, lines: [{ordered: 2, open: 2}]}'\n"

// A sample says what is stored: what the lines overrule is wrong in it, wherever it stands.
func TestSamplesCompareTheStoredOrder(t *testing.T) {
	for name, c := range map[string]struct{ state, orders, want string }{
		"cancelled wins over open lines":    {"cancelled", `{"order_id": "A", "status": "cancelled", "lines": [{"ordered": 2, "open": 2}]}`, ""},
		"delivered does too":                {"delivered", `{"order_id": "A", "status": "delivered", "lines": [{"ordered": 2, "open": 2}]}`, ""},
		"open is not cancelled":             {"cancelled", `{"order_id": "A", "status": "open", "lines": [{"ordered": 2, "open": 2}]}`, `orders[0].status: the program returns "cancelled", expected "open"`},
		"confirmed is stored as open":       {"confirmed", `{"order_id": "A", "status": "confirmed", "lines": [{"ordered": 2, "open": 2}]}`, `orders[0].status: "open" is stored, not "confirmed"`},
		"what is stored is right":           {"confirmed", `{"order_id": "A", "status": "open", "lines": [{"ordered": 2, "open": 2}]}`, ""},
		"what follows need not be said":     {"confirmed", `{"order_id": "A", "lines": [{"ordered": 2, "open": 2}]}`, ""},
		"a quantity that the lines say":     {"open", `{"order_id": "A", "ordered_quantity": 3, "lines": [{"ordered": 2, "open": 2}]}`, `orders[0].ordered_quantity: 2 is stored, not 3`},
		"a status of a line":                {"open", `{"order_id": "A", "lines": [{"line_id": "1", "status": "shipped", "ordered": 2, "open": 2}]}`, `orders[0].lines/1/status: "open" is stored, not "shipped"`},
		"a date that means none":            {"open", `{"order_id": "A", "promised_on": "9999-12-31", "lines": [{"ordered": 2, "open": 2}]}`, `orders[0].promised_on: null is stored, not "9999-12-31"`},
		"everything as it would be stored ": {"open", `{"order_id": "A", "status": "open", "ordered_quantity": 2, "shipped_quantity": 0, "open_quantity": 2, "lines": [{"status": "open", "ordered": 2, "open": 2}]}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			sample := fmt.Sprintf("[[samples]]\nanswer = '{\"orders\": [{\"id\": \"A\", \"state\": %q}]}'\norders = '%s'\n", c.state, c.orders)
			_, err := written(t, "http://127.0.0.1:1", statusOf+sample).CheckSamples(t.Context())
			if got := fmt.Sprint(err); c.want == "" && err != nil || !strings.Contains(got, c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// A stated status that the lines overrule is a warning; cancelled and delivered win.
func TestStatusThatDiffersFromTheLinesIsAWarning(t *testing.T) {
	sample := "[[samples]]\nname = \"odd\"\nanswer = '{\"orders\": [{\"id\": \"A\", \"state\": \"confirmed\"}, {\"id\": \"B\", \"state\": \"cancelled\"}, {\"id\": \"C\", \"state\": \"open\"}]}'\n" +
		"orders = '[{\"order_id\": \"A\", \"lines\": [{\"ordered\": 2, \"open\": 2}]}, {\"order_id\": \"B\", \"status\": \"cancelled\", \"lines\": [{\"ordered\": 2, \"open\": 2}]}, {\"order_id\": \"C\", \"lines\": [{\"ordered\": 2, \"open\": 2}]}]'\n"
	report, err := written(t, "http://127.0.0.1:1", statusOf+sample).CheckSamples(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []string{`odd: order A: the mapping returns status "confirmed", but its lines imply "open", which is stored`}
	if diff := cmp.Diff(want, report.Warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

// A sample that is saved says what is stored.
func TestSavedSampleIsAsStored(t *testing.T) {
	a := answering(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"orders": [{"id": "A", "state": "confirmed"}]}`)
	})
	c := written(t, a.URL, statusOf)
	first, err := c.First(t.Context(), window())
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.Sample(t.Context(), first, "")
	if err != nil || !strings.Contains(s.Text, `"status": "open"`) || strings.Contains(s.Text, `"next_promised_on"`) {
		t.Fatalf("got %v and\n%s, want the status that is stored", err, s.Text)
	}
	if _, err := written(t, a.URL, statusOf+"[[samples]]\n"+s.Text).CheckSamples(t.Context()); err != nil {
		t.Errorf("got %v, want it right:\n%s", err, s.Text)
	}
}

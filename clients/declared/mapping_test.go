package declared_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients"
)

// mapped is what a mapping that returns a document as it is makes of it.
func mapped(t *testing.T, document string) (clients.Answer, error) {
	t.Helper()
	server := answering(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, document) })
	return written(t, server.URL, "scheme = \"none\"\n[orders]\npath = \"/\"\nmap = '.'\n").Orders(t.Context(), window())
}

func TestAllFieldsOfAnOrderAreRead(t *testing.T) {
	answer, err := mapped(t, `[{
		"order_id": 4711, "reference": " PO-1 ", "ordered_on": "20260102", "method": "EDI", "status": null,
		"lines": [{
			"line_id": 10, "article_id": "A", "buyer_article_id": "B", "ean": 4006381333931, "description": "Sample", "requested_on": "2026-01-05T00:00:00Z",
			"ordered": "6.0",
			"schedule": [
				{"delivery_on": "2026-01-20", "confirmed": 2, "backordered": 1}, {"delivery_on": "9999-12-31", "open": 1},
				{"delivery_on": null, "scheduled": "", "cancelled": 0, "shipped": 2, "ordered": 2}
			],
			"despatches": [{"despatched_on": "2026-01-18 10:00:00", "advice_id": "BOL1", "quantity": 2}]
		}]
	}]`)
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(answer.Orders[0])
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"provider":"acme","account":"main","order_id":"4711","reference":"PO-1","ordered_on":"2026-01-02","method":"EDI","status":"partially_shipped",` +
		`"ordered_quantity":6,"shipped_quantity":2,"open_quantity":4,"promised_on":null,"next_promised_on":"2026-01-20","lines":[{"line_id":"10","article_id":"A","buyer_article_id":"B",` +
		`"ean":"4006381333931","description":"Sample","status":"partially_shipped","requested_on":"2026-01-05","promised_on":null,"ordered":6,"confirmed":2,"backordered":1,` +
		`"cancelled":0,"scheduled":null,"open":1,"shipped":2,"schedule":[` +
		`{"delivery_on":null,"ordered":null,"confirmed":null,"backordered":null,"cancelled":null,"scheduled":null,"open":1,"shipped":null},` +
		`{"delivery_on":null,"ordered":2,"confirmed":null,"backordered":null,"cancelled":0,"scheduled":null,"open":null,"shipped":2},` +
		`{"delivery_on":"2026-01-20","ordered":null,"confirmed":2,"backordered":1,"cancelled":null,"scheduled":null,"open":null,"shipped":null}],` +
		`"despatches":[{"despatched_on":"2026-01-18","advice_id":"BOL1","quantity":2}]}]}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("the order differs (-want +got):\n%s", diff)
	}
}

func TestOrderWithoutLinesKeepsItsStatus(t *testing.T) {
	answer, err := mapped(t, `[{"order_id":"a","status":"scheduled","promised_on":"2026-01-20","ordered_quantity":4,"shipped_quantity":1},{"order_id":"b"}]`)
	if err != nil {
		t.Fatal(err)
	}
	a, b := answer.Orders[0], answer.Orders[1]
	if a.Status != clients.StatusScheduled || a.PromisedOn != "2026-01-20" || a.OpenQuantity != clients.Pieces(3) || b.Status != clients.StatusUnknown || b.ShippedQuantity != clients.Pieces(0) {
		t.Errorf("got %+v and %+v", a, b)
	}
}

// Whatever cannot be read is told with its place, and leaves no order behind.
func TestUnreadableFieldsAreReportedWithTheirPath(t *testing.T) {
	for name, c := range map[string]struct{ document, want string }{
		"an unknown member":           {`[{"order_id":"a"},{"order_id":"b","oder_id":"c"}]`, "orders[1]: the program uses data as a member name: there is no such member; there are order_id, reference"},
		"an unknown member of a line": {`[{"order_id":"a","lines":[{"id":1}]}]`, "orders[0].lines[0]: the program uses data as a member name: there is no such member"},
		"a day that is none":          {`[{"order_id":"a","ordered_on":"31.12.2025"}]`, `orders[0].ordered_on: is not a date like "2026-01-31"`},
		"a day that never was":        {`[{"order_id":"a","ordered_on":"2026-02-30"}]`, "orders[0].ordered_on: is not a date"},
		"a day that is true":          {`[{"order_id":"a","ordered_on":true}]`, "orders[0].ordered_on: is not a date"},
		"half a piece":                {`[{"order_id":"a","lines":[{"ordered":1.5}]}]`, "orders[0].lines[0].ordered: is not a whole number"},
		"less than nothing":           {`[{"order_id":"a","lines":[{},{"schedule":[{"open":-1}]}]}]`, "orders[0].lines[1].schedule[0].open: is not a whole number"},
		"a quantity that is a list":   {`[{"order_id":"a","lines":[{"despatches":[{"quantity":[]}]}]}]`, "orders[0].lines[0].despatches[0].quantity: is not a whole number"},
		"a status that is none":       {`[{"order_id":"a","status":"on its way"}]`, "orders[0].status: is not a status"},
		"lines that are an object":    {`[{"order_id":"a","lines":{}}]`, "orders[0].lines: is an object, expected a list"},
		"a reference that is a list":  {`[{"order_id":"a","reference":["x"]}]`, "orders[0].reference: is an array, expected a string"},
		"an order that is a text":     {`["a"]`, "orders[0]: is a string, expected an object"},
		"an order without a number":   {`[{"reference":"x"}]`, "orders[0].order_id: is missing"},
		"a number that is blank":      {`[{"order_id":"  "}]`, "orders[0].order_id: is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			answer, err := mapped(t, c.document)
			e := clients.AsError(err)
			if e == nil || e.Code != clients.CodeBadResponse || !strings.HasPrefix(e.Message, "the response cannot be mapped: "+c.want) || len(answer.Orders) != 0 {
				t.Errorf("got %v with %d orders, want %q and none", err, len(answer.Orders), c.want)
			}
		})
	}
}

func TestAddedFunctions(t *testing.T) {
	for program, want := range map[string]string{
		`"31.12.2025" | day("%d.%m.%Y")`:                        "2025-12-31",
		`"Jan 5, 2026" | day("%b %d, %Y")`:                      "2026-01-05",
		`20260131 | day("%Y%m%d")`:                              "2026-01-31",
		`"2026-11-20T03:00:00Z" | local_day("America/Detroit")`: "2026-11-19",
		`1763607600 | local_day("America/Detroit")`:             "2025-11-19",
		`1763607600000 | local_day("UTC")`:                      "2025-11-20",
		`"2026-03-08" | start_of_day("America/Detroit")`:        "2026-03-08T05:00:00Z",
		`"2026-03-09" | start_of_day("America/Detroit")`:        "2026-03-09T04:00:00Z",
		`uuid | if test("^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$") then "a UUID" else . end`: "a UUID",
		`[null, "", " "] | map(day("%Y"), local_day("UTC"), start_of_day("UTC")) | unique == [null] | tostring`:            "true",
		`try ("x" | day("%Y")) catch .`:                     `day: the text is not a date like "%Y"`,
		`try ("x" | local_day("UTC")) catch .`:              `local_day: the text is not an instant like "2026-01-31T12:00:00Z"`,
		`try (1e300 | local_day("UTC")) catch .`:            "local_day: the number is not an instant",
		`try ("2026-01-31" | start_of_day("Mars")) catch .`: "start_of_day: the argument must be the name of a time zone, like $timezone",
		`try ([] | day("%Y")) catch .`:                      "day: a date cannot be read from an array",
	} {
		answer, err := mappedBy(t, `{order_id: (`+program+`)}`)
		if err != nil {
			t.Errorf("%s: %v", program, err)
			continue
		}
		if got := answer.Orders[0].OrderID; got != want {
			t.Errorf("%s: got %q, want %q", program, got, want)
		}
	}
}

func mappedBy(t *testing.T, program string) (clients.Answer, error) {
	t.Helper()
	server := answering(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{}`) })
	return written(t, server.URL, "scheme = \"none\"\n[orders]\npath = \"/\"\nmap = '''"+program+"'''\n").Orders(t.Context(), window())
}

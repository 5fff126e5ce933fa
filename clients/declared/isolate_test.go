package declared_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients"
)

// An order that cannot be read is named, and the others are there.
func TestInvalidOrderDoesNotAffectOthers(t *testing.T) {
	const orders = `{"orders":[{"id":"a","due":"2026-01-31"},{"id":"b","due":%s},{"id":"c","due":""}]}`
	for name, c := range map[string]struct{ mapping, due, want string }{
		"a day that is none":                     {`.orders[] | {order_id: .id, ordered_on: .due}`, `"2026-02-31"`, "a c; b: orders[1].ordered_on: is not a date"},
		"a day of zeros":                         {`.orders[] | {order_id: .id, ordered_on: .due}`, `"0000-00-00"`, "a b c"},
		"zeros with a time":                      {`.orders[] | {order_id: .id, ordered_on: .due}`, `"0000-00-00T00:00:00"`, "a b c"},
		"zeros in a format":                      {`.orders[] | {order_id: .id, ordered_on: (.due | day("%Y-%m-%d"))}`, `"0000-00-00"`, "a b c"},
		"a function that fails":                  {`.orders[] | {order_id: .id, ordered_on: (.due | day("%Y-%m-%d"))}`, `"tomorrow"`, "a c; b: orders[1]: day: the text is not a date"},
		"the function date":                      {`.orders[] | {order_id: .id, ordered_on: (.due | date)}`, `"31.02.2026"`, "a c; b: orders[1]: date: the text is not a date that can be read"},
		"the function number":                    {`.orders[] | {order_id: .id, reference: (.due | if . == "" then 1 else .[:4] | number end)}`, `"soon"`, "a c; b: orders[1]: number: the text is not a number"},
		"an object as a date":                    {`.orders[] | {order_id: .id, ordered_on: (.due | date)}`, `{}`, "a c; b: orders[1]: date: a date cannot be read from an object"},
		"an operator that fails":                 {`.orders | .[] | {order_id: .id, reference: (.due + "x")}`, `{}`, "a c; b: orders[1]: cannot add"},
		"in a list":                              {`[.orders[] | {order_id: .id, reference: (.due + "x")}]`, `[1]`, "a c; b: orders[1]: cannot add"},
		"in a map":                               {`.orders | map({order_id: .id, reference: (.due + "x")})`, `7`, "a c; b: orders[1]: cannot add"},
		"behind a variable":                      {`. as $all | .orders[] | {order_id: .id, reference: (.due + "x")}`, `7`, "a c; b: orders[1]: cannot add"},
		"an error of the program's own":          {`.orders[] | if .due == 7 then error("no due") else {order_id: .id} end`, `7`, "a c; b: orders[1]: error: no due"},
		"what the mapping alone is to blame for": {`.orders[] | {order_id: .id, due}`, `7`, "bad_response"},
		"every one":                              {`.orders[] | {order_id: .id, reference: (.due - 1)}`, `"x"`, "bad_response"},
		"a row of an order":                      {`.orders[] | {order_id: "same", lines: [{line_id: .id, ordered: .due}]}`, `"x"`, "bad_response"},
		"a row of nobody knows what":             {`.orders[] | {order_id: "same", lines: [{line_id: .id, description: (.due + "x")}]}`, `7`, "bad_response"},
	} {
		t.Run(name, func(t *testing.T) {
			server := answering(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, orders, c.due) })
			p := written(t, server.URL, "scheme = \"none\"\n[orders]\npath = \"/\"\nmap = '"+c.mapping+"'\n")
			answer, err := p.Orders(t.Context(), window())
			got := strings.Join(ids(answer), " ")
			for _, problem := range answer.Partial {
				got += fmt.Sprintf("; %s: %s", problem.OrderID, problem.Message)
				if !problem.Unread {
					t.Error("the problem is not that of an order that could not be read")
				}
			}
			if err != nil {
				got = string(clients.AsError(err).Code)
			}
			if !strings.HasPrefix(got, c.want) || !strings.Contains(c.want, ";") && got != c.want {
				t.Errorf("got %s (%v), want %s", got, err, c.want)
			}
		})
	}
}

// A line id that two lines of one answer share is named, and so is an order that may lack what
// could not be read. An order that is there twice is not.
func TestContradictionsAndMissingFieldsAreNamed(t *testing.T) {
	const nested = `.orders[] | {order_id: .id, lines: [.lines[] | {line_id: .n, ordered: .q}]}`
	const rows = `.orders[] | {order_id: .id, lines: [{line_id: .n, ordered: (.q + 0)}]}`
	const unnumbered = `.orders[] | {order_id: .id, lines: [{ordered: (.q + 0)}]}`
	for name, c := range map[string]struct{ mapping, orders, want string }{
		"equal lines":                     {nested, `{"id":"a","lines":[{"n":1,"q":4},{"n":1,"q":4}]}`, "a(1:4)"},
		"different lines with one id":     {nested, `{"id":"b"},{"id":"a","lines":[{"n":1,"q":4},{"n":2,"q":1},{"n":1,"q":6}]}`, "b() a(1:4 1~2:6 2:1); a: orders[1].lines[2].line_id: is also the id of another line with different contents"},
		"an order twice, which differs":   {nested, `{"id":"a","lines":[{"n":1,"q":4}]},{"id":"a","lines":[{"n":1,"q":6}]}`, "a(1:6); a: orders[1].lines[0].line_id: is also the id of another line with different contents"},
		"rows with one line id":           {rows, `{"id":"a","n":1,"q":4},{"id":"a","n":1,"q":6}`, "a(1:6); a: orders[1].lines[0].line_id: is also the id of another line with different contents"},
		"one fails, another is twice":     {rows, `{"id":"a","n":1,"q":4},{"id":"b","n":1,"q":"x"},{"id":"a","n":1,"q":4}`, "a(1:4); b: orders[1]: cannot add string and number"},
		"one fails, another has no ids":   {unnumbered, `{"id":"a","q":4},{"id":"b","q":"x"},{"id":"a","q":4}`, "a(1:4); b: orders[1]: cannot add string and number"},
		"one fails, another has no lines": {`.orders[] | {order_id: (.id + .q)}`, `{"id":"a"},{"id":"b","q":4},{"id":"a"}`, "a(); b: orders[1]: cannot add string and number"},
		"one fails, another has rows":     {rows, `{"id":"a","n":1,"q":4},{"id":"c","n":1,"q":1},{"id":"b","n":2,"q":"x"},{"id":"a","n":3,"q":4}`, "c(1:1); b: orders[2]: cannot add string and number; a: an unreadable row may belong to it"},
	} {
		t.Run(name, func(t *testing.T) {
			server := answering(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, `{"orders":[%s]}`, c.orders) })
			p := written(t, server.URL, "scheme = \"none\"\n[orders]\npath = \"/\"\nmap = '"+strings.ReplaceAll(c.mapping, ".lines[]", ".lines[]?")+"'\n")
			answer, err := p.Orders(t.Context(), window())
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, o := range answer.Orders {
				var lines []string
				for _, l := range o.Lines {
					lines = append(lines, l.LineID+":"+l.Ordered.String())
				}
				got = append(got, o.OrderID+"("+strings.Join(lines, " ")+")")
			}
			text := strings.Join(got, " ")
			for _, problem := range answer.Partial {
				text += fmt.Sprintf("; %s: %s", problem.OrderID, problem.Message)
			}
			if text != c.want {
				t.Errorf("got  %s\nwant %s", text, c.want)
			}
		})
	}
}

// An item that is answered badly is named, and the others are there; a provider that fails
// is not taken for items that do.
func TestInvalidItemDoesNotAffectOthers(t *testing.T) {
	for name, c := range map[string]struct {
		bad    []string
		answer func(w http.ResponseWriter)
		want   string
	}{
		"500":          {[]string{"b"}, func(w http.ResponseWriter) { w.WriteHeader(http.StatusInternalServerError) }, "a c d e f; b: unavailable"},
		"404":          {[]string{"b", "e"}, func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) }, "a c d f; b: invalid; e: invalid"},
		"no JSON":      {[]string{"f"}, func(w http.ResponseWriter) { fmt.Fprint(w, "<html>") }, "a b c d e; f: bad_response"},
		"no order":     {[]string{"c"}, func(w http.ResponseWriter) { fmt.Fprint(w, `{"lines":[{"n":[]}]}`) }, "a b d e f; c: "},
		"403":          {[]string{"b"}, func(w http.ResponseWriter) { w.WriteHeader(http.StatusForbidden) }, "forbidden"},
		"several 500s": {[]string{"b", "c", "d", "e"}, func(w http.ResponseWriter) { w.WriteHeader(http.StatusInternalServerError) }, "unavailable"},
		"all are 404":  {[]string{"a", "b", "c", "d", "e", "f"}, func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) }, "invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			server := answering(t, func(w http.ResponseWriter, r *http.Request) {
				item := strings.TrimPrefix(r.URL.Path, "/orders/")
				switch {
				case r.URL.Path == "/orders":
					fmt.Fprint(w, `["a","b","c","d","e","f"]`)
				case strings.Contains(strings.Join(c.bad, ""), item):
					c.answer(w)
				default:
					fmt.Fprint(w, `{"lines":[{"n":1}]}`)
				}
			})
			p := written(t, server.URL, "scheme = \"none\"\n[orders]\npath = \"/orders\"\nmap = '{order_id: $item.id, lines: [.lines[] | {line_id: .n}]}'\n[orders.each]\nitems = '.[] | {id: .}'\npath = '/orders/\\($item.id)'\n")
			answer, err := p.Orders(t.Context(), window())
			got := strings.Join(ids(answer), " ")
			for _, problem := range answer.Partial {
				code, _, _ := strings.Cut(problem.Message, ":")
				got += fmt.Sprintf("; %s: %s", problem.OrderID, code)
			}
			if err != nil {
				got = string(clients.AsError(err).Code)
			}
			if diff := cmp.Diff(c.want, got); diff != "" && (!strings.HasSuffix(c.want, ": ") || !strings.HasPrefix(got, c.want)) {
				t.Errorf("got %s (%v), want %s", got, err, c.want)
			}
		})
	}
}

// An order that the API does not know is none, and leaves the others that are asked for; an
// API that knows none of them may be another.
func TestUnknownOrderDoesNotAffectOthers(t *testing.T) {
	const plain = "scheme = \"none\"\n[fetch]\npath = '/orders/\\($order_id)'\nmap = '{order_id: .id}'\n"
	for name, c := range map[string]struct {
		rules   string
		unknown string // orders
		status  int
		want    string
	}{
		"404":             {"", "b", http.StatusNotFound, "a c"},
		"the first is":    {"", "a b", http.StatusNotFound, "c"},
		"410":             {"", "c", http.StatusGone, "a b"},
		"all are":         {"", "a b c", http.StatusNotFound, "invalid"},
		"all are, said":   {"empty = [404]\n", "a b c", http.StatusNotFound, ""},
		"a failure, said": {"[[failures]]\nstatus = [404]\ncode = \"forbidden\"\n", "b", http.StatusNotFound, "forbidden"},
		"a 400":           {"", "b", http.StatusBadRequest, "invalid"},
		"a 500":           {"", "b", http.StatusInternalServerError, "unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			server := answering(t, func(w http.ResponseWriter, r *http.Request) {
				id := strings.TrimPrefix(r.URL.Path, "/orders/")
				if strings.Contains(c.unknown, id) {
					w.WriteHeader(c.status)
					return
				}
				fmt.Fprintf(w, `{"id":%q}`, id)
			})
			text := strings.Replace(plain, "map =", c.rules+"map =", 1)
			if strings.HasPrefix(c.rules, "[[") {
				text = plain + c.rules
			}
			q := window()
			q.From, q.To, q.OrderIDs = "", "", []string{"a", "b", "c"}
			answer, err := written(t, server.URL, text).Orders(t.Context(), q)
			got := strings.Join(ids(answer), " ")
			if err != nil {
				got = string(clients.AsError(err).Code)
			}
			if got != c.want || len(answer.Partial) != 0 {
				t.Errorf("got %q (%v, %v), want %q", got, answer.Partial, err, c.want)
			}
			if hint := "declare empty = [404]"; name == "all are" && !strings.Contains(clients.AsError(err).Hint, hint) {
				t.Errorf("got hint %q, want it to say %q", clients.AsError(err).Hint, hint)
			}
		})
	}
}

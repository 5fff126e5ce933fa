package declared_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients"
)

// api is a server that answers with a function, and notes what it was asked.
type api struct {
	*httptest.Server
	mu    sync.Mutex // guards calls
	calls []string
}

func answering(tb testing.TB, answer http.HandlerFunc) *api {
	tb.Helper()
	a := &api{}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		a.mu.Lock()
		a.calls = append(a.calls, strings.TrimSpace(r.Method+" "+r.URL.RequestURI()+" "+string(body)))
		a.mu.Unlock()
		answer(w, r)
	}))
	tb.Cleanup(a.Close)
	return a
}

func (a *api) asked() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.calls)
}

// window is a question about days; named one about orders.
func window() clients.Query {
	return clients.Query{Account: clients.Account{Name: "main", BillTo: "B1"}, From: "2026-11-01", To: "2026-11-30"}
}

func named(orderIDs ...string) clients.Query {
	return clients.Query{Account: clients.Account{Name: "main", BillTo: "B1"}, OrderIDs: orderIDs}
}

func ids(a clients.Answer) (ids []string) {
	for _, o := range a.Orders {
		ids = append(ids, o.OrderID)
	}
	return ids
}

// simple declares one operation, with what differs.
func simple(more string) string {
	return "scheme = \"none\"\n[orders]\npath = \"/orders\"\nmap = '.orders[] | {order_id: .id}'\n" + more
}

func TestCallsFollowTheDeclaration(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		query clients.Query
		want  []string
	}{
		"a query with what is known, and without what is null": {
			simple(`query = { since = '\($from)T00:00:00Z', until = '\($to)', ref = '\($reference)', cursor = '\($cursor)', n = 5, all = true, tag = ["a", '\($bill_to)'] }`),
			window(),
			[]string{"GET /orders?all=true&n=5&since=2026-11-01T00%3A00%3A00Z&tag=a&tag=B1&until=2026-11-30"},
		},
		"a JSON body whose values keep their types": {
			simple("method = \"POST\"\n[orders.json]\nfilters = { from = '\\($from)', n = '\\(1 + 1)', ids = '\\([$from, $to])', none = '\\($cursor)', quote = '\\($bill_to)\"' }\n"),
			window(),
			[]string{`POST /orders {"filters":{"from":"2026-11-01","ids":["2026-11-01","2026-11-30"],"n":2,"quote":"B1\""}}`},
		},
		"a form": {
			simple("method = \"POST\"\nform = { a = '\\($bill_to)&=', b = '\\([1,2])' }\n"),
			window(),
			[]string{"POST /orders a=B1%26%3D&b=1&b=2"},
		},
		"a GET with a body": {
			simple("json = { a = 1 }\n"),
			window(),
			[]string{`GET /orders {"a":1}`},
		},
		"a number in a path cannot lead elsewhere": {
			"scheme = \"none\"\n[fetch]\npath = '/orders/\\($order_id)/x'\nmap = '.orders[] | {order_id: .id}'\n",
			named("a/../b?c"),
			[]string{"GET /orders/a%2F..%2Fb%3Fc/x"},
		},
		"one call for each order": {
			"scheme = \"none\"\n[fetch]\npath = '/orders/\\($order_id)'\nmap = '.orders[] | {order_id: .id}'\n",
			named("a", "b"),
			[]string{"GET /orders/a", "GET /orders/b"},
		},
		"one call for several orders": {
			"scheme = \"none\"\n[fetch]\npath = '/orders'\nquery = { id = '\\($order_ids | join(\",\"))' }\nmap = '.orders[] | {order_id: .id}'\n",
			named("a", "b"),
			[]string{"GET /orders?id=a%2Cb"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := answering(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"orders":[]}`) })
			p := written(t, server.URL, c.text)
			if _, err := p.Orders(t.Context(), c.query); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, server.asked()); diff != "" {
				t.Errorf("the calls differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestStepUpResponseIsNoOrder(t *testing.T) {
	server := answering(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"orders":[]}`) })
	p := written(t, server.URL, "scheme = \"none\"\n[fetch]\npath = '/orders/\\($order_id)'\nmap = '.orders[] | {order_id: .id}'\n")
	if _, err := p.Orders(t.Context(), named("..")); clients.AsError(err) == nil || clients.AsError(err).Code != clients.CodeInvalid || len(server.asked()) != 0 {
		t.Errorf("got %v after %q, want invalid and no call", err, server.asked())
	}
}

// pages serves seven orders, two to a page, in each of the ways.
func pages(w http.ResponseWriter, r *http.Request) {
	const all, size = 7, 2
	q := r.URL.Query()
	from := 0
	for name, unit := range map[string]int{"cursor": 1, "offset": 1, "page": size} {
		if n, err := strconv.Atoi(strings.TrimPrefix(q.Get(name), "c")); err == nil {
			from = n * unit
			if name == "page" {
				from -= size
			}
		}
	}
	var orders []map[string]any
	for i := from; i < min(all, from+size); i++ {
		orders = append(orders, map[string]any{"id": fmt.Sprint("o", i)})
	}
	answer := map[string]any{"orders": orders, "total": all, "pages": 4, "more": from+size < all, "next": nil}
	if orders == nil {
		answer["orders"] = []any{}
	}
	if from+size < all {
		answer["next"] = fmt.Sprint("c", from+size)
		w.Header().Set("X-Next", fmt.Sprint("c", from+size))
		w.Header().Add("Link", fmt.Sprintf(`</orders?offset=0>; rel="first", </orders?a=1,2&offset=%d>; rel="x next"; title="next, please"`, from+size))
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func TestEveryPageIsRequestedOnce(t *testing.T) {
	want := []string{"o0", "o1", "o2", "o3", "o4", "o5", "o6"}
	for name, c := range map[string]struct {
		text  string
		calls int
	}{
		"a cursor in the answer":               {"query = { cursor = '\\($cursor)' }\npaging = { by = \"cursor\", next = \".next\" }", 4},
		"a cursor in a header":                 {"query = { cursor = '\\($cursor)' }\npaging = { by = \"cursor\", header = \"X-Next\" }", 4},
		"numbered pages, told how many":        {"query = { page = '\\($page)' }\npaging = { by = \"page\", pages = \".pages\" }", 4},
		"numbered pages, told whether more":    {"query = { page = '\\($page)' }\npaging = { by = \"page\", more = \".more\" }", 4},
		"numbered pages until one is empty":    {"query = { page = '\\($page)' }\npaging = { by = \"page\", items = \".orders | length\" }", 5},
		"numbered pages until one is short":    {"query = { page = '\\($page)' }\npaging = { by = \"page\", size = 2, items = \".orders | length\" }", 4},
		"an offset until a page is short":      {"query = { offset = '\\($offset)' }\npaging = { by = \"offset\", size = 2, items = \".orders | length\" }", 4},
		"an offset, told the total":            {"query = { offset = '\\($offset)' }\npaging = { by = \"offset\", items = \".orders | length\", total = \".total\" }", 4},
		"a link in a header":                   {"paging = { by = \"link\" }", 4},
		"one page of many, where none is said": {"", 1},
	} {
		t.Run(name, func(t *testing.T) {
			server := answering(t, pages)
			answer, err := written(t, server.URL, simple(c.text)).Orders(t.Context(), window())
			if err != nil {
				t.Fatal(err)
			}
			want := want
			if c.calls == 1 {
				want = want[:2]
			}
			if diff := cmp.Diff(want, ids(answer)); diff != "" || len(server.asked()) != c.calls {
				t.Errorf("after %d calls, want %d, the orders differ (-want +got):\n%s", len(server.asked()), c.calls, diff)
			}
		})
	}
}

func TestEndlessPagesAreRejected(t *testing.T) {
	for name, c := range map[string]struct{ text, answer, link, want string }{
		"the same cursor again":     {"query = { c = '\\($cursor)' }\npaging = { by = \"cursor\", next = \".next\" }", `{"orders":[],"next":"x"}`, "", "earlier cursor"},
		"too many pages":            {"query = { c = '\\($page)' }\npaging = { by = \"page\", more = \"true\", max_pages = 3 }", `{"orders":[]}`, "", "more than 3 pages"},
		"a link to another host":    {"paging = { by = \"link\" }", `{"orders":[]}`, `<https://evil.example/orders?page=2>; rel=next`, "another host"},
		"a link to the same page":   {"paging = { by = \"link\" }", `{"orders":[]}`, `</orders>; rel=next`, "earlier page"},
		"a cursor that is none":     {"query = { c = '\\($cursor)' }\npaging = { by = \"cursor\", next = \".next\" }", `{"orders":[],"next":{"a":1}}`, "", "an object"},
		"a number that is none":     {"query = { c = '\\($page)' }\npaging = { by = \"page\", pages = \".pages\" }", `{"orders":[],"pages":"many"}`, "", "whole number"},
		"a second page that breaks": {"query = { c = '\\($page)' }\npaging = { by = \"page\", pages = \".pages\" }", `{"orders":[{"id":"a"}],"pages":2}`, "", "cannot be mapped"},
	} {
		t.Run(name, func(t *testing.T) {
			n := 0
			server := answering(t, func(w http.ResponseWriter, _ *http.Request) {
				if n++; n > 1 && strings.Contains(name, "breaks") {
					fmt.Fprint(w, `{}`)
					return
				}
				if c.link != "" {
					w.Header().Set("Link", c.link)
				}
				fmt.Fprint(w, c.answer)
			})
			answer, err := written(t, server.URL, simple(c.text)).Orders(t.Context(), window())
			e := clients.AsError(err)
			if e == nil || e.Code != clients.CodeBadResponse || !strings.Contains(e.Message, c.want) || len(answer.Orders) > 0 {
				t.Errorf("got %v with %d orders, want bad_response with %q and none", err, len(answer.Orders), c.want)
			}
			if len(server.asked()) > 4 {
				t.Errorf("got %d calls", len(server.asked()))
			}
		})
	}
}

func TestEachItemIsRequested(t *testing.T) {
	server := answering(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/orders":
			fmt.Fprint(w, `{"orders":[{"id":"a","state":"open"},{"id":"b","state":"open"},{"id":"c/d","state":"open"}]}`)
		case "/orders/b":
			w.WriteHeader(http.StatusNotFound)
		default:
			fmt.Fprint(w, `{"lines":[{"n":1,"qty":2}]}`)
		}
	})
	p := written(t, server.URL, `
scheme = "none"
[orders]
path = "/orders"
map  = '{order_id: $item.id, status: $item.state, lines: [.lines[]? | {line_id: .n, ordered: .qty, open: .qty}]}'
[orders.each]
items = '.orders[]'
path  = '/orders/\($item.id)'
empty = [404]
`)
	answer, err := p.Orders(t.Context(), window())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range answer.Orders {
		got = append(got, fmt.Sprintf("%s %s %d lines, %s ordered", o.OrderID, o.Status, len(o.Lines), o.OrderedQuantity))
	}
	want := []string{"a open 1 lines, 2 ordered", "b open 0 lines, - ordered", "c/d open 1 lines, 2 ordered"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("orders differ (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"GET /orders", "GET /orders/a", "GET /orders/b", "GET /orders/c%2Fd"}, server.asked()); diff != "" {
		t.Errorf("calls differ (-want +got):\n%s", diff)
	}
}

func TestFailuresAreClassifiedAsDeclared(t *testing.T) {
	const rules = `
[[orders.failures]]
status  = [409]
code    = "none"
[[orders.failures]]
when    = '.Status == "PARTIAL"'
code    = "partial"
message = '\(.Errors[0].Title)'
[[orders.failures]]
status  = [200, 400]
when    = '.Status == "FAILED"'
code    = "forbidden"
message = '\(.Errors[0].Title): no'
hint    = "ask them"
[[failures]]
when    = '. == "busy"'
code    = "throttled"
[[failures]]
status  = [418]
code    = "unavailable"
message = '\(.nothing.there)'
`
	for name, c := range map[string]struct {
		status int
		body   string
		code   clients.Code // "" for orders
		says   string
	}{
		"orders":                                      {200, `{"orders":[{"id":"a"}]}`, "", "1 orders, 0 problems"},
		"a success that is a failure":                 {200, `{"Status":"FAILED","Errors":[{"Title":"bad\npayer"}]}`, "forbidden", "bad payer: no"},
		"a refusal whose body tells":                  {400, `{"Status":"FAILED","Errors":[{"Title":"bad payer"}]}`, "forbidden", "bad payer: no"},
		"a rejection with an uninformative body":      {400, `oops`, "invalid", "rejects the request"},
		"orders with a problem":                       {200, `{"Status":"PARTIAL","Errors":[{"Title":"one is missing"}],"orders":[{"id":"a"}]}`, "", "1 orders, 1 problems: one is missing"},
		"a status that says that there are none":      {409, ``, "", "0 orders, 0 problems"},
		"a text that is no JSON, in a refusal":        {503, `busy`, "throttled", "declared as a failure"},
		"a message that cannot be made":               {418, `{}`, "unavailable", "declared as a failure"},
		"a status that nothing is declared of":        {500, `{}`, "unavailable", "is unavailable"},
		"a document that is not JSON":                 {200, `<html>`, "bad_response", "not JSON"},
		"nothing":                                     {200, ``, "bad_response", "empty"},
		"two documents":                               {200, `{"orders":[]} {}`, "bad_response", "there is data after"},
		"an object without orders":                    {200, `{}`, "bad_response", "orders[0]: cannot iterate over: null"},
		"an order without a number":                   {200, `{"orders":[{"id":"a"},{"id":null}]}`, "", "1 orders, 1 problems: orders[1].order_id: is missing: the supplier's own number of the order"},
		"what an error of jq would quote":             {200, `{"orders":[{"id":"a"},"canary-body"]}`, "", "1 orders, 1 problems: orders[1]: expected an object but got: string"},
		"a number that is longer than any computer's": {200, `{"orders":[{"id":12345678901234567890123}]}`, "", "1 orders, 0 problems"},
	} {
		t.Run(name, func(t *testing.T) {
			server := answering(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				fmt.Fprint(w, c.body)
			})
			answer, err := written(t, server.URL, simple(rules)).Orders(t.Context(), window())
			if err != nil {
				e := clients.AsError(err)
				if e.Code != c.code || !strings.Contains(e.Message, c.says) || strings.Contains(e.Message, "canary") || e.Op == "" {
					t.Errorf("got %s %q, want %s with %q", e.Code, e.Message, c.code, c.says)
				}
				return
			}
			got := fmt.Sprintf("%d orders, %d problems", len(answer.Orders), len(answer.Partial))
			for _, p := range answer.Partial {
				got += ": " + p.Message
			}
			if c.code != "" || got != c.says {
				t.Errorf("got %s, want %s %s", got, c.code, c.says)
			}
		})
	}
}

func TestLongNumberIsUnchanged(t *testing.T) {
	server := answering(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"orders":[{"id":12345678901234567890123},{"id":9007199254740993}]}`)
	})
	answer, err := written(t, server.URL, simple("")).Orders(t.Context(), window())
	if diff := cmp.Diff([]string{"12345678901234567890123", "9007199254740993"}, ids(answer)); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestNonIdempotentCallIsNotSentAgain(t *testing.T) {
	for status, want := range map[int]clients.Code{500: clients.CodeInvalid, 504: clients.CodeInvalid, 503: clients.CodeUnavailable, 429: clients.CodeThrottled} {
		server := answering(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		_, err := written(t, server.URL, simple("method = \"POST\"\nidempotent = false\n")).Orders(t.Context(), window())
		if e := clients.AsError(err); e == nil || e.Code != want {
			t.Errorf("%d: got %v, want %s", status, err, want)
		}
	}
}

// An answer may have an order several times: a row for each line, or a page that moved.
func TestRepeatedOrderIsStoredOnce(t *testing.T) {
	server := answering(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `[{"o":"a","l":1,"q":1},{"o":"b","l":1,"q":1},{"o":"a","l":2,"q":2},{"o":"a","l":1,"q":3}]`)
	})
	text := "scheme = \"none\"\n[orders]\npath = \"/\"\nmap = '.[] | {order_id: .o, lines: [{line_id: .l, ordered: .q, open: .q}]}'\n"
	answer, err := written(t, server.URL, text).Orders(t.Context(), window())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range answer.Orders {
		for _, l := range o.Lines {
			got = append(got, fmt.Sprintf("%s/%s: %s", o.OrderID, l.LineID, l.Ordered))
		}
	}
	if diff := cmp.Diff([]string{"a/1: 3", "a/2: 2", "b/1: 1"}, got); diff != "" {
		t.Errorf("lines differ (-want +got):\n%s", diff)
	}
}

func TestRedactedValuesReachNoMapping(t *testing.T) {
	server := answering(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"orders":[{"id":"a","card_pan":"7077327290223410782","deep":[{"CardPAN":7077327290223410782}]}]}`)
	})
	text := "redact = [\"CardPAN\"]\nmap = '.orders[] | {order_id: .id, reference: .card_pan, method: .deep[0].CardPAN}'\nscheme = \"none\"\n[orders]\npath = \"/\"\n"
	answer, err := written(t, server.URL, text).Orders(t.Context(), window())
	if err != nil {
		t.Fatal(err)
	}
	if o := answer.Orders[0]; o.Reference != "REDACTED" || o.Method != "REDACTED" {
		t.Errorf("got %q and %q, want REDACTED", o.Reference, o.Method)
	}
}

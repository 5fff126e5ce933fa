package declared_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A provider that sends a page again would do so for ever. What came is stored, and the
// problem is told.
func TestRepeatedPageEndsPaging(t *testing.T) {
	const page = "query = { c = '\\($page)' }\npaging = { by = \"page\", "
	for name, c := range map[string]struct {
		text   string
		answer func(n int) (body, link string)
		want   string
	}{
		"one page for all": {page + `more = "true" }`, func(int) (string, string) { return `{"orders":[{"id":"a"},{"id":"b"}]}`, "" }, "a b; page 2 has the content of page 1"},
		"with a clock in it": {page + `more = "true" }`, func(n int) (string, string) {
			return fmt.Sprintf(`{"at":%d,"orders":[{"id":"a"},{"id":"b"}]}`, n), ""
		}, "a b; page 2 has the content of page 1"},
		"the last one for ever": {page + `items = ".orders | length" }`, func(n int) (string, string) {
			return fmt.Sprintf(`{"orders":[{"id":"o%d"}]}`, min(n, 3)), ""
		}, "o1 o2 o3; page 4 has the content of page 3"},
		"cursors in a circle": {"query = { c = '\\($cursor)' }\npaging = { by = \"cursor\", next = \".next\" }", func(n int) (string, string) {
			return fmt.Sprintf(`{"orders":[{"id":"o%d"}],"next":"c%d"}`, n, n%3), ""
		}, "o1 o2 o3 o4; page 4 leads to an earlier cursor"},
		"new cursors for one page": {"query = { c = '\\($cursor)' }\npaging = { by = \"cursor\", next = \".next\" }", func(n int) (string, string) {
			return fmt.Sprintf(`{"orders":[{"id":"a"}],"next":"c%d"}`, n), ""
		}, "a; page 2 has the content of page 1"},
		"links in a circle": {`paging = { by = "link" }`, func(n int) (string, string) {
			return fmt.Sprintf(`{"orders":[{"id":"o%d"}]}`, n), fmt.Sprintf(`</orders?p=%d>; rel="next"`, n%2)
		}, "o1 o2 o3; page 3 links to an earlier page"},
		"pages that are empty": {"query = { c = '\\($cursor)' }\npaging = { by = \"cursor\", next = \".next\" }", func(n int) (string, string) {
			if n == 4 {
				return `{"orders":[{"id":"a"}],"next":null}`, ""
			}
			return fmt.Sprintf(`{"orders":[],"next":"c%d"}`, n), ""
		}, "a"},
	} {
		t.Run(name, func(t *testing.T) {
			n := 0
			server := answering(t, func(w http.ResponseWriter, _ *http.Request) {
				n++
				body, link := c.answer(n)
				if link != "" {
					w.Header().Set("Link", link)
				}
				fmt.Fprint(w, body)
			})
			answer, err := written(t, server.URL, simple(c.text)).Orders(t.Context(), window())
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(ids(answer), " ")
			for _, p := range answer.Partial {
				got += strings.TrimSuffix(strings.Replace(p.Message, "paging:", ";", 1), "; no further page is requested")
			}
			if got != c.want || n > 5 {
				t.Errorf("got %q after %d calls, want %q", got, n, c.want)
			}
		})
	}
}

func TestLinksAreFollowedToAllowedHostsOnly(t *testing.T) {
	for name, c := range map[string]struct{ text, link, body, want string }{
		"another case and port":  {`paging = { by = "link" }`, "HTTP://LOCALHOST:%[1]s/orders?p=2", "", "ok"},
		"in the answer":          {`paging = { by = "link", next_url = '."@odata.nextLink"' }`, "", "%[2]s/orders?p=2", "ok"},
		"relative":               {`paging = { by = "link", next_url = '."@odata.nextLink"' }`, "", "orders?p=2#x", "ok"},
		"an internal host":       {`paging = { by = "link", next_url = '."@odata.nextLink"', follow = "path" }`, "", "http://orders.internal:8080/orders?p=2", "ok"},
		"https behind a proxy":   {`paging = { by = "link", follow = "path" }`, "https://user:pass@127.0.0.1/orders?p=2", "", "ok"},
		"a host that is another": {`paging = { by = "link", next_url = '."@odata.nextLink"' }`, "", "http://orders.internal/orders?p=2", "another host"},
		"another scheme":         {`paging = { by = "link" }`, "https://127.0.0.1:%[1]s/orders?p=2", "", "another host"},
		"another port":           {`paging = { by = "link" }`, "http://127.0.0.1/orders?p=2", "", "another host"},
	} {
		t.Run(name, func(t *testing.T) {
			var server *api
			server = answering(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Query().Get("p") == "2" {
					fmt.Fprint(w, `{"orders":[{"id":"b"}],"@odata.nextLink":null}`)
					return
				}
				_, port, _ := strings.Cut(r.Host, ":")
				fill := func(s string) string {
					if !strings.Contains(s, "%") {
						return s
					}
					return strings.NewReplacer("%[1]s", port, "%[2]s", server.URL).Replace(s)
				}
				if c.link != "" {
					w.Header().Set("Link", "<"+fill(c.link)+">; rel=next")
				}
				fmt.Fprintf(w, `{"orders":[{"id":"a"}],"@odata.nextLink":%q}`, fill(c.body))
			})
			base := server.URL
			if strings.Contains(c.link, "LOCALHOST") {
				base = strings.Replace(base, "127.0.0.1", "localhost", 1)
			}
			answer, err := written(t, base, simple(c.text)).Orders(t.Context(), window())
			got := "ok"
			if err != nil {
				got = err.Error()
			} else if diff := cmp.Diff([]string{"a", "b"}, ids(answer)); diff != "" {
				got = diff
			}
			if !strings.Contains(got, c.want) {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestDeclaredStatusMeansEmpty(t *testing.T) {
	server := answering(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	for text, want := range map[string]string{"empty = [204]\n": "", "empty = [404]\n": "the response is empty"} {
		answer, err := written(t, server.URL, simple(text)).Orders(t.Context(), window())
		if want == "" && (err != nil || len(answer.Orders) > 0) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got %v and %v, want %q", text, ids(answer), err, want)
		}
	}
}

// An item that there is not any more is no order, unless the mapping makes one of the item.
func TestItemWithoutAResponseIsSkipped(t *testing.T) {
	for mapping, want := range map[string]string{
		`{order_id: .id}`:                                       "a c",
		`{order_id: .id, lines: [.lines[] | {}]}`:               "a c",
		`{order_id: (.id // $item.id), method: .method}`:        "a b c",
		`if $status == 204 then empty else {order_id: .id} end`: "a c",
	} {
		server := answering(t, func(w http.ResponseWriter, r *http.Request) {
			switch id := strings.TrimPrefix(r.URL.Path, "/orders/"); id {
			case "/orders":
				fmt.Fprint(w, `["a","b","c"]`)
			case "b":
				w.WriteHeader(http.StatusNoContent)
			default:
				fmt.Fprintf(w, `{"id":%q,"lines":[]}`, id)
			}
		})
		p := written(t, server.URL, "scheme = \"none\"\n[orders]\npath = \"/orders\"\nmap = '"+mapping+"'\n[orders.each]\nitems = '.[] | {id: .}'\npath = '/orders/\\($item.id)'\nempty = [204]\n")
		answer, err := p.Orders(t.Context(), window())
		if got := strings.Join(ids(answer), " "); err != nil || got != want || len(answer.Partial) > 0 {
			t.Errorf("%s: got %s, %v and %v, want %s", mapping, got, answer.Partial, err, want)
		}
	}
}

package declared_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients"
	"orderbeat/clients/declared"
	"orderbeat/clients/section"
)

// quirk is something in a provider's documents that a developer would not expect, and which tests
// show that it is taken as it is.
type quirk struct {
	// tag is the provider's letter and a number for what is about tokens: M for Michelin, P
	// for PTV, H for Shell, B for Microbilt, Z for Mazda. What is about orders has 2.1 for
	// PTV's Planning API, 2.2 for Shell's Card Management, 2.3 for Microbilt and 2.4 for Mazda.
	tag  string
	fact string
	// tests name the functions that show it: in this package, or "folder: TestName" for one that
	// is in the folder, or below it.
	tests []string
	// why says what no test shows, and with no tests at all why there is nothing to show.
	why string
}

func TestEveryQuirkIsListedOnce(t *testing.T) {
	var want, got []string
	for _, provider := range []struct {
		letter string
		facts  int
	}{{"M", 33}, {"P", 11}, {"H", 14}, {"B", 15}, {"Z", 30}} {
		for n := range provider.facts {
			want = append(want, fmt.Sprint(provider.letter, n+1))
		}
	}
	told := map[string]bool{}
	for _, q := range quirks {
		if !strings.Contains(q.tag, ".") {
			got = append(got, q.tag)
		}
		if told[q.tag+q.fact] || q.fact == "" || len(q.tests) == 0 && q.why == "" {
			t.Errorf("%s %s: want it once, with its tests or why it has none", q.tag, q.fact)
		}
		told[q.tag+q.fact] = true
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("quirks (-want +got):\n%s", diff)
	}
}

// standing opens a kind, with keys that stand above its preset, at a server that grants
// tokens and else answers with a function.
func standing(t *testing.T, kind, keys string, answer http.HandlerFunc) (*declared.Client, *api) {
	t.Helper()
	server := answering(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == tokenPaths[kind] {
			fmt.Fprintf(w, grants[kind], "canary-token")
			return
		}
		answer(w, r)
	})
	p := open(t, kind, server.URL, func(s *section.Section) { s.Decode = over(t, kind, table(t, keys)) })
	grantAccess(t, p)
	return p, server
}

// functional are the calls without those for tokens.
func functional(server *api, kind string) (calls []string) {
	for _, call := range server.asked() {
		if !strings.HasPrefix(call, "POST "+tokenPaths[kind]) {
			calls = append(calls, call)
		}
	}
	return calls
}

// saying answers with one status and body, whatever is asked.
func saying(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

// shown are orders in a line each.
func shown(answer clients.Answer) (lines []string) {
	for _, o := range answer.Orders {
		text := fmt.Sprintf("%s %s %s %s", o.OrderID, o.Reference, o.OrderedOn, o.Status)
		for _, l := range o.Lines {
			text += fmt.Sprintf("; %s %s %s", l.LineID, l.Status, l.Description)
		}
		lines = append(lines, text)
	}
	return lines
}

func sameLines(t *testing.T, what string, want, got []string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

package declared_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients"
	"orderbeat/clients/declared"
)

// quirk is something in a provider's documents that nobody would expect, and which tests
// show that it is taken as it is.
type quirk struct {
	// tag is the provider's letter and a number for what is about tokens: M for Michelin, P
	// for PTV, H for Shell, B for Microbilt, Z for Mazda. What is about orders has 2.1 for
	// PTV's Planning API, 2.2 for Shell's Card Management, 2.3 for Microbilt and 2.4 for Mazda.
	tag  string
	fact string
	// tests name the functions that show it: in this package, or "folder: TestName".
	tests []string
	// why says what no test shows, and with no tests at all why there is nothing to show.
	why string
}

func TestTheTestsOfEveryQuirkExist(t *testing.T) {
	exists := testsBelow(t, "../..")
	for _, q := range quirks {
		for _, name := range q.tests {
			if !strings.Contains(name, ": ") {
				name = "clients/declared: " + name
			}
			if !exists[name] {
				t.Errorf("%s %s: there is no test %s", q.tag, q.fact, name)
			}
		}
	}
}

func TestEveryQuirkStandsOnce(t *testing.T) {
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

// testsBelow finds the test functions of a tree, each as "folder: TestName".
func testsBelow(t *testing.T, root string) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		folder, err := filepath.Rel(root, filepath.Dir(path))
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
				found[filepath.ToSlash(folder)+": "+f.Name.Name] = true
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
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
	p := open(t, kind, server.URL, func(s *clients.Section) { s.Decode = over(t, kind, table(t, keys)) })
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

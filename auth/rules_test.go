package auth_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// rule is what a specification demands of a client, and which tests look whether this
// one does it.
type rule struct {
	number  string // R and a number; those of one specification follow each other
	section string // where it stands
	says    string // in our own words
	// tests name the functions that check it: in this package, or "folder: TestName".
	tests []string
	// why says what no test shows, and with no tests at all why the rule does not
	// apply here.
	why string
}

func TestEveryRuleStandsOnce(t *testing.T) {
	var want, got []string
	for _, span := range [][2]int{
		{1, 14}, {20, 24}, {30, 32}, {40, 43}, {50, 51}, {60, 61}, {70, 77}, {80, 80}, {90, 91}, {95, 95}, {100, 102},
	} {
		for n := span[0]; n <= span[1]; n++ {
			want = append(want, fmt.Sprintf("R%d", n))
		}
	}
	for _, r := range rules {
		got = append(got, r.number)
		if r.section == "" || r.says == "" || len(r.tests) == 0 && r.why == "" {
			t.Errorf("%s: want where it stands, what it says, and its tests or why it has none", r.number)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
}

func TestTheTestsOfEveryRuleExist(t *testing.T) {
	exists := testsBelow(t, "..")
	for _, r := range rules {
		named := slices.Clone(r.tests)
		slices.Sort(named)
		if len(slices.Compact(named)) != len(r.tests) {
			t.Errorf("%s names a test twice", r.number)
		}
		for _, name := range r.tests {
			folder, test, elsewhere := strings.Cut(name, ": ")
			if !elsewhere {
				folder, test = "auth", name
			}
			if !exists[folder+": "+test] {
				t.Errorf("%s: there is no test %s", r.number, name)
			}
		}
	}
}

// testsBelow finds the test functions of a tree, each as "folder: TestName".
func testsBelow(t *testing.T, root string) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || d.Name() == "node_modules" || len(d.Name()) > 2 && d.Name()[0] == '.'):
			return fs.SkipDir
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		folder, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") {
				found[filepath.ToSlash(folder)+": "+f.Name.Name] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

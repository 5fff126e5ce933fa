package contract_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestEveryCodeIsDocumented looks for constants of clients.Code in the source.
func TestEveryCodeIsDocumented(t *testing.T) {
	known := string(read(t, "docs/schemas/events.json")) + string(read(t, "docs/schemas/api.json"))
	constant := regexp.MustCompile(`\bcode\w* +(?:clients\.Code )? *= "(\w+)"|Code\w+ +(?:clients\.)?Code += "(\w+)"`)
	found := 0
	for _, folder := range []string{"clients", "db", "jobs", "worker"} {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "sandbox") {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, m := range constant.FindAllStringSubmatch(string(text), -1) {
				found++
				if code := m[1] + m[2]; !strings.Contains(known, `"`+code+`"`) {
					t.Errorf("%s: %s is in no schema, see generate_codes_test.go", path, code)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if found < 18 {
		t.Errorf("found %d codes, want at least 18", found)
	}
}

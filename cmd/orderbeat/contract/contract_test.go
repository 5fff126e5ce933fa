package contract_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderbeat/cmd/orderbeat/contract"
)

var update = flag.Bool("update", false, "write the generated files")

// root is the folder of the module.
const root = "../../.."

// kinds are the kinds of providers of the program's registry.
var kinds = []string{"declared", "mazda", "michelin", "microbilt", "ptv", "shell"}

func read(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestGeneratedFilesAreCurrent compares the committed files with what the code makes.
func TestGeneratedFilesAreCurrent(t *testing.T) {
	for name, text := range map[string][]byte{
		"docs/schemas/events.json": contract.Events(root),
		"docs/schemas/api.json":    contract.API(root),
		"docs/schemas/config.json": contract.Config(root, kinds),
		"docs/asyncapi.yaml":       contract.AsyncAPI(root, examples(t)),
		"docs/nats-api.md":         contract.Markdown(root, read(t, "docs/nats-api.md")),
	} {
		path := filepath.Join(root, name)
		if *update {
			if err := os.WriteFile(path, text, 0o644); err != nil { //nolint:gosec // public documents
				t.Fatal(err)
			}
		}
		have, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(have), string(text)); diff != "" {
			t.Errorf("%s (-have +generated); write it with go test ./cmd/orderbeat/contract -update:\n%s", name, diff)
		}
	}
}

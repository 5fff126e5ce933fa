package contract_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"orderbeat/cmd/orderbeat/contract"
	"orderbeat/docs"
	"orderbeat/worker/contracttest"
)

// examples are those of testdata/examples.json, and the first golden event of each type.
func examples(t *testing.T) map[string][]contract.Example {
	t.Helper()
	text, err := os.ReadFile("testdata/examples.json")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string][]contract.Example
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	for _, g := range goldenEvents(t) {
		if len(all[g.anchor]) == 0 {
			name := strings.ReplaceAll(strings.TrimSuffix(g.file, ".txt"), "-", " ")
			all[g.anchor] = []contract.Example{{Name: name, Payload: g.body}}
		}
	}
	return all
}

func TestEveryMessageHasAnExample(t *testing.T) {
	all := examples(t)
	for _, name := range []string{"docs/schemas/events.json", "docs/schemas/api.json"} {
		defs, _ := document(t, read(t, name))["$defs"].(object)
		for _, def := range defs {
			if anchor, ok := def.(object)["$anchor"].(string); ok && len(all[anchor]) == 0 {
				t.Errorf("%s has no example: add one to testdata/examples.json", anchor)
			}
		}
	}
}

func TestExamplesMatchTheirSchemas(t *testing.T) {
	for anchor, list := range examples(t) {
		uri := docs.APISchema
		if strings.HasPrefix(anchor, "order.") || strings.HasPrefix(anchor, "alert.") || anchor == "run.finished" {
			uri = docs.EventsSchema
		}
		for _, e := range list {
			contracttest.Valid(t, uri+"#"+anchor, e.Payload)
		}
	}
}

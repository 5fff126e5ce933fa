package contract_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"orderbeat/docs"
	"orderbeat/worker/contracttest"
)

// golden is a message of a golden file.
type golden struct {
	file, anchor string
	body         []byte
}

// goldenEvents reads the messages of all golden files of the database, by the name of the file.
func goldenEvents(t *testing.T) (list []golden) {
	t.Helper()
	name := regexp.MustCompile(`^(order|run|alert)-([a-z]+)(-again)?\.txt$`)
	err := filepath.WalkDir(filepath.Join(root, "db"), func(path string, e fs.DirEntry, err error) error {
		found := name.FindStringSubmatch(filepath.Base(path))
		if err != nil || found == nil || filepath.Base(filepath.Dir(path)) != "testdata" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, part := range regexp.MustCompile(`(?ms)^\{$.*?^\}$`).FindAll(text, -1) {
			list = append(list, golden{file: filepath.Base(path), anchor: found[1] + "." + found[2], body: part})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 12 {
		t.Fatalf("found %d golden messages, want at least 12", len(list))
	}
	return list
}

func TestGoldenEventsMatchTheirSchema(t *testing.T) {
	for _, g := range goldenEvents(t) {
		t.Run(g.file, func(t *testing.T) { contracttest.Valid(t, docs.EventsSchema+"#"+g.anchor, g.body) })
	}
}

// TestWrongEventsAreRejected changes golden events in ways that must not pass unnoticed.
func TestWrongEventsAreRejected(t *testing.T) {
	for _, c := range []struct{ name, old, new string }{
		{"a member that is not documented", `"revision"`, `"revised": true, "revision"`},
		{"a member of a line that is not documented", `"line_id"`, `"colour": "black", "line_id"`},
		{"a number as text", `"revision": 2`, `"revision": "2"`},
		{"an unknown status", `"status": "partially_shipped"`, `"status": "shipping"`},
		{"a date that is none", `"ordered_on": "2026-11-17"`, `"ordered_on": "17.11.2026"`},
		{"an instant for a day", `"ordered_on": "2026-11-17"`, `"ordered_on": "2026-11-17T00:00:00Z"`},
		{"a missing member", `"previous_status": "scheduled",`, ``},
		{"no order, and not truncated", `"order": {`, `"ordered": {`},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, g := range goldenEvents(t) {
				if g.anchor != "order.changed" {
					continue
				}
				wrong := strings.Replace(string(g.body), c.old, c.new, 1)
				if wrong == string(g.body) || !json.Valid([]byte(wrong)) {
					t.Fatalf("the golden event has no %s", c.old)
				}
				if contracttest.Check(docs.EventsSchema+"#"+g.anchor, []byte(wrong)) == nil {
					t.Errorf("accepted %s instead of %s", c.new, c.old)
				}
			}
		})
	}
}

func TestWrongRepliesAreRejected(t *testing.T) {
	for name, c := range map[string]struct{ anchor, body string }{
		"a member that is not documented": {"jobs.retry.reply", `{"retried": 1, "cursor": "", "left": 3}`},
		"an unknown code":                 {"error", `{"error": {"code": "oops", "message": "x"}}`},
		"a missing member":                {"events.replay.reply", `{"replay_id": "01"}`},
		"a request with a wrong member":   {"runs.start.request", `{"provider": "michelin", "kind": "sync", "account": "detroit"}`},
		"a param of another kind":         {"runs.start.request", `{"provider": "michelin", "kind": "sync", "params": {"day": 1}}`},
	} {
		t.Run(name, func(t *testing.T) {
			if contracttest.Check(docs.APISchema+"#"+c.anchor, []byte(c.body)) == nil {
				t.Errorf("accepted %s", c.body)
			}
		})
	}
}

// TestTruncatedEventsMatchTheirSchema drops members in the order in which the relay drops them.
func TestTruncatedEventsMatchTheirSchema(t *testing.T) {
	for _, g := range goldenEvents(t) {
		var fields map[string]json.RawMessage
		if err := json.NewDecoder(bytes.NewReader(g.body)).Decode(&fields); err != nil {
			t.Fatal(err)
		}
		if fields["order"] == nil {
			continue
		}
		fields["truncated"] = json.RawMessage("true")
		for _, name := range []string{"order", "changes", "despatch_advice", "invoice", "late_lines"} {
			delete(fields, name)
			short, err := json.Marshal(fields)
			if err != nil {
				t.Fatal(err)
			}
			contracttest.Valid(t, docs.EventsSchema+"#"+g.anchor, short)
		}
	}
}

package relay // an inside test: the form of a body is decided below the relay

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderbeat/db/outbox"
	"orderbeat/worker/contracttest"
)

func TestOnlyChanges(t *testing.T) {
	const changed = outbox.TypeOrderChanged
	for _, c := range []struct{ name, kind, body, want string }{
		{"the order", changed, `{"order_id": "1", "changes": [], "order": {"lines": []}}`, `{"order_id": "1", "changes": []}`},
		{"not of a new one", outbox.TypeOrderCreated, `{"order": {"lines": []}}`, `{"order": {"lines": []}}`},
		{"values stay", changed, `{"changes": [{"path": "status", "before": "open", "after": "shipped"}]}`, `{"changes": [{"path": "status", "before": "open", "after": "shipped"}]}`},
		{"a line that was added stays whole", changed, `{"changes": [{"path": "lines/1", "before": null, "after": {"schedule": [1]}}]}`, `{"changes": [{"path": "lines/1", "before": null, "after": {"schedule": [1]}}]}`},
		{
			"elements that stay", changed, `{"changes": [{"path": "lines/1/schedule", "before": [{"a": 1}, {"a": 2}], "after": [{"a": 1}, {"a": 3}]}]}`,
			`{"changes": [{"path": "lines/1/schedule", "before": [{"a": 2}], "after": [{"a": 3}]}]}`,
		},
		{
			"equal elements are counted", changed, `{"changes": [{"path": "p", "before": [1, 1, 2], "after": [1, 2, 2]}]}`,
			`{"changes": [{"path": "p", "before": [1], "after": [2]}]}`,
		},
		{
			"a first element", changed, `{"changes": [{"path": "p", "before": [], "after": [{"a": 1}]}]}`, `{"changes": [{"path": "p", "before": [], "after": [{"a": 1}]}]}`,
		},
		{
			"a document is the change", outbox.TypeOrderDespatched, `{"changes": [{"path": "despatch_advices/1", "before": null, "after": {"x": 1}}], "despatch_advice": {"x": 1}, "order": {}}`,
			`{"changes": [{"path": "despatch_advices/1", "before": null, "after": {"x": 1}}]}`,
		},
		{"late", outbox.TypeOrderLate, `{"late_lines": [{"line_id": "1"}], "order": {}}`, `{"late_lines": [{"line_id": "1"}]}`},
		{"results stay", outbox.TypeRunFinished, `{"order": 1}`, `{"order": 1}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got, want any
			if err := json.Unmarshal(onlyChanges(c.kind, []byte(c.body)), &got); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(c.want), &want); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestShortEventsMatchTheirSchema shortens the golden events, which have to stay valid messages.
func TestShortEventsMatchTheirSchema(t *testing.T) {
	short := 0
	for kind, pattern := range map[string]string{
		outbox.TypeOrderCreated: "order-created*", outbox.TypeOrderChanged: "order-changed*", outbox.TypeOrderDespatched: "order-despatched*",
		outbox.TypeOrderInvoiced: "order-invoiced*", outbox.TypeOrderLate: "order-late*", outbox.TypeOrderVanished: "order-vanished*",
	} {
		var files []string
		for _, folder := range []string{"../../db/testdata", "../../db/*/testdata"} {
			found, err := filepath.Glob(filepath.Join(folder, pattern))
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, found...)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, body := range regexp.MustCompile(`(?ms)^\{$.*?^\}$`).FindAll(text, -1) {
				short++
				contracttest.Event(t, kind, onlyChanges(kind, body))
			}
		}
	}
	if short < 7 {
		t.Errorf("shortened %d golden events, want at least 7", short)
	}
}

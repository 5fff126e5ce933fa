package relay // an inside test: a server with such a limit rejects other messages too

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLargeMembersAreTruncated(t *testing.T) {
	large := json.RawMessage(`"` + strings.Repeat("x", 1000) + `"`)
	small := json.RawMessage(`"x"`)
	for name, c := range map[string]struct {
		fields map[string]json.RawMessage
		want   string
	}{
		"a large order":                 {map[string]json.RawMessage{"order": large, "changes": small, "order_id": small}, "changes order_id truncated"},
		"large changes":                 {map[string]json.RawMessage{"order": small, "changes": large, "order_id": small}, "order_id truncated"},
		"a large advice, in both":       {map[string]json.RawMessage{"order": small, "changes": large, "despatch_advice": large, "order_id": small}, "order_id truncated"},
		"an advice that fits by itself": {map[string]json.RawMessage{"order": large, "changes": small, "despatch_advice": small}, "changes despatch_advice truncated"},
		"a large invoice":               {map[string]json.RawMessage{"order": small, "changes": large, "invoice": large, "order_id": small}, "order_id truncated"},
	} {
		t.Run(name, func(t *testing.T) {
			body, err := json.Marshal(c.fields)
			if err != nil {
				t.Fatal(err)
			}
			var left map[string]any
			if err := json.Unmarshal(truncate(body, 500), &left); err != nil {
				t.Fatal(err)
			}
			names := []string{}
			for name := range left {
				names = append(names, name)
			}
			slices.Sort(names)
			if diff := cmp.Diff(c.want, strings.Join(names, " ")); diff != "" {
				t.Errorf("left (-want +got):\n%s", diff)
			}
		})
	}
}

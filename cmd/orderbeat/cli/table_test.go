package cli

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTables(t *testing.T) {
	head := []string{"ID", "MESSAGE", "COUNT", "NONE"}
	row := func() [][]string {
		return [][]string{{"a", "the provider does not respond", "7", "-"}, {"b\x1b[2J", "", "1,200", "-"}}
	}
	for name, test := range map[string]struct {
		width int
		want  string
	}{
		"as wide as needed": {0, `
ID     MESSAGE                        COUNT  NONE
a      the provider does not respond      7  -
b [2J                                 1,200  -
`},
		"shortened": {40, `
ID     MESSAGE               COUNT  NONE
a      the provider does n…      7  -
b [2J                        1,200  -
`},
		"too narrow": {10, `
ID     MESSAGE      COUNT  NONE
a      the provid…      7  -
b [2J               1,200  -
`},
	} {
		t.Run(name, func(t *testing.T) {
			rows := row()
			for _, r := range rows {
				for i := range r {
					r[i] = Plain(r[i])
				}
			}
			widths, right := layout(head, rows)
			if test.width > 0 {
				shrink(widths, test.width)
			}
			var b strings.Builder
			for _, r := range append([][]string{head}, rows...) {
				b.WriteString(tableLine(r, nil, widths, right) + "\n")
			}
			if diff := cmp.Diff(strings.TrimPrefix(test.want, "\n"), b.String()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

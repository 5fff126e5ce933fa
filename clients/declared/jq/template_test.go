package jq // inside: what is read here is read nowhere else alone

import (
	"strings"
	"testing"
)

// Whatever stands in a text, it is read or refused with a place within it; what is read
// is the text, piece by piece.
func FuzzTemplate(f *testing.F) {
	for _, text := range []string{
		"", "/orders", `/orders/\($order_id)/x`, `\($from)T00:00:00Z`, `\("a)" + (1 | tostring))`, `\(`, `\()`, `a\\(1)`, `\(.a | )b`, `\($from`,
		`\("\(1)\("2")")`, `\(.x # )
)`, "ä\\(\"\u2028\")", `\({a: ")"}.a)\(1)`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		parsed, wrong := ParseTemplate(text)
		if wrong != nil {
			if wrong.Offset < 0 || wrong.Offset > len(text)+1 || wrong.Message == "" {
				t.Fatalf("got %+v, want a place within %q and a message", wrong, text)
			}
			return
		}
		var again strings.Builder
		for _, p := range parsed.parts {
			if p.program == nil && strings.Contains(p.literal, `\(`) {
				t.Fatalf("got the piece %q, in which there is jq", p.literal)
			}
			again.WriteString(p.literal)
			if p.program != nil {
				again.WriteString(`\(` + p.source + `)`)
			}
		}
		if again.String() != text {
			t.Fatalf("got %q out of %q", again.String(), text)
		}
	})
}

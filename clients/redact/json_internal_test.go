package redact // inside, for isJSON

import (
	"encoding/json"
	"strings"
	"testing"
)

func FuzzIsJSON(f *testing.F) {
	for _, text := range []string{
		``, ` `, "\ufeff{}", `{"a":1,"a":2}`, `{"a":1,}`, `[1,]`, `[1] [2]`, `{} x`, `nul`, `-`, `-0`, `01`, `1.`, `.5`, `1e`, `1E+05`, `+1`, `NaN`,
		`"\ud800"`, `"\udc00\ud800"`, `"\u12"`, `"\x"`, `"\/"`, "\"\xff\"", "\"\x7f\"", "\"\t\"", "\"\u2028\"", "\"\x00\"", `"open`, `{"a"}`, `{a:1}`, `{1:2}`, "[1\v]", "\t\r\n 1 ",
		strings.Repeat("[", 9_999) + strings.Repeat("]", 9_999), strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000),
		strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001), strings.Repeat(`{"a":`, 10_001) + "1" + strings.Repeat("}", 10_001),
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if got, want := isJSON(text), json.Valid(text); got != want {
			t.Errorf("%.100q: got %t, want %t", text, got, want)
		}
	})
}

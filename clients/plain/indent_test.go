package plain_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"orderbeat/clients/plain"
)

func TestTruncatedBodyIsIndented(t *testing.T) {
	for _, text := range []string{`{}`, `[]`, `{"a":[1,2,{"b":"x\\\"{,:","c":{}}],"d":[ ],"e":null}`, "{\n \"a\": 1 }"} {
		var want bytes.Buffer
		if err := json.Indent(&want, []byte(text), "", "  "); err != nil {
			t.Fatal(err)
		}
		if got := plain.Indent(text); got != want.String() {
			t.Errorf("got\n%s\nwant\n%s", got, want.String())
		}
	}
	if got, want := plain.Indent(`{"a":[{"b":"cut of`), "{\n  \"a\": [\n    {\n      \"b\": \"cut of"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

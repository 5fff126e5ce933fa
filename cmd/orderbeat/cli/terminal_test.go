package cli // an inside test: terminal has no use outside

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"orderbeat/clients/plain"
)

// hostile controls a terminal or disguises text.
const hostile = "a\x1b]0;pwned\a\x1b[31m\u009b2J\u202etxt\u2066x\u200f\r\x7f\x00"

// controls returns the characters that must not reach a terminal.
func controls(text string) (found []rune) {
	for _, r := range text {
		if plain.IsControl(r) && r != '\n' && r != '\t' {
			found = append(found, r)
		}
	}
	return found
}

func TestTerminalReplacesControlCharacters(t *testing.T) {
	var out bytes.Buffer
	w := NewTerminal(&out)
	for _, b := range []byte("a" + hostile + "é€\U0001f600\n\tb") { // one byte after the other
		if n, err := w.Write([]byte{b}); n != 1 || err != nil {
			t.Fatal(n, err)
		}
	}
	if found := controls(out.String()); len(found) > 0 || !strings.HasSuffix(out.String(), "é€\U0001f600\n\tb") {
		t.Errorf("got %q with %q in it, want the text alone", out.String(), found)
	}
	if _, err := w.Write([]byte{0x9b, '3', '1', 'm'}); err != nil { // C1 as one byte
		t.Fatal(err)
	}
	if bytes.Contains(out.Bytes(), []byte{'b', 0x9b}) {
		t.Errorf("got %q, want no byte that is no character", out.String())
	}
}

func TestPrintJSONEscapesControlCharacters(t *testing.T) {
	var out bytes.Buffer
	if err := PrintJSON(&out, map[string]string{"text": hostile + "\U000e0041é"}); err != nil {
		t.Fatal(err)
	}
	var back map[string]string
	if err := json.Unmarshal(out.Bytes(), &back); err != nil || back["text"] != hostile+"\U000e0041é" {
		t.Errorf("got %q, %v, want the text that went in", back["text"], err)
	}
	if found := controls(out.String()); len(found) > 0 || !strings.Contains(out.String(), `\u202e`) || !strings.Contains(out.String(), "é") {
		t.Errorf("got %s with %q in it", out.String(), found)
	}
}

package main // an inside test: a main package cannot be imported

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"

	"orderbeat/clients"
	"orderbeat/db"
)

// hostile controls a terminal, disguises text, or is a formula.
const hostile = "=cmd|' /C calc'!A0\x1b]0;pwned\a\x1b[31m\u009b2J\u202etxt\u2066x\u200f\r\x7f\x00"

// controls are the characters that may not reach a terminal.
func controls(text string) (found []rune) {
	for _, r := range text {
		if isControl(r) && r != '\n' && r != '\t' {
			found = append(found, r)
		}
	}
	return found
}

func TestNothingControlsATerminal(t *testing.T) {
	var out bytes.Buffer
	w := &terminal{w: &out}
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

func TestJSONIsEscapedAndMeansTheSame(t *testing.T) {
	var out bytes.Buffer
	if err := printJSON(&out, map[string]string{"text": hostile + "\U000e0041é"}); err != nil {
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

func TestCellsAreNoFormulas(t *testing.T) {
	var out bytes.Buffer
	texts := []string{hostile, "@SUM(1+1)", "+1", "-2+3", "\tx", "\rx", "4711"}
	var page []db.StoredOrder
	for _, text := range texts {
		page = append(page, db.StoredOrder{Order: clients.Order{Provider: "p", Account: text, OrderID: text, Reference: clients.Text(text), Method: clients.Text(text), OpenQuantity: clients.Pieces(-5)}})
	}
	if err := ordersCSV(&terminal{w: &out})(page, true); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&out).ReadAll()
	if err != nil || len(rows) != len(texts)+1 {
		t.Fatal(len(rows), err)
	}
	for i, row := range rows[1:] {
		for _, at := range []int{1, 2, 3, 5} {
			if cell := row[at]; strings.ContainsAny(cell[:1], "=+-@\t\r\n") || controls(cell) != nil {
				t.Errorf("%q became %q", texts[i], cell)
			}
		}
		if row[9] != "-5" {
			t.Errorf("a number became %q", row[9])
		}
	}
}

// What a worker or a provider says reaches a terminal through every command alike.
func TestErrorsControlNoTerminal(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if status := run(context.Background(), []string{"order", hostile, "--config", writeConfig(t, "")}, func(string) string { return "" }, &stdout, &stderr); status == done {
		t.Error("got status 0, want no such order")
	}
	if found := controls(stdout.String() + stderr.String()); len(found) > 0 {
		t.Errorf("got %q with %q in it", stdout.String()+stderr.String(), found)
	}
}

package orders // an inside test of ordersCSV

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"

	"orderbeat/clients"
	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/db/orders"
)

func TestCSVCellsAreNoFormulas(t *testing.T) {
	var out bytes.Buffer
	const hostile = "=cmd|' /C calc'!A0\x1b]0;pwned\a\x1b[31m\u009b2J\u202etxt\u2066x\u200f\r\x7f\x00"
	controls := func(r rune) bool { return r != '\n' && r != '\t' && cli.Plain(string(r)) != string(r) }
	texts := []string{hostile, "@SUM(1+1)", "+1", "-2+3", "\tx", "\rx", "4711"}
	var page []orders.StoredOrder
	for _, text := range texts {
		page = append(page, orders.StoredOrder{Order: clients.Order{Provider: "p", Account: text, OrderID: text, Reference: clients.Text(text), Method: clients.Text(text), OpenQuantity: clients.Pieces(-5)}})
	}
	if err := ordersCSV(cli.NewTerminal(&out))(page, true); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&out).ReadAll()
	if err != nil || len(rows) != len(texts)+1 {
		t.Fatal(len(rows), err)
	}
	for i, row := range rows[1:] {
		for _, at := range []int{1, 2, 3, 5} {
			if cell := row[at]; strings.ContainsAny(cell[:1], "=+-@\t\r\n") || strings.ContainsFunc(cell, controls) {
				t.Errorf("%q became %q", texts[i], cell)
			}
		}
		if row[9] != "-5" {
			t.Errorf("a number became %q", row[9])
		}
	}
}

package clients_test

import (
	"encoding/json"
	"strings"
	"testing"

	"orderbeat/clients"
)

func TestAmounts(t *testing.T) {
	for text, want := range map[string]clients.Amount{
		"652.80": "652.80", "652.8": "652.80", "652": "652.00", " 652.80 ": "652.80", "+7": "7.00", "-16.32": "-16.32", "0": "0.00", "-0": "0.00",
		"163.205": "163.205", "163.2050000": "163.205", "652.8000000000001": "652.80", "1.23456789E7": "12345678.90", "1e-2": "0.01", ".5": "0.50",
		"999999999999999.99": "999999999999999.99", "": "", "  ": "",
	} {
		if got, err := clients.ParseAmount(text); got != want || err != nil {
			t.Errorf("%q: got %q and %v, want %q", text, got, err, want)
		}
	}
	for _, text := range []string{
		"1,200.00", "12 USD", "NaN", "Inf", "0x10", "1/3", "1e999999999", "1e16", "1000000000000000", "--1", "1.2.3", "e", strings.Repeat("1", 100), "1_000",
	} {
		if got, err := clients.ParseAmount(text); err == nil {
			t.Errorf("%q: got %q, want it refused", text, got)
		}
	}
}

func TestAmountIsTextOrAbsent(t *testing.T) {
	got, err := json.Marshal([]clients.Amount{"1.00", ""})
	if string(got) != `["1.00",null]` || err != nil {
		t.Errorf("got %s and %v", got, err)
	}
	var back []clients.Amount
	if err := json.Unmarshal(got, &back); err != nil || back[0] != "1.00" || back[1] != "" {
		t.Errorf("got %q and %v back", back, err)
	}
}

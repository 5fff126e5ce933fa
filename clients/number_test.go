package clients_test

import (
	"testing"

	"orderbeat/clients"
)

func TestNumbersAreReadWithoutSeparators(t *testing.T) {
	for text, want := range map[string][3]string{ // with a point, a comma, or either; "" is none
		"1200":          {"1200", "1200", "1200"},
		"652.80":        {"652.80", "", "652.80"},
		"652,80":        {"", "652.80", "652.80"},
		"1,200":         {"1200", "1.200", "1200"},
		"1.200":         {"1.200", "1200", "1.200"},
		"0,500":         {"", "0.500", "0.500"},
		"1.200,5":       {"1200.5", "1200.5", "1200.5"},
		"1,200.5":       {"1200.5", "1200.5", "1200.5"},
		"1.200.000":     {"1200000", "1200000", "1200000"},
		"1 200\u00a0":   {"1200", "1200", "1200"},
		"1\u2019200":    {"1200", "1200", "1200"},
		" - 16 ":        {"-16", "-16", "-16"},
		"16-":           {"-16", "-16", "-16"},
		"(1,200)":       {"-1200", "-1.200", "-1200"},
		"-16-":          {"", "", ""},
		"12,34,567":     {"", "", ""},
		"1,200,":        {"", "", ""},
		"1.200,000,000": {"", "", ""},
		"1,200e3":       {"", "1.200e3", ""},
	} {
		for i, decimal := range []clients.Decimal{clients.DecimalPoint, clients.DecimalComma, clients.DecimalEither} {
			got, ok := clients.PlainNumber(text, decimal)
			if !ok {
				got = ""
			}
			if got != want[i] {
				t.Errorf("%q with %q: got %q, want %q", text, decimal, got, want[i])
			}
		}
	}
}

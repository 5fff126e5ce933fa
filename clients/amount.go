package clients

import (
	"database/sql/driver"
	"fmt"
	"math/big"
	"strings"
)

// Amount is an amount of money as decimal text with at least two decimals, "652.80" or
// "-16.32", so that nothing is lost to binary fractions. "" means that there is none:
// null in JSON, NULL in SQL.
type Amount string

// The most digits that an amount has before and behind its point: more than money needs.
const maxWhole, maxDecimals = 15, 6

// ParseAmount reads a decimal number, "652.8", "-1e3" or "+7", into its one canonical
// form, rounded to six decimals: what is behind them is what binary fractions leave. A
// blank is none.
func ParseAmount(s string) (Amount, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return "", nil
	}
	wrong := fmt.Errorf("%.40q is not an amount: write it like \"652.80\"", s)
	// Of what else a Rat can be, fractions and other bases are no decimals, and a large
	// exponent would take its time.
	exponent := s[strings.LastIndexAny(s, "eE")+1:]
	if strings.Trim(s, "0123456789+-.eE") != "" || len(s) > 2*maxWhole+maxDecimals || len(s) > len(exponent) && len(exponent) > len("+15") {
		return "", wrong
	}
	value, ok := new(big.Rat).SetString(s)
	if !ok {
		return "", wrong
	}
	whole, decimals, _ := strings.Cut(value.FloatString(maxDecimals), ".")
	if len(strings.TrimPrefix(whole, "-")) > maxWhole {
		return "", wrong
	}
	decimals = decimals[:2] + strings.TrimRight(decimals[2:], "0")
	return Amount(whole + "." + decimals), nil
}

// MarshalJSON writes the text or null.
func (a Amount) MarshalJSON() ([]byte, error) { return appendNullable(nil, a), nil }

// Value is NULL for "".
func (a Amount) Value() (driver.Value, error) { return nullable(string(a)), nil }

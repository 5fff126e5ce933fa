package clients

import (
	"bytes"
	"database/sql/driver"
	"fmt"
	"strconv"
	"time"
)

// Text is a string whose "" means that there is none: null in JSON, NULL in SQL.
type Text string

// MarshalJSON writes null for "".
func (t Text) MarshalJSON() ([]byte, error) { return appendNullable(nil, t), nil }

// Value is NULL for "".
func (t Text) Value() (driver.Value, error) { return nullable(string(t)), nil }

// Scan reads a string or NULL.
func (t *Text) Scan(src any) error { return scanNullable((*string)(t), src) }

// Date is a calendar day without a zone, written "2006-01-02", so that text order
// is time order. "" means that there is none: null in JSON, NULL in SQL.
type Date string

// DateOf returns t's day in t's own zone.
func DateOf(t time.Time) Date { return Date(t.Format(time.DateOnly)) }

// ParseDate checks that s is a day written "2006-01-02".
func ParseDate(s string) (Date, error) {
	if _, err := time.Parse(time.DateOnly, s); err != nil {
		return "", fmt.Errorf("%.40q is not a date: write year-month-day, like \"2026-01-31\"", s)
	}
	return Date(s), nil
}

// Time is midnight UTC of d, the zero time when d is not a date.
func (d Date) Time() time.Time {
	t, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return time.Time{}
	}
	return t
}

// AddDays returns the day n days after d.
func (d Date) AddDays(n int) Date { return DateOf(d.Time().AddDate(0, 0, n)) }

// MarshalJSON writes null for "".
func (d Date) MarshalJSON() ([]byte, error) { return appendNullable(nil, d), nil }

// Value is NULL for "".
func (d Date) Value() (driver.Value, error) { return nullable(string(d)), nil }

// Scan reads a string or NULL.
func (d *Date) Scan(src any) error { return scanNullable((*string)(d), src) }

// Quantity is a number of pieces, or, when Known is false, nothing at all: null
// in JSON, NULL in SQL. Absence is not zero.
type Quantity struct {
	N     int64
	Known bool
}

// Pieces is a known quantity.
func Pieces(n int64) Quantity { return Quantity{N: n, Known: true} }

// Plus adds what is known: it is unknown only when both are.
func (q Quantity) Plus(r Quantity) Quantity {
	return Quantity{N: q.N + r.N, Known: q.Known || r.Known}
}

// Some reports whether the quantity is known and more than zero.
func (q Quantity) Some() bool { return q.Known && q.N > 0 }

// String is the number, or "-".
func (q Quantity) String() string {
	if !q.Known {
		return "-"
	}
	return strconv.FormatInt(q.N, 10)
}

// MarshalJSON writes the number or null.
func (q Quantity) MarshalJSON() ([]byte, error) {
	if !q.Known {
		return []byte("null"), nil
	}
	return strconv.AppendInt(nil, q.N, 10), nil
}

// UnmarshalJSON reads a whole number or null.
func (q *Quantity) UnmarshalJSON(b []byte) error {
	if bytes.Equal(b, []byte("null")) {
		*q = Quantity{}
		return nil
	}
	n, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil {
		return fmt.Errorf("quantity %.40q is not a whole number", b)
	}
	*q = Pieces(n)
	return nil
}

// Value is the number or NULL.
func (q Quantity) Value() (driver.Value, error) {
	if !q.Known {
		return nil, nil //nolint:nilnil // NULL is the value
	}
	return q.N, nil
}

// Scan reads a number or NULL.
func (q *Quantity) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*q = Quantity{}
	case int64:
		*q = Pieces(v)
	default:
		return fmt.Errorf("quantity from %T", src)
	}
	return nil
}

func nullable(s string) driver.Value {
	if s == "" {
		return nil
	}
	return s
}

func scanNullable(into *string, src any) error {
	switch v := src.(type) {
	case nil:
		*into = ""
	case string:
		*into = v
	case []byte:
		*into = string(v)
	default:
		return fmt.Errorf("text from %T", src)
	}
	return nil
}

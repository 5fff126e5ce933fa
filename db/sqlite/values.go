package sqlite

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"
)

// timeLayout is the format of stored times. It has a fixed width, so that text order is time order.
const timeLayout = "2006-01-02T15:04:05.000Z"

// Stamp formats a time for storage: UTC, milliseconds, fixed width.
func Stamp(t time.Time) string { return t.UTC().Format(timeLayout) }

// Stored returns t with the precision of [Stamp], as it is read back.
func Stored(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// StampUp is [Stamp] rounded up, so that a deadline is not too early.
func StampUp(t time.Time) string { return Stamp(t.Add(time.Millisecond - time.Nanosecond)) }

// StampUpOrNull is [StampUp], or NULL for the zero time.
func StampUpOrNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return StampUp(t)
}

// StampOrNull is [Stamp], or NULL for the zero time.
func StampOrNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return Stamp(t)
}

// StampOf is [Stamp], or NULL for nil.
func StampOf(t *time.Time) any {
	if t == nil {
		return nil
	}
	return Stamp(*t)
}

// timeInto scans a stored time; NULL becomes the zero time.
type timeInto struct{ t *time.Time }

func (s timeInto) Scan(src any) error {
	*s.t = time.Time{}
	switch v := src.(type) {
	case nil:
		return nil
	case string:
		t, err := time.Parse(timeLayout, v)
		*s.t = t
		return err
	default:
		return fmt.Errorf("cannot scan a time from %T", src)
	}
}

// timeOrNil scans a stored time; NULL becomes nil.
type timeOrNil struct{ t **time.Time }

func (s timeOrNil) Scan(src any) error {
	var t time.Time
	if err := (timeInto{&t}).Scan(src); err != nil {
		return err
	}
	*s.t = nil
	if !t.IsZero() {
		*s.t = &t
	}
	return nil
}

// OrNull returns s, or NULL for the empty string.
func OrNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// textInto scans text; NULL becomes "".
type textInto[S ~string] struct{ s *S }

func (t textInto[S]) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*t.s = ""
	case string:
		*t.s = S(v)
	default:
		return fmt.Errorf("cannot scan text from %T", src)
	}
	return nil
}

// ZeroNull returns n, or NULL for 0.
func ZeroNull(n int) any {
	if n == 0 {
		return nil
	}
	return n
}

// numberInto scans a number; NULL becomes 0.
type numberInto struct{ n *int }

func (i numberInto) Scan(src any) error {
	*i.n = 0
	switch v := src.(type) {
	case nil:
		return nil
	case int64:
		*i.n = int(v)
		return nil
	default:
		return fmt.Errorf("cannot scan a number from %T", src)
	}
}

// EncodeJSON encodes v as JSON without HTML escaping.
func EncodeJSON(v any) (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "", err
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), nil
}

// jsonInto scans JSON; NULL leaves the value unchanged.
type jsonInto struct{ v any }

func (j jsonInto) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		return nil
	case string:
		return json.Unmarshal([]byte(v), j.v)
	default:
		return fmt.Errorf("cannot scan JSON from %T", src)
	}
}

// Raw scans JSON without decoding it; NULL becomes nil.
type Raw json.RawMessage

// Scan implements [sql.Scanner].
func (r *Raw) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*r = nil
	case string:
		*r = Raw(v)
	default:
		return fmt.Errorf("cannot scan JSON from %T", src)
	}
	return nil
}

// Time scans a stored time into t; NULL becomes the zero time.
func Time(t *time.Time) sql.Scanner { return timeInto{t} }

// TimeOrNil scans a stored time into t; NULL becomes nil.
func TimeOrNil(t **time.Time) sql.Scanner { return timeOrNil{t} }

// Text scans text into s; NULL becomes "".
func Text[S ~string](s *S) sql.Scanner { return textInto[S]{s} }

// Number scans a number into n; NULL becomes 0.
func Number(n *int) sql.Scanner { return numberInto{n} }

// JSON decodes JSON into v; NULL leaves v unchanged.
func JSON(v any) sql.Scanner { return jsonInto{v} }

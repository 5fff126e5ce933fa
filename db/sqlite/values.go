package sqlite

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"
)

// timeLayout is how times are stored: all of one width, so that text order is time order.
const timeLayout = "2006-01-02T15:04:05.000Z"

// Stamp is a time as it is stored: UTC, in milliseconds, all of one width.
func Stamp(t time.Time) string { return t.UTC().Format(timeLayout) }

// StampUp is Stamp rounded up: what lasts until then does not end too early.
func StampUp(t time.Time) string { return Stamp(t.Add(time.Millisecond - time.Nanosecond)) }

// StampUpOrNull is NULL for the zero time.
func StampUpOrNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return StampUp(t)
}

// StampOrNull is NULL for the zero time.
func StampOrNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return Stamp(t)
}

// StampOf is NULL for nil.
func StampOf(t *time.Time) any {
	if t == nil {
		return nil
	}
	return Stamp(*t)
}

// timeInto scans a stored time; NULL leaves the zero time.
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
		return fmt.Errorf("time from %T", src)
	}
}

// timeOrNil scans a stored time; NULL leaves nil.
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

// OrNull is NULL for the empty string.
func OrNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// textInto scans text; NULL leaves "".
type textInto[S ~string] struct{ s *S }

func (t textInto[S]) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*t.s = ""
	case string:
		*t.s = S(v)
	default:
		return fmt.Errorf("text from %T", src)
	}
	return nil
}

// ZeroNull is NULL for 0.
func ZeroNull(n int) any {
	if n == 0 {
		return nil
	}
	return n
}

// numberInto scans a number; NULL leaves 0.
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
		return fmt.Errorf("number from %T", src)
	}
}

// EncodeJSON writes v as JSON the way people read it: "&" stays "&".
func EncodeJSON(v any) (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "", err
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), nil
}

// jsonInto scans a JSON text; NULL leaves what is there.
type jsonInto struct{ v any }

func (j jsonInto) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		return nil
	case string:
		return json.Unmarshal([]byte(v), j.v)
	default:
		return fmt.Errorf("json from %T", src)
	}
}

// Raw scans a JSON text as it is; NULL is nil.
type Raw json.RawMessage

// Scan implements [sql.Scanner].
func (r *Raw) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*r = nil
	case string:
		*r = Raw(v)
	default:
		return fmt.Errorf("json from %T", src)
	}
	return nil
}

// Time scans a stored time into t; NULL leaves the zero time.
func Time(t *time.Time) sql.Scanner { return timeInto{t} }

// TimeOrNil scans a stored time into t; NULL leaves nil.
func TimeOrNil(t **time.Time) sql.Scanner { return timeOrNil{t} }

// Text scans a text into s; NULL leaves "".
func Text[S ~string](s *S) sql.Scanner { return textInto[S]{s} }

// Number scans a number into n; NULL leaves 0.
func Number(n *int) sql.Scanner { return numberInto{n} }

// JSON scans a JSON text into v; NULL leaves what is there.
func JSON(v any) sql.Scanner { return jsonInto{v} }

package db

import (
	"fmt"
	"time"
)

// timeLayout is how times are stored: all of one width, so that text order is time order.
const timeLayout = "2006-01-02T15:04:05.000Z"

func stamp(t time.Time) string { return t.UTC().Format(timeLayout) }

// stampUp is stamp rounded up: what lasts until then does not end too early.
func stampUp(t time.Time) string { return stamp(t.Add(time.Millisecond - time.Nanosecond)) }

// stampUpOrNull is NULL for the zero time.
func stampUpOrNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return stampUp(t)
}

// stampOrNull is NULL for the zero time.
func stampOrNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return stamp(t)
}

// stampOf is NULL for nil.
func stampOf(t *time.Time) any {
	if t == nil {
		return nil
	}
	return stamp(*t)
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

// orNull is NULL for the empty string.
func orNull(s string) any {
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

// zeroNull is NULL for 0.
func zeroNull(n int) any {
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

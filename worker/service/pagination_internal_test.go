package service // an inside test: it counts the rows that a page reads

import (
	"context"
	"errors"
	"iter"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/semaphore"
)

// rowsOf yields n rows of so many bytes and counts those that were read.
func rowsOf(n, size int, read *int) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for range n {
			*read++
			if !yield(strings.Repeat("x", size), nil) {
				return
			}
		}
	}
}

func pageOf(t *testing.T, limit int, rows iter.Seq2[string, error]) (listPage, error) {
	t.Helper()
	s := &Service{maxReply: func() int64 { return 1 << 20 }, memory: semaphore.NewWeighted(replyMemory)}
	p, _, err := readPage(t.Context(), s, &request{}, limit, func(int) iter.Seq2[string, error] { return rows }, func(string) any { return "short" })
	return p, err
}

func TestPageEndsBySize(t *testing.T) {
	for _, c := range []struct {
		name       string
		rows, size int
		limit      int
		want, read int
		more       bool
	}{
		{"small rows, all of them", 10, 100, 100, 10, 10, false},
		{"as many as the limit", 100, 100, 100, 100, 100, false},
		{"more than the limit", 101, 100, 100, 100, 101, true},
		{"large rows", 1000, 100_000, 1000, 10, 11, true},
		{"each as large as a page", 1000, 900_000, 1000, 1, 2, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			read := 0
			p, err := pageOf(t, c.limit, rowsOf(c.rows, c.size, &read))
			if err != nil {
				t.Fatal(err)
			}
			if len(p.rows) != c.want || read != c.read || p.more != c.more {
				t.Errorf("got %d rows, %d read, more %t; want %d, %d, %t", len(p.rows), read, p.more, c.want, c.read, c.more)
			}
		})
	}
}

func TestRowLargerThanAReplyIsShortened(t *testing.T) {
	read := 0
	p, err := pageOf(t, 100, rowsOf(2, 2<<20, &read))
	if err != nil || len(p.rows) != 1 || string(p.rows[0]) != `"short"` || !p.more {
		t.Errorf("got %.40q, more %t, %v; want the first row, shortened, and more behind it", p.rows, p.more, err)
	}
}

func TestErrorEndsThePage(t *testing.T) {
	broken := errors.New("broken")
	_, err := pageOf(t, 100, func(yield func(string, error) bool) { _ = yield("a", nil) && yield("", broken) })
	if !errors.Is(err, broken) {
		t.Errorf("got %v, want the error of the rows", err)
	}
}

func TestMemoryOfRepliesIsBounded(t *testing.T) {
	s := &Service{maxReply: func() int64 { return 8 << 20 }, memory: semaphore.NewWeighted(replyMemory)}
	var all []*request
	for range replyMemory / (8 << 20) {
		r := &request{}
		if err := s.reserve(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := s.reserve(short, &request{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v, want that one more waits until its caller's time is over", err)
	}
	all[0].free()
	all[0].free() // once
	if err := s.reserve(t.Context(), all[0]); err != nil {
		t.Errorf("got %v, want room again", err)
	}
	s.maxReply = func() int64 { return 100 << 20 }
	for _, r := range all {
		r.free()
	}
	if err := s.reserve(t.Context(), all[0]); err != nil {
		t.Errorf("got %v, want that a reply of any size has its turn", err)
	}
}

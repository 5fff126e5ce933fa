package slots // an inside test: it returns several slots at once

import (
	"context"
	"testing"
)

func TestSlotsAreResized(t *testing.T) {
	s := New(3)
	taken := func() (n int) {
		for s.TryAcquire() {
			n++
		}
		return n
	}
	if n := taken(); n != 3 {
		t.Fatalf("got %d slots, want 3", n)
	}
	s.Resize(1) // three are in use
	s.Release()
	s.Release()
	if n := taken(); n != 0 {
		t.Errorf("got %d slots although one of one is in use", n)
	}
	s.Release()
	if n := taken(); n != 1 {
		t.Errorf("got %d slots, want 1", n)
	}
	s.Resize(4)
	if n := taken(); n != 3 {
		t.Errorf("got %d more slots, want 3", n)
	}
	s.Resize(2)
	s.Resize(3) // of four in use, one is owed
	for range 4 {
		s.Release()
	}
	if n := taken(); n != 3 {
		t.Errorf("got %d slots, want 3", n)
	}
	s.Resize(5)
	s.used.Add(-3)
	s.releaseAll(3)
	end := s.AcquireAll(context.Background())
	if s.TryAcquire() {
		t.Error("got a slot beside a job that runs alone")
	}
	s.Resize(2)
	end()
	if n := taken(); n != 2 {
		t.Errorf("got %d slots, want 2", n)
	}
}

package jobrunner // an inside test: slots are not exported

import (
	"context"
	"testing"
)

func TestSlotsAreResized(t *testing.T) {
	s := newSlots(3)
	taken := func() (n int) {
		for s.tryAcquire() {
			n++
		}
		return n
	}
	if n := taken(); n != 3 {
		t.Fatalf("got %d slots, want 3", n)
	}
	s.resize(1) // three are in use
	s.release()
	s.release()
	if n := taken(); n != 0 {
		t.Errorf("got %d slots although one of one is in use", n)
	}
	s.release()
	if n := taken(); n != 1 {
		t.Errorf("got %d slots, want 1", n)
	}
	s.resize(4)
	if n := taken(); n != 3 {
		t.Errorf("got %d more slots, want 3", n)
	}
	s.resize(2)
	s.resize(3) // of four in use, one is owed
	for range 4 {
		s.release()
	}
	if n := taken(); n != 3 {
		t.Errorf("got %d slots, want 3", n)
	}
	s.resize(5)
	s.releaseAll(3)
	end := s.alone(context.Background())
	if s.tryAcquire() {
		t.Error("got a slot beside a job that runs alone")
	}
	s.resize(2)
	end()
	if n := taken(); n != 2 {
		t.Errorf("got %d slots, want 2", n)
	}
}

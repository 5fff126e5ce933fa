package sandbox

import (
	"math/rand/v2"
	"time"
)

// pace is the length of a sandbox day.
type pace time.Duration

// day is the sandbox day of t, begin the moment when one begins.
func (p pace) day(t time.Time) int64     { return floorDiv(t.UnixNano(), int64(p)) }
func (p pace) begin(day int64) time.Time { return time.Unix(0, day*int64(p)) }

// slot is where one order after the other lives: each for as many sandbox days as the
// slot gives it, then the next generation takes its place. So what lives at any moment
// follows from the clock by division.
type slot struct{ life, phase int64 } // sandbox days

// generation is the one that lives on a day, birth the day on which it begins to.
func (s slot) generation(day int64) int64   { return floorDiv(day+s.phase, s.life) }
func (s slot) birth(generation int64) int64 { return generation*s.life - s.phase }

// newSlots makes n slots, which give lives of shortest to longest sandbox days. The
// first is in a hurry: enough happens in its short life for something every day.
func newSlots(n int, seed uint64, shortest, longest, hurried int64) []slot {
	slots := make([]slot, n)
	for i := range slots {
		d := newDice(seed, i, 0)
		life := shortest + d.Int64N(longest-shortest+1)
		if i == 0 {
			life = hurried
		}
		slots[i] = slot{life: life, phase: d.Int64N(life)}
	}
	return slots
}

// newDice makes the dice that decide everything about one generation of a slot, always
// the same way. Each stand-in has a seed of its own.
func newDice(seed uint64, slot int, generation int64) *rand.Rand {
	return rand.New(rand.NewPCG(seed<<32|uint64(slot), uint64(generation)))
}

// spread spreads events over a life: one in each of equal spans, none on the day of
// its birth. It returns the ages at which they happen, in sandbox days.
func spread(dice *rand.Rand, events, life int64) []int64 {
	var ages []int64
	for i := range events {
		begin, end := i*(life-1)/events, (i+1)*(life-1)/events
		ages = append(ages, 1+begin+dice.Int64N(end-begin))
	}
	return ages
}

// moment is the clock as orders see it.
type moment struct {
	pace

	now   time.Time
	today int64 // the sandbox day
}

// momentAt is a moment of the clock, where a sandbox day has such a length.
func momentAt(now time.Time, day time.Duration) moment {
	p := pace(day)
	return moment{p, now, p.day(now)}
}

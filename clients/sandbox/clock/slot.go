package clock

import (
	"math/rand/v2"
	"time"
)

// Pace is the length of a sandbox day.
type Pace time.Duration

// Day is the sandbox day of t.
func (p Pace) Day(t time.Time) int64 { return FloorDiv(t.UnixNano(), int64(p)) }

// Begin is the beginning of a day.
func (p Pace) Begin(day int64) time.Time { return time.Unix(0, day*int64(p)) }

// Slot is a sequence of orders, one at a time: each generation lasts Life sandbox days, then the next one follows.
// The current generation is computed from the clock by division.
type Slot struct{ Life, Phase int64 } // sandbox days

// Generation returns the current generation on a day.
func (s Slot) Generation(day int64) int64 { return FloorDiv(day+s.Phase, s.Life) }

// Start returns the first day of a generation.
func (s Slot) Start(generation int64) int64 { return generation*s.Life - s.Phase }

// NewSlots returns n slots with lives of shortest to longest sandbox days. The first has the life
// hurried, so short that something happens in it every day.
func NewSlots(n int, seed uint64, shortest, longest, hurried int64) []Slot {
	slots := make([]Slot, n)
	for i := range slots {
		d := NewDice(seed, i, 0)
		life := shortest + d.Int64N(longest-shortest+1)
		if i == 0 {
			life = hurried
		}
		slots[i] = Slot{Life: life, Phase: d.Int64N(life)}
	}
	return slots
}

// NewDice returns the random numbers that decide everything about one generation of a slot, always the same ones.
// Each simulator has its own seed.
func NewDice(seed uint64, slot int, generation int64) *rand.Rand {
	return rand.New(rand.NewPCG(seed<<32|uint64(slot), uint64(generation)))
}

// Spread spreads events over a life: one in each of several equal spans, none on the first day. It returns
// the ages at which they happen, in sandbox days.
func Spread(dice *rand.Rand, events, life int64) []int64 {
	var ages []int64
	for i := range events {
		begin, end := i*(life-1)/events, (i+1)*(life-1)/events
		ages = append(ages, 1+begin+dice.Int64N(end-begin))
	}
	return ages
}

// Moment is a point in time with its sandbox day.
type Moment struct {
	Pace

	Now   time.Time
	Today int64 // the sandbox day
}

// At returns the moment of now, with day as the length of a sandbox day.
func At(now time.Time, day time.Duration) Moment {
	p := Pace(day)
	return Moment{p, now, p.Day(now)}
}

// Package clock is time in the sandbox: its short days, the slots in which one order follows another,
// the dice that decide what happens to each, and calendar days.
//
// Everything follows from the clock alone; nothing is stored. The package knows no provider and no
// HTTP. Start reading at [Moment] and [Slot].
package clock

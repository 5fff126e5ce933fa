// Package clock defines time in the sandbox: its short days, the slots in which one order follows another,
// the seeded random numbers (dice) that decide what happens to each order, and calendar days.
//
// Everything is derived from the clock; nothing is stored. The package is independent of providers and of
// HTTP. Start reading at [Moment] and [Slot].
package clock

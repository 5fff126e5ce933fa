// Package clock is time in the sandbox: its short days, the slots in which one order lives after
// the other, the dice that decide what becomes of each, and days of the calendar.
//
// Everything follows from the clock alone; nothing is stored. The package knows no provider and no
// HTTP. Start reading at [Moment] and [Slot].
package clock

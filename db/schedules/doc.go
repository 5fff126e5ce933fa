// Package schedules stores the due times of schedules and their outcome, which schedules are paused, and until when due
// times are recorded. A tick and its run are stored in the same transaction.
//
// It depends on runs and sqlite. Start reading at [Store.StartTick].
package schedules

// Package exchanges stores recorded HTTP exchanges, and finds the jobs whose responses can be mapped again.
//
// It depends on sqlite. Start reading at [Record] and [Store.Kept].
package exchanges

// Package orders stores the orders of an outcome, compares them with the stored ones, and adds an event to the history and
// the outbox for each new or changed order. It also records which orders are late or no longer returned, and when an
// account was last synced.
//
// It depends on outbox and sqlite. Start reading at [Tx.Upsert].
package orders

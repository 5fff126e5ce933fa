// Package notifications stores which targets are to be notified of which alerts. [Enqueue] adds a
// row for each target in the transaction that raises or resolves an alert; a row is deleted when
// the target has accepted it.
//
// It is below alerts and knows only sqlite. Start reading at [Enqueue], then [Store.Next].
package notifications

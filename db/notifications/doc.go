// Package notifications stores the notifications of alerts to send to targets. [Enqueue] adds a
// row for each target in the transaction that raises or resolves an alert; a row is deleted when
// the target has accepted it.
//
// It is below alerts and depends only on sqlite. Start reading at [Enqueue], then [Store.Next].
package notifications

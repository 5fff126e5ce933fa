// Package documents stores despatch advices and invoices, links them to their orders, and adds an event to the history of
// each known order of a new or changed document.
//
// It depends on orders, outbox and sqlite. Start reading at [Tx.Apply].
package documents

// Package michelin answers for Michelin: order status, despatch advices and invoices of three accounts.
//
// It is told whether a token lives and which error code to answer; it issues no tokens, knows no other
// fault, and shares no code with the client of the provider. Start reading at [Server]; the life of an
// order is in story.go, and what the documents look like in c10.go, c11.go, desadv.go and invoice.go.
package michelin

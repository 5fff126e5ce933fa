// Package michelin simulates Michelin's API: order status, despatch advices and invoices of three
// accounts.
//
// The caller decides whether a token is valid and which error code to return; the package issues no tokens, has
// no other faults, and shares no code with the provider's client. Start reading at [Server]; the
// life of an order is in story.go, and the documents are in c10.go, c11.go, desadv.go and invoice.go.
package michelin

// Package michelin simulates Michelin's API: order status, despatch advices and invoices of three
// accounts.
//
// Its caller says whether a token is valid and which error code to return; it issues no tokens, knows
// no other fault, and shares no code with the client of the provider. Start reading at [Server]; the
// life of an order is in story.go, and the documents are in c10.go, c11.go, desadv.go and invoice.go.
package michelin

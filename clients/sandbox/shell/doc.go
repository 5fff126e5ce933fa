// Package shell simulates Shell Card Management, version 1: two payers' orders for fuel cards.
//
// It handles neither tokens nor faults, and shares no code with the provider's client. Start
// reading at [OrderCardEnquiry]; the life of an order is in order.go and card.go.
package shell

// Package shell simulates Shell Card Management, version 1: orders for fuel cards of two payers.
//
// It knows neither tokens nor faults, and shares no code with the client of the provider. Start
// reading at [OrderCardEnquiry]; the life of an order is in order.go and card.go.
package shell

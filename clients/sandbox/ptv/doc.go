// Package ptv simulates PTV Logistics' Planning API, version 1: the calls that return which orders
// are planned. Its documents do not cover the execution of orders.
//
// It handles neither tokens nor faults, and shares no code with the provider's client. Start
// reading at [Plannings]; the life of a planning is in planning.go.
package ptv

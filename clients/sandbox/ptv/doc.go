// Package ptv answers for PTV Logistics: the calls of the Planning API, version 1, that tell which
// orders are planned. No document of theirs tells of an order's execution.
//
// It knows neither tokens nor faults, and shares no code with the client of the provider. Start
// reading at [Plannings]; the life of a planning is in planning.go.
package ptv

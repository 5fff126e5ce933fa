// Package mazda simulates Mazda's API: parts orders of an organization. They are an example: Mazda's
// API is not public. They have what such calls usually have, a date range, numbered pages, and the
// header X-mazda-org, which Mazda documents.
//
// It knows neither tokens nor faults, and shares no code with the client of the provider. Start
// reading at [Orders]; the life of an order is in order.go.
package mazda

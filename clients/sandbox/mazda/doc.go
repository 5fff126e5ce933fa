// Package mazda answers for Mazda: parts orders of an organization. They are an example: what
// Mazda's API offers is not public. They have what such calls usually have, a range of dates, pages
// that are counted, and the header X-mazda-org, which Mazda does document.
//
// It knows neither tokens nor faults, and shares no code with the client of the provider. Start
// reading at [Orders]; the life of an order is in order.go.
package mazda

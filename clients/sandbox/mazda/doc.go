// Package mazda simulates Mazda's API: parts orders of an organization. The API is an example: Mazda's
// is not public. It has what such APIs usually have, a date range and numbered pages, and the
// header X-mazda-org, which Mazda documents.
//
// It handles neither tokens nor faults, and shares no code with the provider's client. Start
// reading at [Orders]; the life of an order is in order.go.
package mazda

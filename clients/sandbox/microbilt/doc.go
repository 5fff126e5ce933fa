// Package microbilt simulates Microbilt's API: archived reports, with the calls that every product
// has.
//
// It knows neither tokens nor faults, and shares no code with the client of the provider. Start
// reading at [ArchiveReport].
package microbilt

// Package microbilt simulates Microbilt's API: archived reports, with the calls that every product
// has.
//
// It handles neither tokens nor faults, and shares no code with the provider's client. Start
// reading at [ArchiveReport].
package microbilt

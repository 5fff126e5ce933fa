package jobs

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/oklog/ulid/v2"
)

// newTraceparent begins a W3C trace for a run that came without one. Its trace id
// is the run's id, so that either finds the other.
func newTraceparent(runID string) string {
	id, err := ulid.Parse(runID)
	if err != nil {
		return ""
	}
	return "00-" + hex.EncodeToString(id[:]) + "-" + spanID(runID) + "-01"
}

// ChildTraceparent is the trace context of a step within a run: the parent's
// trace, and a span id that the name of the step decides. "" stays "".
func ChildTraceparent(parent, step string) string {
	const traceEnd = len("00-") + 32
	if len(parent) < traceEnd+len("-0123456789abcdef-01") {
		return ""
	}
	return parent[:traceEnd] + "-" + spanID(step) + parent[traceEnd+17:]
}

func spanID(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:8])
}

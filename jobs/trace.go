package jobs

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"

	"github.com/oklog/ulid/v2"
)

var traceparent = regexp.MustCompile(`^00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$`)

// isTraceparent reports whether s is a trace context of version 00 (W3C Trace Context, section 3.2),
// with neither id all zeros.
func isTraceparent(s string) bool {
	m := traceparent.FindStringSubmatch(s)
	return m != nil && strings.Trim(m[1], "0") != "" && strings.Trim(m[2], "0") != ""
}

// newTraceparent returns a new W3C trace context for a run. The trace id is the run id, so that
// one can be looked up by the other.
func newTraceparent(runID string) string {
	id, err := ulid.Parse(runID)
	if err != nil {
		return ""
	}
	return "00-" + hex.EncodeToString(id[:]) + "-" + spanID(runID) + "-01"
}

// ChildTraceparent returns the trace context of a step within a run: the parent's trace id and a
// span id derived from the step name. It returns "" if parent is "".
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

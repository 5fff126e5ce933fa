package jobs

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/oklog/ulid/v2"
)

// isTraceparent reports whether s is a trace context of version 00 (W3C Trace Context, section 3.2): 00-<trace id>-<parent id>-<flags>, in lower-case
// hexadecimal, with neither id all zeros.
func isTraceparent(s string) bool {
	if len(s) != len("00-0123456789abcdef0123456789abcdef-0123456789abcdef-01") {
		return false
	}
	hexadecimal := func(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }
	id := func(s string) bool { return hexadecimal(s) && strings.Trim(s, "0") != "" }
	return s[:3] == "00-" && id(s[3:35]) && s[35] == '-' && id(s[36:52]) && s[52] == '-' && hexadecimal(s[53:])
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

package embedded

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"orderbeat/worker/problems"
)

// The embedded server repeats its warnings with every attempt.
func TestRepeatedServerMessagesAreLoggedOnce(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	var failed []string
	l := serverLog{log, problems.NewSet(log).Activity("nats-server"), func(what string) { failed = append(failed, what) }}
	for i := range 100 {
		l.Warnf("Stream create failed for %q: attempt %d", "$G > ORDERBEAT_JOBS", i)
		l.Errorf("critical write error: disk is full")
	}
	if n := strings.Count(out.String(), "\n"); n != 2 {
		t.Errorf("logged %d lines, want one for each message:\n%s", n, out.String())
	}
	if len(failed) != 100 {
		t.Errorf("was told of %d failed writes, want all 100", len(failed))
	}
}

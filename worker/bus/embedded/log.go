package embedded

import (
	"errors"
	"fmt"
	"log/slog"
	"regexp"

	"orderbeat/worker/problems"
)

// serverLog passes on what the embedded server warns about: each distinct message once, then with
// growing pauses, since the server repeats some with every attempt.
type serverLog struct {
	log  *slog.Logger
	said *problems.Activity
	fail func(what string) // told of what could not be written
}

// failures are the words by which the server tells that a stream, or all of JetStream,
// takes nothing any more. It tells so nowhere else, for all of its streams.
var failures = regexp.MustCompile(`(?i)critical write error|will be DISABLED|can't start JetStream`)

func (l serverLog) Noticef(format string, v ...any) {
	l.log.Debug("nats-server", "message", fmt.Sprintf(format, v...))
}

func (l serverLog) Warnf(format string, v ...any) {
	l.said.Noticed("nats-server", fmt.Errorf(format, v...))
}

func (l serverLog) Fatalf(format string, v ...any) { l.Errorf(format, v...) }

func (l serverLog) Errorf(format string, v ...any) {
	message := fmt.Sprintf(format, v...)
	l.said.Noticed("nats-server", errors.New(message))
	if failures.MatchString(message) {
		l.fail(message)
	}
}

func (l serverLog) Debugf(format string, v ...any) {
	l.log.Debug("nats-server", "message", fmt.Sprintf(format, v...))
}

func (l serverLog) Tracef(format string, v ...any) {
	l.log.Debug("nats-server", "message", fmt.Sprintf(format, v...))
}

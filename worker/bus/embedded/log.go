package embedded

import (
	"errors"
	"fmt"
	"log/slog"
	"regexp"

	"orderbeat/worker/problems"
)

// serverLog forwards the embedded server's warnings: each distinct message once, and again after
// growing pauses, because the server repeats some messages with every attempt.
type serverLog struct {
	log      *slog.Logger
	activity *problems.Activity
	fail     func(what string) // called when the store is not writable
}

// failures matches the messages with which the server reports that a stream, or all of JetStream, no
// longer accepts messages. It has no other signal for this.
var failures = regexp.MustCompile(`(?i)critical write error|will be DISABLED|can't start JetStream`)

func (l serverLog) Noticef(format string, v ...any) {
	l.log.Debug("nats-server", "message", fmt.Sprintf(format, v...))
}

func (l serverLog) Warnf(format string, v ...any) {
	l.activity.Noticed("nats-server", fmt.Errorf(format, v...))
}

func (l serverLog) Fatalf(format string, v ...any) { l.Errorf(format, v...) }

func (l serverLog) Errorf(format string, v ...any) {
	message := fmt.Sprintf(format, v...)
	l.activity.Noticed("nats-server", errors.New(message))
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

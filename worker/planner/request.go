package planner

import (
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"orderbeat/db/runs"
	"orderbeat/jobs"
	"orderbeat/worker/bus"
)

// decodeRequest decodes a message of the runs stream. With an error, the returned request still
// has its trigger, key and reply subject.
func decodeRequest(msg jetstream.Msg, s bus.Subjects) (jobs.Request, error) {
	header := msg.Headers()
	r := jobs.Request{
		Trigger: "nats", Key: header.Get(jetstream.MsgIDHeader),
		ReplyTo: header.Get(runs.HeaderReplyTo), Traceparent: header.Get("traceparent"),
	}
	badKey := ""
	if reserved(r.Key, s.Stream("runs")) {
		badKey, r.Key = r.Key, ""
	}
	if meta, err := msg.Metadata(); err == nil && r.Key == "" {
		r.Key = fmt.Sprintf("%s:%d@%d", meta.Stream, meta.Sequence.Stream, meta.Timestamp.UnixNano())
	}
	tokens := s.Tokens(msg.Subject())
	if len(tokens) != 3 {
		return r, jobs.Invalid("the subject is not runs.<provider>.<kind>", "Publish to "+s.Of("runs.<provider>.<kind>"))
	}
	r.Provider, r.Kind = tokens[1], tokens[2]
	if r.ReplyTo != "" && !s.IsCallerSubject(r.ReplyTo) {
		bad := r.ReplyTo
		r.ReplyTo = ""
		return r, jobs.Invalid(fmt.Sprintf("%s %.80q is not a valid reply subject", runs.HeaderReplyTo, bad), s.CallerSubjectHint())
	}
	if badKey != "" {
		return r, jobs.Invalid(fmt.Sprintf("the Nats-Msg-Id %.80q is reserved for Orderbeat's own requests", badKey),
			`Use a Nats-Msg-Id that does not end with "@" and a time.`)
	}
	return r, r.Decode(msg.Data())
}

// reserved reports whether a key has the form of keys that Orderbeat generates: for ticks, and for
// requests without a Nats-Msg-Id.
func reserved(key, stream string) bool {
	_, _, tick := jobs.TickOf(key)
	return tick || strings.HasPrefix(key, stream+":")
}

// reason returns why a run failed, on one line.
func reason(run jobs.Run) string {
	if len(run.Errors) == 0 {
		return "failed"
	}
	return bus.OneLine(run.Errors[0].Message)
}

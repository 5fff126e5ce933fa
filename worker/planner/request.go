package planner

import (
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"orderbeat/db"
	"orderbeat/jobs"
	"orderbeat/worker/bus"
)

// decodeRequest reads a "please run" message. Even when it cannot, the request it returns
// says where it came from.
func decodeRequest(msg jetstream.Msg, s bus.Subjects) (jobs.Request, error) {
	header := msg.Headers()
	r := jobs.Request{
		Trigger: "nats", Key: header.Get(jetstream.MsgIDHeader),
		ReplyTo: header.Get(db.HeaderReplyTo), Traceparent: header.Get("traceparent"),
	}
	refused := ""
	if reserved(r.Key, s.Stream("runs")) {
		refused, r.Key = r.Key, ""
	}
	if meta, err := msg.Metadata(); err == nil && r.Key == "" {
		r.Key = fmt.Sprintf("%s:%d@%d", meta.Stream, meta.Sequence.Stream, meta.Timestamp.UnixNano())
	}
	tokens := s.Tokens(msg.Subject())
	if len(tokens) != 3 {
		return r, jobs.Invalid("the subject is not runs.<provider>.<kind>", "publish to "+s.Of("runs.<provider>.<kind>"))
	}
	r.Provider, r.Kind = tokens[1], tokens[2]
	if r.ReplyTo != "" && !s.Foreign(r.ReplyTo) {
		bad := r.ReplyTo
		r.ReplyTo = ""
		return r, jobs.Invalid(fmt.Sprintf("%s %.80q is not a subject to publish to", db.HeaderReplyTo, bad), s.ForeignHint())
	}
	if refused != "" {
		return r, jobs.Invalid(fmt.Sprintf("the Nats-Msg-Id %.80q is reserved for Orderbeat's own requests", refused),
			`Use another Nats-Msg-Id: one that does not end with "@" and a time.`)
	}
	return r, r.Decode(msg.Data())
}

// reserved reports whether a key is of the form that the keys of ticks, and of requests
// without a Nats-Msg-Id, have.
func reserved(key, stream string) bool {
	return jobs.IsTickKey(key) || strings.HasPrefix(key, stream+":")
}

// reason says on one line why a run failed.
func reason(run jobs.Run) string {
	if len(run.Errors) == 0 {
		return "failed"
	}
	return bus.OneLine(run.Errors[0].Message)
}

package worker

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"orderbeat/db"
	"orderbeat/jobs"
)

// message is m as it goes on the wire: CloudEvents 1.0 in binary mode, with the
// attribute names in lower case, as the NATS binding spells them.
func (p *publisher) message(m db.Message) *nats.Msg {
	msg := &nats.Msg{Subject: p.subjects.of(m.Subject), Data: m.Body, Header: nats.Header{
		jetstream.MsgIDHeader: {m.MsgID},
		"ce-id":               {eventID(m)},
		"ce-type":             {m.Type},
		"ce-source":           {m.Source},
		"ce-subject":          {m.CESubject},
		"ce-time":             {m.Time.UTC().Format(time.RFC3339Nano)},
		"ce-specversion":      {"1.0"},
		"ce-datacontenttype":  {"application/json"},
	}}
	if m.Traceparent != "" {
		msg.Header["traceparent"] = []string{jobs.ChildTraceparent(m.Traceparent, m.MsgID)}
	}
	for name, value := range m.Headers {
		msg.Header[name] = []string{value}
	}
	if limit := p.bus.maxBody(); limit > 0 && int64(len(msg.Data)) > limit {
		msg.Data = truncate(msg.Data, int(limit))
	}
	return msg
}

// eventID is the id of what a message tells: of an event that is told again, the event's.
func eventID(m db.Message) string {
	id, _ := strings.CutSuffix(m.MsgID, ".replay."+m.Headers[db.HeaderReplay])
	return id
}

// truncate leaves out of a message that the server would not take what makes it
// large: the order, and if that is not enough the changes, and what else it tells of.
func truncate(body []byte, limit int) []byte {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil {
		return body
	}
	fields["truncated"] = json.RawMessage("true")
	for _, name := range []string{"order", "changes", "despatch_advice", "invoice", "late_lines"} {
		delete(fields, name)
		short, err := json.Marshal(fields)
		if err != nil {
			return body
		}
		if body = short; len(body) <= limit {
			break
		}
	}
	return body
}

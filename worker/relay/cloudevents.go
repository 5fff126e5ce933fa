package relay

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"orderbeat/db/outbox"
	"orderbeat/docs"
	"orderbeat/jobs"
	"orderbeat/worker/bus"
)

// message encodes m: CloudEvents 1.0 in binary mode, with the attribute names in lower case, as
// the NATS binding requires.
func (t *topicRelay) message(h *bus.TopicStream, m *outbox.Message) *nats.Msg {
	msg := &nats.Msg{Subject: t.Streams.Of(m.Subject), Data: m.Body, Header: nats.Header{
		jetstream.MsgIDHeader: {m.MsgID},
		"ce-id":               {eventID(m)},
		"ce-type":             {m.Type},
		"ce-source":           {m.Source},
		"ce-subject":          {m.CESubject},
		"ce-time":             {m.Time.UTC().Format(time.RFC3339Nano)},
		"ce-specversion":      {"1.0"},
		"ce-datacontenttype":  {"application/json"},
		"ce-dataschema":       {dataSchema(m.Type)},
	}}
	if m.Traceparent != "" {
		msg.Header["traceparent"] = []string{jobs.ChildTraceparent(m.Traceparent, m.MsgID)}
	}
	for name, value := range m.Headers {
		msg.Header[name] = []string{value}
	}
	if m.Topic == "reply" {
		msg.Subject = m.Subject
	}
	if t.OnlyChanges {
		msg.Data = onlyChanges(m.Type, msg.Data)
	}
	if limit := t.limit(h, msg); limit > 0 && len(msg.Data) > limit {
		if m.Topic == "orders" {
			msg.Header[outbox.HeaderDocument] = []string{documentName(m)}
			limit = t.limit(h, msg)
		}
		msg.Data = truncate(msg.Data, limit)
	}
	return msg
}

// documentName returns the name of a truncated event's full body in the object store. A republished event has
// the same name as the original event.
func documentName(m *outbox.Message) string {
	sum := sha256.Sum256(m.Body)
	return eventID(m) + "." + hex.EncodeToString(sum[:8])
}

// dataSchema returns the URI of the JSON Schema of a message type. The schemas are in docs/schemas.
func dataSchema(kind string) string {
	if kind == outbox.TypeRunRequested {
		return docs.APISchema + "#run.request"
	}
	name := strings.TrimPrefix(kind, "orderbeat.")
	return docs.EventsSchema + "#" + strings.TrimSuffix(name, ".v1")
}

// limit returns the largest body that the server and the stream accept with the headers of msg; 0 while it is
// unknown.
func (t *topicRelay) limit(h *bus.TopicStream, msg *nats.Msg) int {
	limit := int(t.Streams.MaxBody())
	if h != nil && h.Config.MaxMsgSize > 0 {
		if own := max(1, int(h.Config.MaxMsgSize)-headerSize(msg.Header)); limit <= 0 || own < limit {
			return own
		}
	}
	return limit
}

// headerSize returns the size of headers on the wire, in bytes.
func headerSize(h nats.Header) int {
	size := len("NATS/1.0\r\n\r\n")
	for name, values := range h {
		for _, v := range values {
			size += len(name) + len(": ") + len(v) + len("\r\n")
		}
	}
	return size
}

// eventID returns the CloudEvents id of a message. A republished event has the id of the original event; a
// result sent as a reply has the id of the result event.
func eventID(m *outbox.Message) string {
	id, _ := strings.CutSuffix(m.MsgID, ".replay."+m.Headers[outbox.HeaderReplay])
	if m.Topic == "reply" && m.Type == outbox.TypeRunFinished {
		id, _, _ = strings.Cut(id, ".reply.")
	}
	return id
}

// truncate drops members of a body that is too large: the order first, then the changes, then
// documents.
func truncate(body []byte, limit int) []byte {
	for _, short := range truncations(body) {
		if body = short; len(body) <= limit {
			break
		}
	}
	return body
}

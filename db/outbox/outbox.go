package outbox

import (
	"context"
	"database/sql"
	"encoding/json"
	"net/url"
	"strings"
	"time"

	"orderbeat/db/sqlite"
)

// The types of messages (CloudEvents "type").
const (
	TypeOrderCreated    = "orderbeat.order.created.v1"
	TypeOrderChanged    = "orderbeat.order.changed.v1"
	TypeOrderDespatched = "orderbeat.order.despatched.v1"
	TypeOrderInvoiced   = "orderbeat.order.invoiced.v1"
	TypeOrderLate       = "orderbeat.order.late.v1"
	TypeOrderVanished   = "orderbeat.order.vanished.v1"
	TypeRunFinished     = "orderbeat.run.finished.v1"
	TypeRunRequested    = "orderbeat.run.requested.v1"
	TypeAlertRaised     = "orderbeat.alert.raised.v1"
	TypeAlertResolved   = "orderbeat.alert.resolved.v1"
)

// AnyTopic stands for all topics if it is unknown which of them have new messages.
const AnyTopic = ""

// Store stores the outbox.
type Store struct {
	file        *sqlite.DB
	recent      recent
	publishable map[string]*sqlite.Statement // by query
	nextDue     *sqlite.Statement
}

// New returns the outbox of a file.
func New(file *sqlite.DB) *Store {
	s := &Store{file: file, publishable: map[string]*sqlite.Statement{}, nextDue: sqlite.NewStatement(file.Readers(), nextDueSQL)}
	for _, query := range []string{pendingSQL, publishableSQL, publishableOrdersSQL, publishableResultsSQL} {
		s.publishable[query] = sqlite.NewStatement(file.Readers(), query)
	}
	return s
}

// Message is a message to publish.
type Message struct {
	ID int64
	// Topic is runs, jobs, orders, results or alerts, or reply for a caller's subject.
	Topic string
	// Subject is without the prefix, except for the topic reply, where it is complete.
	Subject string
	// MsgID is the Nats-Msg-Id for deduplication: it is the same each time this is published.
	MsgID string
	// Type, CESubject, Source and Time are attributes of CloudEvents 1.0.
	Type      string
	CESubject string
	Source    string
	Time      time.Time
	// Traceparent is the run's W3C trace context, or "".
	Traceparent string
	Headers     map[string]string
	Body        []byte
}

// Provider returns the provider of the message.
func (m *Message) Provider() string { return ProviderOf(m.Source) }

// maxPending limits the total body size that [Store.Pending] returns, in bytes.
const maxPending = 8 << 20

// Pending returns up to limit messages that are due at now, oldest first. It returns fewer if they
// are large, but at least one if any is due.
func (s *Store) Pending(ctx context.Context, now time.Time, limit int) ([]Message, error) {
	list, _, err := s.pending(ctx, pendingSQL, sqlite.Stamp(now), limit)
	return list, err
}

// Publishable returns the messages of one topic that can be published at now, like [Store.Pending]. The
// result of a run waits for the order events of that run, and an order event waits for earlier
// postponed events of that order. more says that there may be more messages.
func (s *Store) Publishable(ctx context.Context, topic string, now time.Time, limit int) (list []Message, more bool, err error) {
	switch topic {
	case "orders":
		return s.pending(ctx, publishableOrdersSQL, sqlite.Stamp(now), sqlite.Stamp(now), limit)
	case "results", "reply":
		return s.pending(ctx, publishableResultsSQL, topic, sqlite.Stamp(now), limit)
	default:
		return s.pending(ctx, publishableSQL, topic, sqlite.Stamp(now), limit)
	}
}

// pending runs a query whose last argument is the limit.
func (s *Store) pending(ctx context.Context, query string, args ...any) (list []Message, more bool, err error) {
	bytes := 0
	err = s.publishable[query].Each(ctx, args, func(rows *sql.Rows) error {
		m, err := scanMessage(rows)
		if err != nil {
			return err
		}
		if bytes += len(m.Body); bytes > maxPending && len(list) > 0 {
			more = true
			return sqlite.ErrEnough
		}
		list = append(list, m)
		return nil
	})
	return list, more || len(list) == args[len(args)-1], err
}

// Messages that are due later (postponed ones) are skipped; there are few of them.
const (
	selectMessages = `
SELECT o.id, o.topic, o.subject, o.msg_id, o.type, o.ce_subject, o.source, o.time, o.traceparent, o.headers,
       o.body, o.event, ` + EventColumns + `
  FROM outbox AS o LEFT JOIN order_events AS e ON e.id = o.event
 WHERE `
	isDue   = `(o.due_at IS NULL OR o.due_at <= ?)`
	inOrder = `
 ORDER BY o.id LIMIT CAST(? AS INTEGER)` // a plain parameter compiles the query again each time

	pendingSQL     = selectMessages + isDue + inOrder
	publishableSQL = selectMessages + `o.topic = ? AND ` + isDue + inOrder

	publishableOrdersSQL = selectMessages + `o.topic = 'orders' AND ` + isDue + `
   AND NOT EXISTS (SELECT 1 FROM outbox AS p INDEXED BY outbox_postponed
                    WHERE p.topic = 'orders' AND p.subject = o.subject AND p.due_at > ? AND p.id < o.id)` + inOrder

	publishableResultsSQL = selectMessages + `o.topic = ? AND ` + isDue + `
   AND NOT EXISTS (SELECT 1 FROM outbox AS p WHERE p.run_id = o.ce_subject)` + inOrder
)

func scanMessage(rows *sql.Rows) (m Message, err error) {
	var body sql.NullString
	var eventRow sql.NullInt64
	var event Event
	dest := []any{
		&m.ID, &m.Topic, &m.Subject, &m.MsgID, &m.Type, &m.CESubject, &m.Source,
		sqlite.Time(&m.Time),
		sqlite.Text(&m.Traceparent),
		sqlite.JSON(&m.Headers),
		&body, &eventRow,
	}
	if err := rows.Scan(append(dest, event.Dest()...)...); err != nil {
		return m, err
	}
	switch {
	case eventRow.Valid && body.Valid:
		body.String = WithOrder(body.String, string(event.Order))
	case eventRow.Valid:
		body.String, err = event.Text()
	}
	m.Body = []byte(body.String)
	return m, err
}

// NextDue returns the earliest due time after a time; ok is false if there is none.
func (s *Store) NextDue(ctx context.Context, after time.Time) (due time.Time, ok bool, err error) {
	err = s.nextDue.Row(ctx, []any{sqlite.Stamp(after)}, sqlite.Time(&due))
	return due, !due.IsZero(), err
}

const nextDueSQL = `SELECT min(due_at) FROM outbox WHERE due_at > ?`

// ShiftDue changes the due times that are later than now by an SQLite modifier, such as "-3.5
// seconds", after the clock was set back.
func ShiftDue(t *sqlite.Tx, by, now string) error {
	_, err := t.Exec(shiftMessagesSQL, by, now)
	t.Wake(AnyTopic) // messages may be due now
	return err
}

const shiftMessagesSQL = `UPDATE outbox SET due_at = strftime('%Y-%m-%dT%H:%M:%fZ', due_at, ?) WHERE due_at > ?`

// Backlog counts the messages of a topic in the outbox, at most limit.
func (s *Store) Backlog(ctx context.Context, topic string, limit int) (n int, err error) {
	err = s.file.Readers().QueryRowContext(ctx, topicBacklogSQL, topic, limit).Scan(&n)
	return n, err
}

const topicBacklogSQL = `SELECT count(*) FROM (SELECT 1 FROM outbox WHERE topic = ? LIMIT ?)`

// Settled describes messages of a topic that are in its stream.
type Settled struct {
	Topic string
	IDs   []int64
	// Sequences are those of the last messages on their subjects ([SetSequence]).
	Sequences map[string]uint64
	// Last is the sequence of the last message if the messages are contiguous in the stream, else
	// 0.
	Last uint64
}

// Published deletes messages from the outbox, and records their sequences. Unknown ids are ignored. If the
// database contained the stream up to the first message, it contains it up to the last one now. It does
// not wait for fsync: messages that reappear after a power failure are published again and deduplicated by
// id.
func (s *Store) Published(ctx context.Context, m Settled) error {
	if len(m.IDs) == 0 && len(m.Sequences) == 0 {
		return nil
	}
	list, err := json.Marshal(m.IDs)
	if err != nil {
		return err
	}
	return s.file.Write(ctx, len(m.IDs)+len(m.Sequences), sqlite.Relaxed, func(t *sqlite.Tx) error {
		for subject, sequence := range m.Sequences {
			if err := SetSequence(t, subject, sequence); err != nil {
				return err
			}
		}
		if m.Last > 0 {
			if _, err := t.Exec(containedSQL, int64(m.Last), m.Topic, len(m.IDs)); err != nil { //nolint:gosec // sequences do not exceed int64
				return err
			}
		}
		_, err := t.Exec(publishedSQL, string(list))
		return err
	})
}

const containedSQL = `UPDATE replication SET sequence = ?1 WHERE topic = ?2 AND sequence = ?1 - ?3`

const publishedSQL = `DELETE FROM outbox WHERE id IN (SELECT value FROM json_each(?))`

// Entry is a message to put into the outbox.
type Entry struct {
	Topic, Subject string
	MsgID, Type    string
	CESubject      string
	Provider       string
	Time           time.Time
	Traceparent    string
	Headers        map[string]string
	// Event is the row id of an order event, or 0. The message has its order; without Body, the event is
	// the whole message.
	Event int64
	RunID string // run whose result waits for this message, or ""
	Body  string
}

// Enqueue puts a message into the outbox. See [Store.EnqueueOrder] for the topic orders.
func Enqueue(t *sqlite.Tx, e *Entry) error {
	_, err := enqueue(t, e)
	return err
}

// EnqueueOrder puts a message of the topic orders into the outbox. body is the body to publish if it
// is known, which saves reading it back.
func (s *Store) EnqueueOrder(t *sqlite.Tx, e *Entry, body string) error {
	id, err := enqueue(t, e)
	if err != nil {
		return err
	}
	m := Message{
		ID: id, Topic: e.Topic, Subject: e.Subject, MsgID: e.MsgID, Type: e.Type, CESubject: e.CESubject, Source: Source(e.Provider),
		Time: sqlite.Stored(e.Time), Traceparent: e.Traceparent, Headers: e.Headers, Body: []byte(body),
	}
	t.AfterCommit(func() { s.recent.add(m) })
	return nil
}

func enqueue(t *sqlite.Tx, e *Entry) (id int64, err error) {
	var headers, event any
	if len(e.Headers) > 0 {
		if headers, err = sqlite.EncodeJSON(e.Headers); err != nil {
			return 0, err
		}
	}
	if e.Event != 0 {
		event = e.Event
	}
	id, err = t.Insert(enqueueSQL, e.Topic, e.Subject, e.MsgID, e.Type, e.CESubject,
		Source(e.Provider), sqlite.Stamp(e.Time), sqlite.OrNull(e.Traceparent), headers, event, sqlite.OrNull(e.Body), sqlite.OrNull(e.RunID))
	t.Wake(e.Topic)
	return id, err
}

const enqueueSQL = `
INSERT INTO outbox (topic, subject, msg_id, type, ce_subject, source, time, traceparent, headers, event, body, run_id)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

const sourcePrefix = "/orderbeat/"

// Source returns the CloudEvents source of a provider's messages, a URI reference.
func Source(provider string) string { return sourcePrefix + Token(provider) }

// ProviderOf returns the provider of a source.
func ProviderOf(of string) string {
	name := strings.TrimPrefix(of, sourcePrefix)
	if plain, err := url.PathUnescape(name); err == nil {
		return plain
	}
	return name
}

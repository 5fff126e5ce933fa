package unpublishable

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"orderbeat/clients"
	"orderbeat/db/alerts"
	"orderbeat/db/outbox"
	"orderbeat/db/sqlite"
)

// CodeUnpublishable is the code of the alert for messages that their stream rejects.
const CodeUnpublishable clients.Code = "unpublishable"

// maxSetAside limits the number of messages that are set aside; the oldest are deleted first. Order
// events remain in the history.
const maxSetAside = 10_000

// Store stores the messages that their stream rejects.
type Store struct {
	file   *sqlite.DB
	alerts *alerts.Store
}

// New returns the unpublishable messages of a file.
func New(file *sqlite.DB, alerts *alerts.Store) *Store {
	return &Store{file, alerts}
}

// do runs an operation in a transaction.
func (s *Store) do(ctx context.Context, rows int, wait sqlite.Durability, run func(alerts.Tx) error) error {
	return s.file.Write(ctx, rows, wait, func(t *sqlite.Tx) error { return run(s.alerts.In(t)) })
}

// Attempt is the publishing progress of a topic: messages with an id up to UpTo may have been sent to
// its stream, all after stream sequence AfterSeq.
type Attempt struct {
	UpTo     int64
	AfterSeq uint64
}

// Attempts returns the recorded attempts by topic.
func (s *Store) Attempts(ctx context.Context) (map[string]Attempt, error) {
	attempts := map[string]Attempt{}
	err := sqlite.Query(ctx, s.file.Readers(), func(rows *sql.Rows) error {
		var topic string
		var a Attempt
		err := rows.Scan(&topic, &a.UpTo, &a.AfterSeq)
		attempts[topic] = a
		return err
	}, `SELECT topic, up_to, after_seq FROM outbox_attempts`)
	return attempts, err
}

// RecordAttempt records an attempt before it is made. It does not wait for fsync: attempts lost in a
// power failure are detected by comparing with the stream.
func (s *Store) RecordAttempt(ctx context.Context, topic string, a Attempt) error {
	return s.do(ctx, 1, sqlite.Relaxed, func(t alerts.Tx) error {
		_, err := t.Exec(recordAttemptSQL, topic, a.UpTo, int64(a.AfterSeq)) //nolint:gosec // sequences do not exceed int64
		return err
	})
}

const recordAttemptSQL = `
INSERT INTO outbox_attempts (topic, up_to, after_seq) VALUES (?, ?, ?)
    ON CONFLICT (topic) DO UPDATE SET up_to = excluded.up_to, after_seq = excluded.after_seq`

// Rejection is a message of the outbox that its stream rejects.
type Rejection struct {
	ID     int64
	Reason string
	Until  time.Time // when it is retried, if postponed
}

// Postpone delays messages, so that they do not block others, and raises the alert
// [CodeUnpublishable] for each provider.
func (s *Store) Postpone(ctx context.Context, rejected []Rejection) error {
	return s.reject(ctx, rejected, func(t alerts.Tx, r Rejection) error {
		_, err := t.Exec(postponeSQL, sqlite.StampUp(r.Until), r.Reason, r.ID)
		return err
	}, func(alerts.Tx) error { return nil })
}

const postponeSQL = `UPDATE outbox SET due_at = ?, refusal = substr(?, 1, 500) WHERE id = ?`

// SetAside moves messages from the outbox to the table unpublishable and raises the alert
// [CodeUnpublishable] for each provider. [Store.Republish] moves them back.
func (s *Store) SetAside(ctx context.Context, rejected []Rejection) error {
	return s.reject(ctx, rejected, func(t alerts.Tx, r Rejection) error {
		if _, err := t.Exec(setAsideSQL, sqlite.Stamp(time.Now()), r.Reason, r.ID); err != nil {
			return err
		}
		_, err := t.Exec(deleteMessageSQL, r.ID)
		return err
	}, func(t alerts.Tx) error {
		_, err := t.Exec(trimSetAsideSQL, maxSetAside)
		return err
	})
}

const (
	messageColumns = `topic, subject, msg_id, type, ce_subject, source, time, traceparent, headers, event, body`

	setAsideSQL = `
INSERT INTO unpublishable (id, set_aside_at, reason, ` + messageColumns + `)
SELECT id, ?, substr(?, 1, 500), ` + messageColumns + ` FROM outbox WHERE id = ?`

	deleteMessageSQL = `DELETE FROM outbox WHERE id = ?`

	trimSetAsideSQL = `DELETE FROM unpublishable WHERE id <= (SELECT id FROM unpublishable ORDER BY id DESC LIMIT 1 OFFSET ?)`
)

// reject calls each for every rejected message, then after, and raises the alerts.
func (s *Store) reject(ctx context.Context, rejected []Rejection, each func(alerts.Tx, Rejection) error, after func(alerts.Tx) error) error {
	if len(rejected) == 0 {
		return nil
	}
	return s.do(ctx, 2*len(rejected), sqlite.AsOpened, func(t alerts.Tx) error {
		last := map[string]string{} // by source
		for _, r := range rejected {
			var of, subject string
			err := t.Row(messageSQL, []any{r.ID}, &of, &subject)
			if errors.Is(err, sql.ErrNoRows) {
				continue // removed in the meantime
			}
			if err != nil {
				return fmt.Errorf("message %d: %w", r.ID, err)
			}
			if err := each(t, r); err != nil {
				return err
			}
			last[of] = fmt.Sprintf("%s: %s", subject, r.Reason)
		}
		if err := after(t); err != nil {
			return err
		}
		for of, what := range last {
			if err := raiseUnpublishable(t, of, what); err != nil {
				return err
			}
		}
		return nil
	})
}

const messageSQL = `SELECT source, subject FROM outbox WHERE id = ?`

// raiseUnpublishable raises or updates the alert of the provider with this source.
func raiseUnpublishable(t alerts.Tx, of, what string) error {
	var aside, postponed int
	if err := t.Row(rejectedCountSQL, []any{of, of}, &aside, &postponed); err != nil {
		return err
	}
	a := alerts.Alert{
		Provider: outbox.ProviderOf(of), Code: CodeUnpublishable, Since: time.Now(),
		Message: fmt.Sprintf("NATS rejects messages: %d set aside, %d postponed; last: %s", aside, postponed, what),
		Hint:    `Check the limits and subjects of the stream ("nats stream info"), then run "orderbeat replay --unpublishable". Postponed messages are retried automatically.`,
	}
	raised, err := t.Raise(a, "")
	if raised || err != nil {
		return err
	}
	return t.Reword(&a)
}

const rejectedCountSQL = `
SELECT (SELECT count(*) FROM unpublishable WHERE source = ?),
       (SELECT count(*) FROM outbox WHERE source = ? AND refusal IS NOT NULL)`

// ResolveUnpublishable resolves the alert [CodeUnpublishable] of a provider if none of its messages is
// set aside or postponed.
func (s *Store) ResolveUnpublishable(ctx context.Context, provider string) error {
	of := outbox.Source(provider)
	return s.do(ctx, 2, sqlite.AsOpened, func(t alerts.Tx) error {
		var aside, postponed int
		err := t.Row(rejectedCountSQL, []any{of, of}, &aside, &postponed)
		if err != nil || aside+postponed > 0 {
			return err
		}
		_, err = t.Resolve(alerts.Account{Provider: provider}, "", []clients.Code{CodeUnpublishable}, time.Now(), "")
		return err
	})
}

// SetAsideCount counts the messages that are set aside.
func (s *Store) SetAsideCount(ctx context.Context) (n int, err error) {
	err = s.file.Readers().QueryRowContext(ctx, `SELECT count(*) FROM unpublishable`).Scan(&n)
	return n, err
}

// republishBatch is the number of messages per transaction.
const republishBatch = 500

// Republish moves the messages that were set aside, of one provider or ("") all, back into the outbox
// in their original order. As with [outbox.Store.Replay], each keeps its event id, and id identifies the
// replay. It returns the number of messages.
func (s *Store) Republish(ctx context.Context, provider, id string) (n int, err error) {
	of := ""
	if provider != "" {
		of = outbox.Source(provider)
	}
	headers, err := json.Marshal(map[string]string{outbox.HeaderReplay: id})
	if err != nil {
		return 0, err
	}
	for moved := republishBatch; moved == republishBatch; {
		err := s.do(ctx, 2*republishBatch, sqlite.AsOpened, func(t alerts.Tx) error {
			ids, err := sqlite.FetchIn(t.Tx, sqlite.Column[int64], nextSetAsideSQL, of, of, republishBatch)
			if err != nil {
				return err
			}
			list, err := sqlite.EncodeJSON(append([]int64{}, ids...))
			if err != nil {
				return err
			}
			if _, err := t.Exec(republishSQL, ".replay."+id, string(headers), list); err != nil {
				return err
			}
			moved = len(ids)
			t.Wake(outbox.AnyTopic)
			_, err = t.Exec(`DELETE FROM unpublishable WHERE id IN (SELECT value FROM json_each(?))`, list)
			return err
		})
		if err != nil {
			return n, fmt.Errorf("republish %s: %w", id, err)
		}
		n += moved
	}
	return n, nil
}

const (
	nextSetAsideSQL = `SELECT id FROM unpublishable WHERE (? = '' OR source = ?) ORDER BY id LIMIT ?`

	// Events that were pruned in the meantime are not published.
	republishSQL = `
INSERT INTO outbox (` + messageColumns + `)
SELECT topic, subject, msg_id || ?, type, ce_subject, source, time, traceparent, json_patch(coalesce(headers, '{}'), ?), event, body
  FROM unpublishable AS u
 WHERE id IN (SELECT value FROM json_each(?)) AND (event IS NULL OR EXISTS (SELECT 1 FROM order_events AS e WHERE e.id = u.event))
 ORDER BY id`
)

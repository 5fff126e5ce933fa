package db

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"orderbeat/clients"
	"orderbeat/db/sqlite"
)

// CodeUnpublishable is the alert's about messages that their stream refuses.
const CodeUnpublishable clients.Code = "unpublishable"

// maxSetAside bounds how many messages are set aside; the oldest go first. Order events
// stay in the history all the same.
const maxSetAside = 10_000

// Attempt says how far the publishing of a topic has come: messages with an id up to UpTo
// may have been sent to its stream, all of them after its message number AfterSeq.
type Attempt struct {
	UpTo     int64
	AfterSeq uint64
}

// Attempts returns the attempts that were recorded, by topic.
func (d *DB) Attempts(ctx context.Context) (map[string]Attempt, error) {
	attempts := map[string]Attempt{}
	err := sqlite.Query(ctx, d.readers, func(rows *sql.Rows) error {
		var topic string
		var a Attempt
		err := rows.Scan(&topic, &a.UpTo, &a.AfterSeq)
		attempts[topic] = a
		return err
	}, `SELECT topic, up_to, after_seq FROM outbox_attempts`)
	return attempts, err
}

// RecordAttempt records an attempt before it is made. It does not wait for the disk: what
// a power failure undoes is found by comparing with what the stream has.
func (d *DB) RecordAttempt(ctx context.Context, topic string, a Attempt) error {
	return d.do(ctx, 1, true, func(t *tx) error {
		_, err := t.Exec(recordAttemptSQL, topic, a.UpTo, int64(a.AfterSeq)) //nolint:gosec // no stream has as many messages
		return err
	})
}

const recordAttemptSQL = `
INSERT INTO outbox_attempts (topic, up_to, after_seq) VALUES (?, ?, ?)
    ON CONFLICT (topic) DO UPDATE SET up_to = excluded.up_to, after_seq = excluded.after_seq`

// Refusal is a message of the outbox, and why its stream does not take it.
type Refusal struct {
	ID     int64
	Reason string
	Until  time.Time // when it is tried again, if it is postponed
}

// Postpone has messages wait, so that they hold up no others, and raises the alert
// [CodeUnpublishable] of each provider.
func (d *DB) Postpone(ctx context.Context, refused []Refusal) error {
	return d.refuse(ctx, refused, func(t *tx, r Refusal) error {
		_, err := t.Exec(postponeSQL, sqlite.StampUp(r.Until), r.Reason, r.ID)
		return err
	}, func(*tx) error { return nil })
}

const postponeSQL = `UPDATE outbox SET due_at = ?, refusal = substr(?, 1, 500) WHERE id = ?`

// SetAside moves messages from the outbox to the table unpublishable and raises the alert
// [CodeUnpublishable] of each provider. [DB.Republish] moves them back.
func (d *DB) SetAside(ctx context.Context, refused []Refusal) error {
	return d.refuse(ctx, refused, func(t *tx, r Refusal) error {
		if _, err := t.Exec(setAsideSQL, stamp(time.Now()), r.Reason, r.ID); err != nil {
			return err
		}
		_, err := t.Exec(takenOutSQL, r.ID)
		return err
	}, func(t *tx) error {
		_, err := t.Exec(trimSetAsideSQL, maxSetAside)
		return err
	})
}

const (
	messageColumns = `topic, subject, msg_id, type, ce_subject, source, time, traceparent, headers, event, body`

	setAsideSQL = `
INSERT INTO unpublishable (id, set_aside_at, reason, ` + messageColumns + `)
SELECT id, ?, substr(?, 1, 500), ` + messageColumns + ` FROM outbox WHERE id = ?`

	takenOutSQL = `DELETE FROM outbox WHERE id = ?`

	trimSetAsideSQL = `DELETE FROM unpublishable WHERE id <= (SELECT id FROM unpublishable ORDER BY id DESC LIMIT 1 OFFSET ?)`
)

// refuse runs each for every refused message, then after, and raises the alerts.
func (d *DB) refuse(ctx context.Context, refused []Refusal, each func(*tx, Refusal) error, after func(*tx) error) error {
	if len(refused) == 0 {
		return nil
	}
	return d.do(ctx, 2*len(refused), false, func(t *tx) error {
		last := map[string]string{} // by the message's source
		for _, r := range refused {
			var of, subject string
			err := t.Row(refusedSQL, []any{r.ID}, &of, &subject)
			if errors.Is(err, sql.ErrNoRows) {
				continue // it was withdrawn meanwhile
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
			if err := t.raiseUnpublishable(of, what); err != nil {
				return err
			}
		}
		return nil
	})
}

const refusedSQL = `SELECT source, subject FROM outbox WHERE id = ?`

// raiseUnpublishable raises the alert of the provider that a source names, or rewords it.
func (t *tx) raiseUnpublishable(of, what string) error {
	var aside, postponed int
	if err := t.Row(refusedCountSQL, []any{of, of}, &aside, &postponed); err != nil {
		return err
	}
	a := Alert{
		Provider: providerOf(of), Code: CodeUnpublishable, Since: time.Now(),
		Message: fmt.Sprintf("NATS refuses messages: %d set aside, %d postponed; the last one %s", aside, postponed, what),
		Hint:    `Check the limits and subjects of the stream ("nats stream info"), then run "orderbeat replay --unpublishable". Postponed messages are published again by themselves.`,
	}
	raised, err := t.raise(a, "")
	if raised || err != nil {
		return err
	}
	_, err = t.Exec(rewordSQL, a.Message, a.Hint, a.Provider, a.Account, a.User, string(a.Code))
	return err
}

const refusedCountSQL = `
SELECT (SELECT count(*) FROM unpublishable WHERE source = ?),
       (SELECT count(*) FROM outbox WHERE source = ? AND refusal IS NOT NULL)`

// ResolveUnpublishable resolves the alert [CodeUnpublishable] of a provider when none of
// its messages is set aside or postponed any more.
func (d *DB) ResolveUnpublishable(ctx context.Context, provider string) error {
	of := source(provider)
	return d.do(ctx, 2, false, func(t *tx) error {
		var aside, postponed int
		err := t.Row(refusedCountSQL, []any{of, of}, &aside, &postponed)
		if err != nil || aside+postponed > 0 {
			return err
		}
		_, err = t.resolve(account{provider: provider}, "", []clients.Code{CodeUnpublishable}, time.Now(), "")
		return err
	})
}

// SetAsideCount counts the messages that are set aside.
func (d *DB) SetAsideCount(ctx context.Context) (n int, err error) {
	err = d.readers.QueryRowContext(ctx, `SELECT count(*) FROM unpublishable`).Scan(&n)
	return n, err
}

// Republish puts the messages that were set aside into the outbox again, those of one
// provider or, with "", all of them, in the order in which they came about. As with
// [DB.Replay], each keeps its event id, and id names this time. It returns how many there are.
func (d *DB) Republish(ctx context.Context, provider, id string) (n int, err error) {
	of := ""
	if provider != "" {
		of = source(provider)
	}
	headers, err := json.Marshal(map[string]string{HeaderReplay: id})
	if err != nil {
		return 0, err
	}
	for moved := replayChunk; moved == replayChunk; {
		err := d.do(ctx, 2*replayChunk, false, func(t *tx) error {
			ids, err := sqlite.FetchIn(t.Tx, sqlite.Column[int64], someSetAsideSQL, of, of, replayChunk)
			if err != nil {
				return err
			}
			list, err := encode(append([]int64{}, ids...))
			if err != nil {
				return err
			}
			if _, err := t.Exec(republishSQL, ".replay."+id, string(headers), list); err != nil {
				return err
			}
			moved = len(ids)
			t.Wake()
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
	someSetAsideSQL = `SELECT id FROM unpublishable WHERE (? = '' OR source = ?) ORDER BY id LIMIT ?`

	// An event that was pruned since is not published any more.
	republishSQL = `
INSERT INTO outbox (` + messageColumns + `)
SELECT topic, subject, msg_id || ?, type, ce_subject, source, time, traceparent, json_patch(coalesce(headers, '{}'), ?), event, body
  FROM unpublishable AS u
 WHERE id IN (SELECT value FROM json_each(?)) AND (event IS NULL OR EXISTS (SELECT 1 FROM order_events AS e WHERE e.id = u.event))
 ORDER BY id`
)

// providerOf is the provider that a source names.
func providerOf(of string) string {
	name := strings.TrimPrefix(of, sourcePrefix)
	if plain, err := url.PathUnescape(name); err == nil {
		return plain
	}
	return name
}

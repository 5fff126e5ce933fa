package db

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"orderbeat/jobs"
)

// Tick is one due time of a schedule, and what became of it.
type Tick struct {
	Schedule string `json:"schedule"`
	// DueAt is a whole second; what is finer is cut off.
	DueAt time.Time `json:"due_at"`
	// Outcome is "started", "skipped", "missed" or "caught_up".
	Outcome string `json:"outcome"`
	// Reason says why, in words; "" when there is nothing to say.
	Reason string `json:"reason,omitempty"`
	// RunID is the run that the tick asked for, "" before it is planned.
	RunID string `json:"run_id,omitempty"`
}

// RecordTick keeps a tick, once: it returns false, and writes nothing, when that
// due time of the schedule was recorded before. A request goes into the outbox in
// the same transaction, with the key "<schedule>@<due time, RFC 3339 in UTC>", by
// which its receiver knows which schedule asks.
func (d *DB) RecordTick(ctx context.Context, tick Tick, request *jobs.Request) (bool, error) {
	tick.DueAt = tick.DueAt.UTC().Truncate(time.Second)
	key := tick.Schedule + "@" + tick.DueAt.Format(time.RFC3339)
	var message *entry
	if request != nil {
		var err error
		if message, err = requestEntry(request, key, tick.DueAt); err != nil {
			return false, fmt.Errorf("tick %s: %w", key, err)
		}
	}
	recorded := false
	err := d.writer.do(ctx, 2, false, func(t *tx) error {
		n, err := t.exec(recordTickSQL, tick.Schedule, stamp(tick.DueAt), tick.Outcome, orNull(tick.Reason), orNull(tick.RunID))
		if recorded = n == 1; !recorded || err != nil || message == nil {
			return err
		}
		return t.put(message)
	})
	if err != nil {
		return false, fmt.Errorf("tick %s: %w", key, err)
	}
	return recorded, nil
}

const recordTickSQL = `
INSERT INTO ticks (schedule, due_at, outcome, reason, run_id) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (schedule, due_at) DO NOTHING`

// requestEntry is a "please run" message: the params, and accounts and priority beside them.
func requestEntry(r *jobs.Request, key string, at time.Time) (*entry, error) {
	fields := map[string]json.RawMessage{}
	if len(bytes.TrimSpace(r.Params)) > 0 {
		if err := json.Unmarshal(r.Params, &fields); err != nil {
			return nil, fmt.Errorf("params: %w", err)
		}
	}
	if len(r.Accounts) > 0 {
		accounts, err := encode(r.Accounts)
		if err != nil {
			return nil, err
		}
		fields["accounts"] = json.RawMessage(accounts)
	}
	if r.Priority != "" {
		fields["priority"] = json.RawMessage(strconv.Quote(string(r.Priority)))
	}
	body, err := encode(fields)
	if err != nil {
		return nil, err
	}
	headers := map[string]string{}
	if r.ReplyTo != "" {
		headers[HeaderReplyTo] = r.ReplyTo
	}
	return &entry{
		topic: "runs", subject: "runs." + Token(r.Provider) + "." + Token(r.Kind), msgID: key,
		kind: TypeRunRequested, ceSubject: key, provider: r.Provider, time: at,
		traceparent: r.Traceparent, headers: headers, body: body,
	}, nil
}

// LastTick returns the latest tick of a schedule, false when there is none.
func (d *DB) LastTick(ctx context.Context, schedule string) (Tick, bool, error) {
	t := Tick{Schedule: schedule}
	err := d.readers.QueryRowContext(ctx, lastTickSQL, schedule).Scan(
		timeInto{&t.DueAt}, &t.Outcome, textInto[string]{&t.Reason}, textInto[string]{&t.RunID})
	if errors.Is(err, sql.ErrNoRows) {
		return Tick{}, false, nil
	}
	return t, err == nil, err
}

const lastTickSQL = `SELECT due_at, outcome, reason, run_id FROM ticks WHERE schedule = ? ORDER BY due_at DESC LIMIT 1`

// BusyAccount is an account that still has jobs of runs with a trigger.
type BusyAccount struct {
	Account string
	// LinedUp tells that it waits behind an earlier run already ([jobs.Run.LineUp]).
	LinedUp bool
}

// BusyAccounts returns the accounts, sorted, that still have jobs of runs with this trigger.
func (d *DB) BusyAccounts(ctx context.Context, trigger string) ([]BusyAccount, error) {
	rows, err := d.readers.QueryContext(ctx, busySQL, trigger)
	if err != nil {
		return nil, err
	}
	var busy []BusyAccount
	err = all(rows, func(rows *sql.Rows) error {
		var b BusyAccount
		err := rows.Scan(&b.Account, &b.LinedUp)
		busy = append(busy, b)
		return err
	})
	return busy, err
}

// CROSS JOIN keeps the order of the tables: from the few open jobs to their runs.
const busySQL = `
SELECT j.account, max(coalesce(j.turn = 'behind', 0)) FROM jobs AS j CROSS JOIN runs AS r USING (run_id)
 WHERE j.state IN ('queued', 'running', 'waiting') AND j.state <> 'succeeded' AND r.trigger = ?
 GROUP BY j.account ORDER BY j.account`

package outbox

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"orderbeat/db/sqlite"
)

// SetSequence records the stream sequence of the last message on an order's subject, given without
// the prefix, like [Message.Subject].
func SetSequence(t *sqlite.Tx, subject string, sequence uint64) error {
	_, err := t.Exec(setSequenceSQL, subject, int64(sequence)) //nolint:gosec // sequences do not exceed int64
	return err
}

// ForgetSequences deletes all recorded sequences, after the stream was recreated.
func ForgetSequences(t *sqlite.Tx) error {
	_, err := t.Exec(forgetSequencesSQL)
	return err
}

// Sequences returns the recorded sequences of subjects. Those without a record are missing.
func (s *Store) Sequences(ctx context.Context, subjects []string) (map[string]uint64, error) {
	list, err := json.Marshal(subjects)
	if err != nil {
		return nil, err
	}
	known := make(map[string]uint64, len(subjects))
	err = sqlite.Query(ctx, s.file.Readers(), func(rows *sql.Rows) error {
		var subject string
		var sequence uint64
		err := rows.Scan(&subject, &sequence)
		known[subject] = sequence
		return err
	}, sequencesSQL, string(list))
	return known, err
}

// EventOf returns the event of an order's revision. pruned is set if the order had that revision,
// but its event was deleted since. Both are zero if the order has no such revision.
func (s *Store) EventOf(ctx context.Context, provider, account, orderID string, revision int) (e *Event, pruned bool, err error) {
	var found Event
	err = s.file.Readers().QueryRowContext(ctx, eventOfSQL, provider, account, orderID, revision).Scan(found.Dest()...)
	if err == nil {
		return &found, false, nil
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return nil, false, err
	}
	err = s.file.Readers().QueryRowContext(ctx, hadRevisionSQL, provider, account, orderID, revision).Scan(&pruned)
	return nil, pruned, err
}

const (
	setSequenceSQL = `
INSERT INTO order_sequences (subject, sequence) VALUES (?, ?)
    ON CONFLICT (subject) DO UPDATE SET sequence = excluded.sequence`

	forgetSequencesSQL = `DELETE FROM order_sequences`

	sequencesSQL = `SELECT subject, sequence FROM order_sequences WHERE subject IN (SELECT value FROM json_each(?))`

	eventOfSQL = `
SELECT ` + EventColumns + ` FROM order_events AS e
 WHERE e.provider = ? AND e.account = ? AND e.order_id = ? AND e.revision = ?`

	hadRevisionSQL = `
SELECT EXISTS (SELECT 1 FROM orders WHERE provider = ? AND account = ? AND order_id = ? AND revision >= ?)`
)

package outbox

import "orderbeat/db/sqlite"

// Drop removes messages from the outbox that are already in the topic's stream.
func (s *Store) Drop(t *sqlite.Tx, topic string, msgIDs []string) error {
	if len(msgIDs) == 0 {
		return nil
	}
	list, err := sqlite.EncodeJSON(msgIDs)
	if err != nil {
		return err
	}
	n, err := t.Exec(dropSQL, topic, list)
	if n > 0 {
		t.AfterCommit(s.recent.forget)
	}
	return err
}

// Clear removes all messages from the outbox and returns their number.
func (s *Store) Clear(t *sqlite.Tx) (int, error) {
	n, err := t.Exec(clearSQL)
	t.AfterCommit(s.recent.forget)
	return int(n), err
}

// forget makes the next call of [Store.Recent] incomplete.
func (r *recent) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.messages, r.bytes, r.missed = nil, 0, true
}

const (
	dropSQL  = `DELETE FROM outbox WHERE topic = ? AND msg_id IN (SELECT value FROM json_each(?))`
	clearSQL = `DELETE FROM outbox`
)

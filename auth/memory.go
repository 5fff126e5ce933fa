package auth

import (
	"context"
	"sync"
	"time"
)

// NewMemory returns a Store that forgets everything when the process ends.
func NewMemory() Store { return &memory{rows: map[string]Row{}} }

type memory struct {
	mu   sync.Mutex // guards rows
	rows map[string]Row
}

func (m *memory) Load(_ context.Context, key string) (Row, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.row(key), nil
}

func (m *memory) Lease(_ context.Context, l Lease) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	row := m.row(l.Key)
	resting := row.State == StateRefused || row.State == StateConsent || row.cooling(l.At)
	barred := resting && row.Credential == l.Credential && !l.Override
	if row.Generation != l.Generation || row.LeaseUntil.After(l.At) || barred {
		return false, nil
	}
	if _, ok := m.rows[l.Key]; !ok {
		row.Provider, row.Environment, row.User = l.Provider, l.Environment, l.User
	}
	row.LeaseOwner, row.LeaseUntil, row.IntentAt, row.Lost = l.Owner, l.Until, l.At, l.Lost
	m.rows[l.Key] = row
	return true, nil
}

func (m *memory) Commit(_ context.Context, l Lease, row Row) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if old := m.row(l.Key); old.Generation != l.Generation || old.LeaseOwner != l.Owner {
		return false, nil
	}
	row.LeaseOwner, row.LeaseUntil, row.IntentAt = "", time.Time{}, time.Time{}
	m.rows[l.Key] = row
	return true, nil
}

func (m *memory) row(key string) Row {
	if row, ok := m.rows[key]; ok {
		return row
	}
	return Row{Key: key, State: StateEmpty}
}

package auth

import (
	"context"
	"errors"
	"sync"
	"time"

	"orderbeat/auth/secret"

	"orderbeat/auth/endpoint"
)

// ErrNoKeys is wrapped by the errors of a [Store] that encrypts and cannot read its keys: a token
// response could not be stored.
var ErrNoKeys = errors.New("no keys")

// State is the state of a source or of its row.
type State string

// The states of a row. [StateCooldown] occurs in a [Status] only.
const (
	StateEmpty    State = "empty"            // no token was obtained yet
	StateValid    State = "valid"            // a token was obtained; ExpiresAt says whether it is still valid
	StateConsent  State = "consent_required" // a person must grant access, again or for the first time
	StateRejected State = "rejected"         // the credentials were rejected too often: no attempt until they change
	StateCooldown State = "cooldown"         // no token, and no attempt before the cooldown ends
)

// Row is the stored state of one credential, in one row so that it changes atomically.
type Row struct {
	Key string
	// Provider, Environment and User name the credential; they are parts of Key. User is "" where tokens
	// are the client's own.
	Provider, Environment, User string

	State      State
	Generation int64 // counts the tokens, 0 before the first

	// Token and Refresh are in clear here: package seal encrypts them between a source and a database.
	// Refresh is empty if there is none.
	Token   secret.Secret
	Refresh secret.Secret
	// Unreadable reports that the stored token could not be decrypted, so that it counts as absent. Kept
	// is the stored value: committing the row with it, and without a token, leaves the value unchanged
	// until the key is back. Only package seal sets and reads the two.
	Unreadable bool
	Kept       secret.Secret

	ObtainedAt time.Time // when the token was requested: its lifetime starts here
	RefreshAt  time.Time
	ExpiresAt  time.Time
	Expiry     endpoint.Expiry // where the lifetime comes from

	// ConsentedAt is when the user granted access; zero for a client's own tokens.
	ConsentedAt time.Time
	// ConsentReason says why the user must grant access, in [StateConsent].
	ConsentReason string

	// Credential is a fingerprint of the credential that the endpoint last accepted or rejected. A different
	// credential ends the cooldown and the latch.
	Credential string

	LeaseOwner string // the process that renews now, "" for none
	LeaseUntil time.Time
	// IntentAt is when the lease holder was about to send its request, zero when the outcome is known.
	// An intent under an expired lease means that a response was lost.
	IntentAt time.Time
	// Lost counts the requests that used Refresh and whose responses were lost.
	Lost int

	Failures      int // failed attempts of the last class in a row, since the last token
	Refusals      int // rejections of the credentials since the last token
	Failure       Failure
	CooldownUntil time.Time

	// Logins, Replays and Saved are the counts of [Status] over all processes, as
	// of the last commit.
	Logins, Replays, Saved int64
}

// Failure is the last failed attempt. It stays when a later attempt succeeds.
type Failure struct {
	// Class says what kind of failure it was.
	Class endpoint.Class `json:"class"`
	// Status is the HTTP status. Absent without a response.
	Status int `json:"status,omitzero"`
	// Code is the error code of the response.
	Code string `json:"code,omitzero"`
	// Reason is for people: its wording may change.
	Reason string `json:"reason"`
	// At is when it failed.
	At time.Time `json:"at"`
}

// Lease is a request for the lease to renew a key's token.
type Lease struct {
	Key                         string
	Provider, Environment, User string // for a new row

	Generation int64  // the generation to replace
	Credential string // fingerprint of the credential to be sent
	Owner      string // unique to the source
	At, Until  time.Time
	// Lost is stored in the row: earlier requests whose responses were lost.
	Lost int
	// Override takes the lease in any state and during a cooldown: for an operator, not for a call.
	Override bool
}

// Taken returns the stored row with this lease, and whether the conditions hold: see [Store]. For a row that
// is not stored yet, row has generation 0 and exists is false.
func (l Lease) Taken(row Row, exists bool) (Row, bool) {
	resting := row.State == StateRejected || row.State == StateConsent || row.coolingDown(l.At)
	barred := resting && row.Credential == l.Credential && !l.Override
	if row.Generation != l.Generation || row.LeaseUntil.After(l.At) || barred {
		return row, false
	}
	if !exists {
		row = Row{Key: l.Key, State: StateEmpty, Provider: l.Provider, Environment: l.Environment, User: l.User}
	}
	row.LeaseOwner, row.LeaseUntil, row.IntentAt, row.Lost = l.Owner, l.Until, l.At, l.Lost
	return row, true
}

// Committed returns a row to store without this lease, and whether it may replace the stored one: see
// [Store].
func (l Lease) Committed(stored, row Row) (Row, bool) {
	row.LeaseOwner, row.LeaseUntil, row.IntentAt = "", time.Time{}, time.Time{}
	return row, stored.Generation == l.Generation && stored.LeaseOwner == l.Owner
}

// Store stores the rows of all credentials. Implementations are safe for concurrent use, including by
// several processes that share the store: the two writes are conditional, and each is atomic with its
// condition.
type Store interface {
	// Load returns the row of a key. A missing row is empty: state [StateEmpty], generation 0.
	Load(ctx context.Context, key string) (Row, error)

	// Lease takes the lease, sets IntentAt to l.At and Lost to l.Lost, and reports true, if the row has
	// generation l.Generation and no lease that lasts beyond l.At, and is not blocked by [StateRejected],
	// [StateConsent] or a cooldown that lasts beyond l.At. Blocks are ignored if l.Override is set or if
	// the row's Credential differs from l.Credential. It creates the row if l.Generation is 0 and there is none.
	// Otherwise it changes nothing and reports false.
	Lease(ctx context.Context, l Lease) (bool, error)

	// Commit replaces the row and ends the lease and the intent, regardless of their values in the new row, if
	// l.Owner still holds the lease and the generation is still l.Generation. Otherwise it changes
	// nothing and reports false.
	Commit(ctx context.Context, l Lease, row Row) (bool, error)
}

// NewMemory returns a Store in memory.
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
	_, exists := m.rows[l.Key]
	row, ok := l.Taken(m.row(l.Key), exists)
	if ok {
		m.rows[l.Key] = row
	}
	return ok, nil
}

func (m *memory) Commit(_ context.Context, l Lease, row Row) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	row, ok := l.Committed(m.row(l.Key), row)
	if ok {
		m.rows[l.Key] = row
	}
	return ok, nil
}

func (m *memory) row(key string) Row {
	if row, ok := m.rows[key]; ok {
		return row
	}
	return Row{Key: key, State: StateEmpty}
}

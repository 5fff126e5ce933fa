package auth

import (
	"context"
	"errors"
	"orderbeat/auth/secret"
	"sync"
	"time"

	"orderbeat/auth/endpoint"
)

// ErrNoKeys is wrapped by the errors of a [Store] that encrypts and cannot read its keys: nothing
// that a token request returned could be stored.
var ErrNoKeys = errors.New("no keys")

// State is what a source, or its row, is in.
type State string

// The states of a row. A [Status] knows [StateCooldown] besides.
const (
	StateEmpty    State = "empty"            // no token was obtained yet
	StateValid    State = "valid"            // a token was obtained; whether it still lives, its times tell
	StateConsent  State = "consent_required" // a person must grant access, again or for the first time
	StateRejected State = "rejected"         // the credentials were rejected too often: no attempt until they change
	StateCooldown State = "cooldown"         // no token, and no attempt before the cooldown ends
)

// Row is all that is kept of one credential, in one row so that it changes at once.
type Row struct {
	Key string
	// Provider, Environment and User name the credential for people; they are parts
	// of Key. User is "" where tokens are the client's own.
	Provider, Environment, User string

	State      State
	Generation int64 // counts the tokens, 0 before the first

	// Token and Refresh are written and read back as they are: Package seal stands
	// between a source and a database. Refresh is empty where there is none.
	Token   secret.Secret
	Refresh secret.Secret
	// Unreadable says that what was kept could not be read, so that it counts as no
	// token. Kept is what that was: a row that is committed with it, and without a
	// token, leaves it as it is, for the day the key is back. Only package seal sets and
	// reads the two.
	Unreadable bool
	Kept       secret.Secret

	ObtainedAt time.Time // when the token was asked for: its life counts from here
	RefreshAt  time.Time
	ExpiresAt  time.Time
	Expiry     endpoint.Expiry // how ExpiresAt is known

	// ConsentedAt is when a person granted access; zero where nobody needs to.
	ConsentedAt time.Time
	// ConsentReason says why a person must grant access, in [StateConsent].
	ConsentReason string

	// Credential is a fingerprint of what the endpoint last judged. Another one
	// ends the cooldown and the refusal of this one.
	Credential string

	LeaseOwner string // who renews now, "" nobody
	LeaseUntil time.Time
	// IntentAt is when the lease holder was about to send its request, zero when
	// the request's outcome is known. An intent under a lease that ran out means
	// that an answer was lost.
	IntentAt time.Time
	// Lost counts the requests that spent Refresh and whose answers were lost.
	Lost int

	Failures      int // failed attempts of the last one's class in a row, since the last token
	Refusals      int // those of them that refused the credentials
	Failure       Failure
	CooldownUntil time.Time

	// Logins, Replays and Saved are the counts of [Status] over all processes, as
	// of the last commit.
	Logins, Replays, Saved int64
}

// Failure is the last failed attempt. It stays when a later attempt succeeds.
type Failure struct {
	Class  endpoint.Class `json:"class"`
	Status int            `json:"status,omitzero"` // HTTP status, 0 when no answer came
	Code   string         `json:"code,omitzero"`   // the answer's error code
	Reason string         `json:"reason"`
	At     time.Time      `json:"at"`
}

// Lease is the wish to be the one that renews a key's token.
type Lease struct {
	Key                         string
	Provider, Environment, User string // for a row that is made

	Generation int64  // the generation that shall be replaced
	Credential string // fingerprint of what will be sent
	Owner      string // unique to the source
	At, Until  time.Time
	// Lost becomes the row's: requests before this one whose answers were lost.
	Lost int
	// Override takes the lease whatever the row's state and cooldown are: a person
	// wants it, and not a call.
	Override bool
}

// Store keeps the rows of all credentials. Implementations are safe for concurrent
// use, by several processes where they share it: the two writes are conditional, and
// each condition and its write are one step.
type Store interface {
	// Load returns the row of a key. One that is not there is empty: state
	// [StateEmpty], generation 0.
	Load(ctx context.Context, key string) (Row, error)

	// Lease takes the lease, sets IntentAt to l.At and Lost to l.Lost and reports
	// true, if the row has generation l.Generation, no lease that lasts beyond
	// l.At, and, unless l.Override is set or its Credential differs from
	// l.Credential, a state other than [StateRejected] and [StateConsent] and no
	// cooldown that lasts beyond l.At. It makes the row if generation 0 is asked
	// for and there is none. Otherwise it changes nothing and reports false.
	Lease(ctx context.Context, l Lease) (bool, error)

	// Commit replaces the row, and ends the lease and the intent whatever the
	// new row says of them, if l.Owner still holds the lease and the generation
	// is still l.Generation. Otherwise it changes nothing and reports false.
	Commit(ctx context.Context, l Lease, row Row) (bool, error)
}

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
	resting := row.State == StateRejected || row.State == StateConsent || row.cooling(l.At)
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

package auth

import (
	"context"
	"time"
)

// State is what a source, or its row, is in.
type State string

// The states of a row. A [Status] knows [StateCooling] besides.
const (
	StateEmpty   State = "empty"   // no token was obtained yet
	StateValid   State = "valid"   // a token was obtained; whether it still lives, its times tell
	StateRefused State = "refused" // the credentials were refused too often: no attempt until they change
	StateCooling State = "cooling" // no token, and no attempt before the cooldown ends
)

// Row is all that is kept of one credential, in one row so that it changes at once.
type Row struct {
	Key        string
	State      State
	Generation int64 // counts the tokens, 0 before the first

	// Token is written and read back as it is; what seals tokens at rest stands
	// between the source and the database.
	Token      Secret
	ObtainedAt time.Time // when the token was asked for: its life counts from here
	RefreshAt  time.Time
	ExpiresAt  time.Time
	// Guessed says that the answer told no life, so that the dialect's was taken.
	Guessed bool

	// Credential is a fingerprint of what the endpoint last judged. Another one
	// ends the cooldown and the refusal of this one.
	Credential string

	LeaseOwner string // who renews now, "" nobody
	LeaseUntil time.Time
	// IntentAt is when the lease holder was about to send its request, zero when
	// the request's outcome is known. An intent under a lease that ran out means
	// that an answer was lost.
	IntentAt time.Time

	Failures      int // failed attempts since the last token
	Refusals      int // those of them that refused the credentials
	Failure       Failure
	CooldownUntil time.Time
}

// Failure is the last failed attempt. It stays when a later attempt succeeds.
type Failure struct {
	Class  Class     `json:"class"`
	Status int       `json:"status,omitzero"` // HTTP status, 0 when no answer came
	Code   string    `json:"code,omitzero"`   // the answer's error code
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// Lease is the wish to be the one that renews a key's token.
type Lease struct {
	Key        string
	Generation int64  // the generation that shall be replaced
	Credential string // fingerprint of what will be sent
	Owner      string // unique to the source
	At, Until  time.Time
}

// Store keeps the rows of all credentials. Implementations are safe for concurrent
// use, by several processes where they share it: the two writes are conditional, and
// each condition and its write are one step.
type Store interface {
	// Load returns the row of a key. One that is not there is empty: state
	// [StateEmpty], generation 0.
	Load(ctx context.Context, key string) (Row, error)

	// Lease takes the lease, sets IntentAt to l.At and reports true, if the row
	// has generation l.Generation, no lease that lasts beyond l.At, and, unless
	// its Credential differs from l.Credential, neither [StateRefused] nor a
	// cooldown that lasts beyond l.At. It makes the row if generation 0 is asked
	// for and there is none. Otherwise it changes nothing and reports false.
	Lease(ctx context.Context, l Lease) (bool, error)

	// Commit replaces the row, and ends the lease and the intent whatever the
	// new row says of them, if l.Owner still holds the lease and the generation
	// is still l.Generation. Otherwise it changes nothing and reports false.
	Commit(ctx context.Context, l Lease, row Row) (bool, error)
}

package auth

import (
	"context"

	"orderbeat/auth/endpoint"
)

// Granter asks for access tokens. The token endpoint is one, and so is a [endpoint.Command]; another
// way to come by a token is a further implementation. A [Source] calls it from one renewal at a
// time, under its lease, and owns the waits between attempts.
type Granter interface {
	// Grant asks once. The error is an *[Error], whose class decides on the next attempt.
	Grant(ctx context.Context, r endpoint.Request) (endpoint.Answer, error)
}

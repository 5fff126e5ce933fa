package auth

import (
	"orderbeat/auth/endpoint"
	"orderbeat/auth/secret"
)

// Secret is a credential or a token. Printed, logged or encoded it is REDACTED.
type Secret = secret.Secret

// NewSecret wraps a value. An empty one gives the zero Secret.
func NewSecret(value string) Secret { return secret.New(value) }

// Error is why there is no access token.
type Error = endpoint.Error

// Class says what a failure means for the next attempt.
type Class = endpoint.Class

// The classes.
const (
	ClassCredential = endpoint.ClassCredential
	ClassBlock      = endpoint.ClassBlock
	ClassRequest    = endpoint.ClassRequest
	ClassThrottle   = endpoint.ClassThrottle
	ClassConsent    = endpoint.ClassConsent
	ClassTransient  = endpoint.ClassTransient
)

// Introspection is what the authorization server says of a token.
type Introspection = endpoint.Introspection

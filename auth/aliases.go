package auth

import "orderbeat/auth/secret"

// Secret is a credential or a token. Printed, logged or encoded it is REDACTED.
type Secret = secret.Secret

// NewSecret wraps a value. An empty one gives the zero Secret.
func NewSecret(value string) Secret { return secret.New(value) }

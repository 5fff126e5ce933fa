// Package tokens stores the tokens and states of credentials, shared by several processes. Tokens are sealed by the caller.
//
// It depends on auth and sqlite. Start reading at [Store.Lease].
package tokens

// Package tokens stores the tokens and states of credentials in a key-value bucket on NATS, which the
// processes of one prefix share: a process that takes over has the tokens of the previous leader, and a
// refresh token is sent once.
//
// It manages the bucket, defines the format of its entries and moves rows from a database. Tokens are sealed
// by the caller, as with a database; package auth decides when they are renewed. It does not depend on providers
// or on a specific database. Start reading at [Store.Lease].
package tokens

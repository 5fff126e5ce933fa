// Package tokens stores the tokens and states of credentials in a key-value bucket on NATS, which the
// processes of one prefix share: whichever process takes over has the tokens of the one before, and a
// refresh token is sent once.
//
// It owns the bucket, the format of its entries and the move of rows from a database. Tokens are sealed
// by the caller, as above a database; when they are renewed is package auth's. It knows neither providers
// nor how a database stores. Start reading at [Store.Lease].
package tokens

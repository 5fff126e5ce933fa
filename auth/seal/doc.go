// Package seal encrypts tokens at rest. A [Store] is an [auth.Store] that wraps another one: it
// encrypts the tokens of a row with AES-256-GCM, bound to the row, and decrypts them. A [Keyring] is
// the file with the keys; [Store.Rekey] replaces the keys while the store is in use.
//
// From package auth it uses only auth.Store and its rows, no endpoint and no source. Start reading at
// [New].
package seal

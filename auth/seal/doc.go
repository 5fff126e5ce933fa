// Package seal encrypts tokens at rest. A [Store] is an [auth.Store] on top of another one: it
// encrypts the tokens of a row with AES-256-GCM, bound to the row, and decrypts them. A [Keyring] is
// the file with the keys; [Store.Rekey] replaces them while the store is in use.
//
// It knows the rows of auth.Store and nothing else of auth: no endpoint, no source. Start reading at
// [New].
package seal

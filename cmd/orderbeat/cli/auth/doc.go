// Package auth has the commands about credentials: status, login, logout, introspect,
// unlatch and rekey.
//
// It reads the state of credentials, never a token: only the running worker has tokens. Start
// reading at [Command].
package auth

// Package auth has the commands about credentials: status, login, logout, introspect,
// unlatch and rekey.
//
// It sees the state of credentials and never a token: the running worker has those. Start
// reading at [Command].
package auth

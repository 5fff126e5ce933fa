// Package secret defines the type of credentials and tokens, which never shows its value when it is
// printed, logged or encoded.
//
// It imports no other package of this program. Start reading at [Secret].
package secret

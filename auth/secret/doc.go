// Package secret holds the type of credentials and tokens, which shows its value to nobody who
// prints, logs or encodes it.
//
// It knows no other package of this program. Start reading at [Secret].
package secret

// Package mask removes the secrets that the process knows from everything that leaves it:
// log lines, database columns, messages, pages and the output of commands. It compares by
// value, so that it does not matter where a secret stands or what its field is called.
//
// A [Set] holds configured secrets ([Set.Add]) and live tokens ([Set.Hold]). A secret is found
// as it is and in the encodings that APIs, logs and pages use: with the escapes of JSON, URLs
// and HTML, also several of them around each other, in base64 (also as a part of a longer text,
// such as a Basic pair) and in hexadecimal. Case does not matter.
//
// The package is below auth, which registers tokens, so that every other package can use it. It
// knows only strings. It does not judge by names or by structure: clients/redact does.
//
// Start reading at [Set], then find.go.
package mask

// Package mask removes the secrets that the process knows from everything that leaves it: log lines,
// database columns, messages, pages and the output of commands. It compares values, so that the place
// and the field name of a secret do not matter.
//
// A [Set] has configured secrets ([Set.Add]) and valid tokens ([Set.Hold]). A secret is found in
// clear and in the encodings that APIs, logs and pages use: with the escapes of JSON, URLs and HTML,
// also nested, in base64 (also as a part of a longer text, such as a Basic pair) and in hexadecimal.
// Case does not matter.
//
// The package is below auth, which registers tokens, so that every other package can use it. It knows
// only strings. Names and structure are the subject of clients/redact.
//
// Start reading at [Set], then find.go.
package mask

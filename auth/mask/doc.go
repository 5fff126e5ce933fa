// Package mask redacts the secrets that the process knows in everything that leaves it: log lines,
// database columns, messages, pages and command output. It compares values, so that the place
// and the field name of a secret do not matter.
//
// A [Set] has configured secrets ([Set.Add]) and current tokens ([Set.Hold]). A secret is found in
// plain text and in the encodings that APIs, logs and pages use: with the escapes of JSON, URLs and HTML,
// also nested, in base64 (also as part of a longer text, such as Basic credentials) and in hexadecimal.
// Case does not matter.
//
// The package does not import auth, which registers tokens, so that every package can import it. It handles
// only strings; clients/redact redacts by field names and structure.
//
// Start reading at [Set], then find.go.
package mask

// Package redact removes secrets and personal data from what went over the wire, so that it can
// be recorded and shown.
//
// It has two layers. The first is [mask.Set]: every secret that the process knows is masked by
// value, wherever it stands. Secrecy rests on it. The second finds what the process does not
// know, by structure: headers, members, parameters, elements and inputs by their names, card
// numbers by their check digit, and the paths that a provider's section lists. A document is
// read once. It costs time and memory that grow with its length alone, whatever is in it.
//
// Start reading at [Redactor]. json.go reads JSON, text.go everything else.
package redact

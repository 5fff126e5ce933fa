// Package redact removes secrets and personal data from requests and responses, so that they can be
// recorded and shown.
//
// It has two layers. The first is [mask.Set]: every secret that the process knows is masked by value,
// wherever it is; confidentiality relies on this layer. The second finds what the process does not know, by
// structure: headers, members, parameters, elements and inputs by their names, card numbers by their
// check digit, and the paths that a provider's section lists. A document is read once. Time and
// memory grow with its length only, whatever it contains.
//
// Start reading at [Redactor]. json.go reads JSON, text.go everything else.
package redact

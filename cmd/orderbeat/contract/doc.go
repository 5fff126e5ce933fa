// Package contract generates the public contract from the Go types: the JSON Schemas in
// docs/schemas, docs/asyncapi.yaml and the reference tables of docs/nats-api.md.
//
// It owns the form of these files; names, types and descriptions come from the types themselves
// and their comments. It runs in tests only, because it reads source files: the program embeds
// the generated files (orderbeat/docs). Start reading at [Events], then [schemas.define].
package contract

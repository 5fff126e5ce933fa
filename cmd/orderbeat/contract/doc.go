// Package contract generates the public contract from the Go types: the JSON Schemas in
// docs/schemas, docs/asyncapi.yaml and the reference tables of docs/nats-api.md.
//
// It defines the format of these files; names, types and descriptions come from the types themselves
// and their comments. It has only test files, because it reads the source: the program embeds the
// generated files (orderbeat/docs). Start reading at Events in generate_events_test.go, then
// schemas.define in generate_test.go.
package contract

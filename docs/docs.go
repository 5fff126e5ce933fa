// Package docs embeds the machine-readable documents: the JSON Schemas and asyncapi.yaml. The
// generator is cmd/orderbeat/contract.
package docs

import "embed"

// Files has schemas/*.json and asyncapi.yaml.
//
//go:embed asyncapi.yaml schemas/*.json
var Files embed.FS

// The URIs of the schemas of messages, and of the requests and replies of the API. With an anchor
// they name one schema: [EventsSchema] with "#order.changed", [APISchema] with "#orders.get.reply".
const (
	EventsSchema = "urn:orderbeat:schema:events:v1"
	APISchema    = "urn:orderbeat:schema:api:v1"
	ConfigSchema = "urn:orderbeat:schema:config:v1"
)

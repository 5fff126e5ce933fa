// Package contracttest validates messages, requests and replies against the published schemas in
// tests. Unlike a consumer, it rejects members that a schema does not list: they are undocumented.
package contracttest

import (
	"bytes"
	"encoding/json"
	"strings"
	"sync"
	"testing"

	"github.com/pelletier/go-toml/v2"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"orderbeat/docs"
)

// compiled are the schemas by URI.
var compiled = sync.OnceValues(func() (*jsonschema.Compiler, error) {
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	entries, err := docs.Files.ReadDir("schemas")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		text, err := docs.Files.ReadFile("schemas/" + e.Name())
		if err != nil {
			return nil, err
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			return nil, err
		}
		if err := c.AddResource(doc.(map[string]any)["$id"].(string), strict(doc)); err != nil {
			return nil, err
		}
	}
	return c, nil
})

// mu guards the compiler.
var mu sync.Mutex

// strict closes every object that has members. A condition is not an object of its own.
func strict(doc any) any {
	switch v := doc.(type) {
	case map[string]any:
		_, members := v["properties"].(map[string]any)
		_, decided := v["additionalProperties"]
		for key, inner := range v {
			if key != "if" {
				v[key] = strict(inner)
			}
		}
		if members && !decided && v["type"] == "object" {
			v["additionalProperties"] = false
		}
	case []any:
		for i := range v {
			v[i] = strict(v[i])
		}
	}
	return doc
}

// Valid fails the test if a JSON document does not match the schema with that URI, such as
// [docs.EventsSchema] + "#order.changed".
func Valid(tb testing.TB, uri string, document []byte) {
	tb.Helper()
	if err := Check(uri, document); err != nil {
		tb.Errorf("%v\nin %.2000s", err, document)
	}
}

// Check returns why a JSON document does not match a schema.
func Check(uri string, document []byte) error {
	c, err := compiled()
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		return err
	}
	mu.Lock()
	schema, err := c.Compile(uri)
	mu.Unlock()
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

// Reply is [Valid] for a reply of an endpoint, such as "orders.get"; failed is whether it is an error
// reply.
func Reply(tb testing.TB, endpoint string, failed bool, body []byte) {
	tb.Helper()
	anchor := endpoint + ".reply"
	if failed {
		anchor = "error"
	}
	Valid(tb, docs.APISchema+"#"+anchor, body)
}

// CheckConfig returns why a configuration file does not match its schema.
func CheckConfig(text []byte) error {
	var values map[string]any
	if err := toml.Unmarshal(text, &values); err != nil {
		return err
	}
	document, err := json.Marshal(values)
	if err != nil {
		return err
	}
	return Check(docs.ConfigSchema, document)
}

// Event is [Valid] for a published message of a CloudEvents type.
func Event(tb testing.TB, kind string, body []byte) {
	tb.Helper()
	Valid(tb, docs.EventsSchema+"#"+strings.TrimSuffix(strings.TrimPrefix(kind, "orderbeat."), ".v1"), body)
}

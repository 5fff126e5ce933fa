package contract_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"orderbeat/cmd/orderbeat/contract"
)

type object = map[string]any

// document is a JSON Schema.
func document(t *testing.T, text []byte) (doc object) {
	t.Helper()
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// comparison compares a released schema with the current one.
type comparison struct {
	old, now object
	seen     map[string]bool
	breaks   []string
}

// breaking lists what consumers or callers of a released version would notice. In messages and
// replies members stay, stay required and take no new types; in requests members stay, and no more of
// them are required. Values of enums may be added to both.
func breaking(old, now object) []string {
	c := &comparison{old: old, now: now, seen: map[string]bool{}}
	defs, _ := old["$defs"].(object)
	for name, def := range defs {
		if anchor, ok := def.(object)["$anchor"].(string); ok {
			request := strings.HasSuffix(anchor, ".request")
			c.compare(name, object{"$ref": "#/$defs/" + name}, object{"$ref": "#/$defs/" + name}, request)
		}
	}
	slices.Sort(c.breaks)
	return c.breaks
}

func (c *comparison) broken(path, format string, args ...any) {
	c.breaks = append(c.breaks, path+": "+fmt.Sprintf(format, args...))
}

// resolved follows references within a document.
func resolved(doc, schema object) object {
	for schema != nil {
		name, ok := schema["$ref"].(string)
		if !ok {
			return schema
		}
		defs, _ := doc["$defs"].(object)
		schema, _ = defs[strings.TrimPrefix(name, "#/$defs/")].(object)
	}
	return nil
}

func (c *comparison) compare(path string, old, now object, request bool) {
	key := fmt.Sprint(old["$ref"], now["$ref"], request)
	if old["$ref"] != nil {
		if c.seen[key] {
			return
		}
		c.seen[key] = true
	}
	old, now = resolved(c.old, old), resolved(c.now, now)
	if now == nil {
		c.broken(path, "is gone")
		return
	}
	for _, keyword := range []string{"$anchor", "const", "format", "pattern"} {
		if old[keyword] != now[keyword] {
			c.broken(path, "%s was %v, is %v", keyword, old[keyword], now[keyword])
		}
	}
	c.types(path, texts(old["type"]), texts(now["type"]), request)
	for _, v := range texts(old["enum"]) {
		if now["enum"] != nil && !slices.Contains(texts(now["enum"]), v) {
			c.broken(path, "no longer has the value %q", v)
		}
	}
	c.members(path, old, now, request)
	if items, ok := old["items"].(object); ok {
		next, _ := now["items"].(object)
		c.compare(path+"[]", items, next, request)
	}
	c.alternatives(path, old, now, request)
}

// types compares the types of a value: those of a reply may become fewer, those of a request more.
func (c *comparison) types(path string, old, now []string, request bool) {
	less, more := old, now
	if !request {
		less, more = now, old
	}
	for _, t := range less {
		if len(more) > 0 && !slices.Contains(more, t) {
			c.broken(path, "was %v, is %v", old, now)
			return
		}
	}
}

func (c *comparison) members(path string, old, now object, request bool) {
	before, _ := old["properties"].(object)
	after, _ := now["properties"].(object)
	for name, schema := range before {
		next, _ := after[name].(object)
		c.compare(path+"."+name, schema.(object), next, request)
	}
	was, is := texts(old["required"]), texts(now["required"])
	if request {
		was, is = is, was
	}
	for _, name := range was {
		if _, known := before[name]; !slices.Contains(is, name) && (known || request) {
			c.broken(path+"."+name, "is required in one version only")
		}
	}
}

func (c *comparison) alternatives(path string, old, now object, request bool) {
	was, _ := old["anyOf"].([]any)
	is, _ := now["anyOf"].([]any)
	if len(is) < len(was) || !request && len(is) > len(was) {
		c.broken(path, "had %d alternatives, has %d", len(was), len(is))
		return
	}
	for i := range was {
		c.compare(fmt.Sprintf("%s|%d", path, i), was[i].(object), is[i].(object), request)
	}
}

// texts is a text or a list of texts.
func texts(v any) (all []string) {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		for _, e := range v {
			all = append(all, fmt.Sprint(e))
		}
	}
	return all
}

// TestOnlyAdditionsSinceTheRelease compares with docs/schemas/released/v1. At a release the current
// schemas are copied there.
func TestOnlyAdditionsSinceTheRelease(t *testing.T) {
	for name, now := range map[string][]byte{"events.json": contract.Events(root), "api.json": contract.API(root)} {
		old, err := os.ReadFile(filepath.Join(root, "docs/schemas/released/v1", name))
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range breaking(document(t, old), document(t, now)) {
			t.Errorf("%s: %s: this breaks v1", name, b)
		}
	}
}

func TestBreakingChangesAreFound(t *testing.T) {
	events, api := string(contract.Events(root)), string(contract.API(root))
	for _, c := range []struct {
		name, text, old, new string
		breaks               bool
	}{
		{"a member is renamed", events, `"open_quantity": {`, `"openQuantity": {`, true},
		{"a member becomes null", events, `"revision": {
          "type": "integer"`, `"revision": {
          "type": ["integer", "null"]`, true},
		{"a status is gone", events, `"backordered",
        "open",`, `"open",`, true},
		{"a status is added", events, `"backordered",
        "open",`, `"backordered",
        "in_transit",
        "open",`, false},
		{"a member is added", events, `"open_quantity": {`, `"weight": {"type": "integer"}, "open_quantity": {`, false},
		{"a request requires more", api, `"additionalProperties": false,
      "type": "object",
      "description": "The request of orders.list`, `"additionalProperties": false, "required": ["provider"],
      "type": "object",
      "description": "The request of orders.list`, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			changed := strings.Replace(c.text, c.old, c.new, 1)
			if changed == c.text {
				t.Fatalf("the schema has no %s", c.old)
			}
			found := breaking(document(t, []byte(c.text)), document(t, []byte(changed)))
			if (len(found) > 0) != c.breaks {
				t.Errorf("found %q, want a break: %t", found, c.breaks)
			}
		})
	}
}

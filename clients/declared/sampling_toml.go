package declared

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"orderbeat/clients"
)

// text is the table.
func (t trial) text(name string, orders []clients.Order) (string, error) {
	sm, err := t.sample()
	if err != nil {
		return "", err
	}
	if sm.Orders, err = pretty(asMapped(orders)); err != nil {
		return "", err
	}
	var b strings.Builder
	line := func(key, value string) { fmt.Fprintf(&b, "%-9s = %s\n", key, value) }
	line("name", quotedTOML(name))
	line("operation", quotedTOML(sm.Operation))
	if sm.Status != 200 {
		line("status", fmt.Sprint(sm.Status))
	}
	for _, asked := range []struct{ key, value string }{{"order_id", sm.OrderID}, {"reference", sm.Reference}} {
		if asked.value != "" {
			line(asked.key, quotedTOML(asked.value))
		}
	}
	if sm.Item != "" {
		line("item", longTOML(sm.Item))
	}
	line("answer", longTOML(sm.Answer))
	line("orders", longTOML(sm.Orders))
	return b.String(), nil
}

// asMapped are orders as they would be stored, written as a mapping makes them.
func asMapped(orders []clients.Order) (list []any) {
	for i := range orders {
		stored, _, err := parseJSON(string(orders[i].AppendJSON(nil)))
		if err == nil {
			list = append(list, members(stored, orderShape.names))
		}
	}
	return list
}

// listMembers are the members of each object in a list of this name.
var listMembers = map[string][]string{"lines": lineShape.names, "schedule": scheduleShape.names, "despatches": despatchShape.names}

// members takes those members of an object that a mapping may make and that say something.
func members(v any, names []string) map[string]any {
	object, _ := v.(map[string]any)
	some := map[string]any{}
	for _, name := range names {
		value := object[name]
		if list, isList := value.([]any); isList {
			elements := make([]any, len(list))
			for i := range list {
				elements[i] = members(list[i], listMembers[name])
			}
			value = elements
		}
		if value != nil {
			some[name] = value
		}
	}
	return some
}

// pretty is a value as JSON on several lines.
func pretty(v any) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(v)
	return strings.TrimSuffix(b.String(), "\n"), err
}

// quotedTOML is a text as a basic string of TOML 1.0, which escapes as JSON does.
func quotedTOML(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a text can be encoded
	return strings.ReplaceAll(strings.TrimSuffix(b.String(), "\n"), "\x7f", `\u007F`)
}

// longTOML is a text on lines of its own: as it is, or, where a literal cannot hold it,
// with TOML's escapes.
func longTOML(s string) string {
	switch {
	case s == "":
		return `""`
	case !strings.Contains(s, "'''") && !strings.Contains(s, "\x7f"):
		return "'''\n" + s + "\n'''"
	}
	return `"""` + "\n" + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\x7f", `\u007F`).Replace(s) + "\n" + `"""`
}

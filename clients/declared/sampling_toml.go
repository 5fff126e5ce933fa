package declared

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// text is the table.
func (t trial) text(name string, orders []any) (string, error) {
	sm, err := t.sample()
	if err != nil {
		return "", err
	}
	if sm.Orders, err = pretty(withoutNulls(orders)); err != nil {
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

// withoutNulls is a value without the members that say nothing.
func withoutNulls(v any) any {
	switch v := v.(type) {
	case map[string]any:
		some := map[string]any{}
		for name, value := range v {
			if value != nil {
				some[name] = withoutNulls(value)
			}
		}
		return some
	case []any:
		some := make([]any, len(v))
		for i := range v {
			some[i] = withoutNulls(v[i])
		}
		return some
	}
	return v
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

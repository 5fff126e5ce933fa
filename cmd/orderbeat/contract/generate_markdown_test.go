package contract

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/invopop/jsonschema"

	"orderbeat/worker/api"
)

// generated is a part of a document that this package writes.
var generated = regexp.MustCompile(`(?s)(<!-- generated: ([\w -]+) -->\n).*?(<!-- end -->)`)

// Markdown returns a document with its generated parts: the enums, members and endpoints that the
// comments "generated: <part>" name.
func Markdown(root string, text []byte) []byte {
	events := newSchemas(newSource(root), "json", eventNames())
	events.events()
	apis := newAPI(root)
	return generated.ReplaceAllFunc(text, func(part []byte) []byte {
		found := generated.FindSubmatch(part)
		what, name, _ := strings.Cut(string(found[2]), " ")
		s := events
		if s.defs[name] == nil {
			s = apis
		}
		var body string
		switch {
		case what == "endpoints":
			body = apis.endpointTable()
		case s.defs[name] == nil:
			panic("contract: no definition " + name)
		case what == "values":
			body = valueTable(s.defs[name])
		case what == "members":
			body = s.memberTable(s.defs[name])
		default:
			panic("contract: no part " + what)
		}
		return slices.Concat(found[1], []byte("\n"+body+"\n"), found[3])
	})
}

// valueTable lists the values of an enum with their meaning.
func valueTable(def *jsonschema.Schema) string {
	var b strings.Builder
	b.WriteString("| value | meaning |\n|---|---|\n")
	for line := range strings.Lines(def.Description) {
		if value, meaning, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "- "), "`: "); ok {
			fmt.Fprintf(&b, "| %s` | %s |\n", value, cell(meaning))
		}
	}
	return b.String()
}

// memberTable lists the members of an object.
func (s *schemas) memberTable(def *jsonschema.Schema) string {
	var b strings.Builder
	b.WriteString("| member | type | meaning |\n|---|---|---|\n")
	for key, p := range def.Properties.FromOldest() {
		name := "`" + key + "`"
		if !slices.Contains(def.Required, key) {
			name += "?"
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", name, strings.ReplaceAll(s.typeOf(p), "|", `\|`), cell(p.Description))
	}
	return b.String()
}

// typeOf names the type of a value.
func (s *schemas) typeOf(p *jsonschema.Schema) string {
	if names, ok := p.Extras["type"].([]string); ok {
		return strings.Join(append([]string{s.simple(names[0], p)}, names[1:]...), " | ")
	}
	switch {
	case p.Ref != "":
		return strings.TrimPrefix(p.Ref, refPrefix)
	case p.Const != nil:
		return fmt.Sprintf("`%v`", p.Const)
	case len(p.AnyOf) > 0:
		var all []string
		for _, a := range p.AnyOf {
			all = append(all, s.typeOf(a))
		}
		return strings.Join(all, " | ")
	case p.Type == "array":
		return s.typeOf(p.Items) + "[]"
	case len(p.Enum) > 0:
		var all []string
		for _, v := range p.Enum {
			all = append(all, fmt.Sprintf("`%v`", v))
		}
		return strings.Join(all, " | ")
	}
	return s.simple(p.Type, p)
}

func (s *schemas) simple(name string, p *jsonschema.Schema) string {
	switch {
	case p.Format != "":
		return p.Format
	case p.Pattern != "" && name == "string":
		return "decimal text"
	}
	return name
}

// cell is a text in a table.
func cell(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(strings.TrimSpace(text), "\n", " "), "|", `\|`)
}

// endpointTable lists the endpoints with the members of their requests and replies.
func (s *schemas) endpointTable() string {
	var b strings.Builder
	b.WriteString("| `orderbeat.api.` | does | request | reply |\n|---|---|---|---|\n")
	for _, e := range api.Endpoints {
		name := definition(e.Name)
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", e.Name, cell(e.About), signature(s.defs[name+"Request"]), signature(s.defs[name+"Reply"]))
	}
	return b.String()
}

// signature lists the members of an object; "?" marks those that may be absent.
func signature(def *jsonschema.Schema) string {
	if len(def.AnyOf) > 0 {
		var all []string
		for _, a := range def.AnyOf {
			all = append(all, signature(a))
		}
		return strings.Join(all, " or ")
	}
	var names []string
	for key := range def.Properties.FromOldest() {
		if !slices.Contains(def.Required, key) {
			key += "?"
		}
		names = append(names, key)
	}
	if len(names) == 0 {
		return "–"
	}
	return "`{" + strings.Join(names, ", ") + "}`"
}

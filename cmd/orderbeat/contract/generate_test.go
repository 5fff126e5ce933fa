package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/invopop/jsonschema"

	"orderbeat/clients"
)

// refPrefix is how a definition of the same document is referred to.
const refPrefix = "#/$defs/"

// schemas are the definitions of one document.
type schemas struct {
	source    *source
	reflector *jsonschema.Reflector
	defs      jsonschema.Definitions
	mapper    func(reflect.Type) *jsonschema.Schema // types of this document only, or nil
	tag       string
	names     map[reflect.Type]string // of definitions, where they differ from the Go name
}

// newSchemas returns an empty document. tag is the struct tag that has the names of members.
func newSchemas(src *source, tag string, names map[reflect.Type]string) *schemas {
	s := &schemas{source: src, defs: jsonschema.Definitions{}, tag: tag, names: names}
	s.reflector = &jsonschema.Reflector{
		Anonymous: true, AllowAdditionalProperties: true, FieldNameTag: tag,
		Mapper: s.mapped, Namer: s.name,
		LookupComment: func(t reflect.Type, field string) string { return src.describe(t, field, tag) },
	}
	return s
}

func (s *schemas) name(t reflect.Type) string {
	if name, ok := s.names[t]; ok {
		return name
	}
	name := t.Name()
	if name == "" {
		return ""
	}
	return strings.ToUpper(name[:1]) + name[1:]
}

// mapped are the types whose JSON reflection does not show.
func (s *schemas) mapped(t reflect.Type) *jsonschema.Schema {
	if s.mapper != nil {
		if own := s.mapper(t); own != nil {
			return own
		}
	}
	switch t {
	case reflect.TypeFor[clients.Text]():
		return nullable(&jsonschema.Schema{Type: "string"})
	case reflect.TypeFor[clients.Date]():
		return nullable(&jsonschema.Schema{Type: "string", Format: "date"})
	case reflect.TypeFor[clients.Quantity]():
		return nullable(&jsonschema.Schema{Type: "integer"})
	case reflect.TypeFor[clients.Amount]():
		return nullable(&jsonschema.Schema{Type: "string", Pattern: `^-?[0-9]+\.[0-9]{2,6}$`})
	case reflect.TypeFor[time.Time]():
		return &jsonschema.Schema{Type: "string", Format: "date-time"}
	case reflect.TypeFor[json.RawMessage]():
		return &jsonschema.Schema{}
	}
	if t.Kind() == reflect.String && t.PkgPath() != "" {
		return s.enum(t)
	}
	return nil
}

// enum defines a string type by its constants; nil if it has none.
func (s *schemas) enum(t reflect.Type) *jsonschema.Schema {
	name := s.name(t)
	if _, ok := s.defs[name]; ok {
		return ref(name)
	}
	values := s.source.of(t.PkgPath()).values[t.Name()]
	if len(values) == 0 {
		return nil
	}
	s.defs[name] = enumOf(s.source.describe(t, "", s.tag), values)
	return ref(name)
}

// enumOf is a list of values with their meaning in the description.
func enumOf(about string, values []enumValue) *jsonschema.Schema {
	def := &jsonschema.Schema{Type: "string", Description: strings.TrimSpace(about)}
	for _, v := range values {
		def.Enum = append(def.Enum, v.value)
		if v.comment != "" {
			def.Description += fmt.Sprintf("\n- `%s`: %s", v.value, v.comment)
		}
	}
	return def
}

func ref(name string) *jsonschema.Schema { return &jsonschema.Schema{Ref: refPrefix + name} }

// nullable also allows null.
func nullable(s *jsonschema.Schema) *jsonschema.Schema {
	if s.Type != "" {
		s.Extras = map[string]any{"type": []string{s.Type, "null"}}
		s.Type = ""
		return s
	}
	if _, ok := s.Extras["type"]; ok {
		return s
	}
	about := s.Description
	s.Description = ""
	return &jsonschema.Schema{Description: about, AnyOf: []*jsonschema.Schema{s, {Type: "null"}}}
}

// define adds the definition of a value's type, and those of the types below it, and returns it.
func (s *schemas) define(value any) *jsonschema.Schema {
	t := reflect.TypeOf(value)
	root := s.reflector.ReflectFromType(t)
	for name, def := range root.Definitions {
		if _, ok := s.defs[name]; !ok {
			s.defs[name] = def
		}
	}
	s.complete(t, map[reflect.Type]bool{})
	return s.defs[s.name(t)]
}

// complete makes pointers nullable: reflection looks through them.
func (s *schemas) complete(t reflect.Type, seen map[reflect.Type]bool) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if seen[t] || t.Kind() != reflect.Struct || s.mapped(t) != nil {
		return
	}
	seen[t] = true
	def := s.defs[s.name(t)]
	for f := range fields(t, s.tag) {
		s.complete(f.Type, seen)
		if def == nil || def.Properties == nil {
			continue
		}
		p, ok := def.Properties.Get(f.key)
		if ok && f.Type.Kind() == reflect.Pointer && !strings.Contains(f.options, "omit") && !isNullable(p) {
			def.Properties.Set(f.key, nullable(p))
		}
	}
}

func isNullable(s *jsonschema.Schema) bool {
	_, several := s.Extras["type"]
	return several || slices.ContainsFunc(s.AnyOf, func(a *jsonschema.Schema) bool { return a.Type == "null" })
}

// set replaces the schema of a property and keeps its description, unless the new one has one.
func set(def *jsonschema.Schema, key string, s *jsonschema.Schema) {
	old, ok := def.Properties.Get(key)
	if !ok {
		panic(fmt.Sprintf("contract: no member %s", key))
	}
	if s.Description == "" {
		s.Description = old.Description
	}
	def.Properties.Set(key, s)
}

// restrict allows only some values of an enum property.
func restrict[S ~string](def *jsonschema.Schema, key string, values ...S) {
	s := &jsonschema.Schema{Type: "string"}
	for _, v := range values {
		s.Enum = append(s.Enum, string(v))
	}
	set(def, key, s)
}

// clone copies a definition so far that its properties can be set.
func clone(def *jsonschema.Schema) *jsonschema.Schema {
	c := *def
	c.Properties = jsonschema.NewProperties()
	for key, s := range def.Properties.FromOldest() {
		p := *s
		c.Properties.Set(key, &p)
	}
	c.Required = slices.Clone(def.Required)
	return &c
}

// without removes members.
func without(def *jsonschema.Schema, keys ...string) {
	for _, key := range keys {
		def.Properties.Delete(key)
	}
	optional(def, keys...)
}

// optional makes members optional.
func optional(def *jsonschema.Schema, keys ...string) {
	def.Required = slices.DeleteFunc(def.Required, func(k string) bool { return slices.Contains(keys, k) })
}

// array is a list of a definition.
func array(name string) *jsonschema.Schema {
	return &jsonschema.Schema{Type: "array", Items: ref(name)}
}

// document is the text of a document with the definitions.
func (s *schemas) document(root *jsonschema.Schema) []byte {
	root.Version = jsonschema.Version
	root.Definitions = s.defs
	return indented(root)
}

func indented(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err) // texts and numbers
	}
	var out bytes.Buffer
	if err := json.Indent(&out, bytes.ReplaceAll(bytes.ReplaceAll(bytes.ReplaceAll(b.Bytes(), []byte(`\u003c`), []byte("<")), []byte(`\u003e`), []byte(">")), []byte(`\u0026`), []byte("&")), "", "  "); err != nil {
		panic(err)
	}
	return out.Bytes()
}

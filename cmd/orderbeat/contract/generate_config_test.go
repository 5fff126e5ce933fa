package contract

import (
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/invopop/jsonschema"

	"orderbeat/auth/secret"
	"orderbeat/clients"
	"orderbeat/clients/declared"
	"orderbeat/clients/exchange"
	"orderbeat/clients/michelin"
	"orderbeat/cmd/orderbeat/config"
	"orderbeat/docs"
	"orderbeat/jobs"
)

// Config returns docs/schemas/config.json: the schema of config.toml. kinds are the kinds of
// providers besides michelin, which are declared.
func Config(root string, kinds []string) []byte {
	shape := config.ShapeOf()
	s := newSchemas(newSource(root), "toml", configNames(shape))
	s.mapper = s.configType(shape)
	file := s.define(shape.File)
	delete(s.defs, "Config")
	set(file, "events", ref("Events"))
	s.providers(file, shape, slices.DeleteFunc(slices.Clone(kinds), func(k string) bool { return k == "michelin" }))
	s.schedules(shape)
	s.notify(shape)
	s.configValues()
	for _, def := range s.defs {
		if def.Type == "object" && def.Properties != nil {
			def.AdditionalProperties = jsonschema.FalseSchema
			if def.Properties.Len() > 0 {
				def.Required = nil
			}
		}
	}
	s.defs["Schedule"].Required = []string{"name", "cron", "provider", "kind"}
	s.defs["Notify"].Required = []string{"name", "url"}
	s.defs["Account"].Required = []string{"name"}
	s.documented(root)
	file.ID, file.Title = docs.ConfigSchema, "config.toml of Orderbeat"
	file.Description = "Unknown keys are errors. Durations are written \"30s\", \"15m\", \"6h\", \"14d\", sizes \"64KB\", \"8MB\". A secret is \"env:NAME\", \"file:PATH\" or \"credential:NAME\"."
	file.Required = []string{"providers"}
	return s.document(file)
}

func configNames(shape config.Shape) map[reflect.Type]string {
	names := map[reflect.Type]string{
		reflect.TypeOf(shape.File):     "Config",
		reflect.TypeOf(shape.Schedule): "Schedule",
		reflect.TypeOf(shape.Notify):   "Notify",
		reflect.TypeOf(shape.Provider): "ProviderFrame",
	}
	for _, keys := range []any{michelin.Keys(), declared.Keys()} {
		names[reflect.TypeOf(keys)] = "Keys of " + reflect.TypeOf(keys).PkgPath()
	}
	return names
}

// configType are the types whose TOML reflection does not show.
func (s *schemas) configType(shape config.Shape) func(reflect.Type) *jsonschema.Schema {
	const number = `[0-9]+(\.[0-9]+)?`
	return func(t reflect.Type) *jsonschema.Schema {
		switch t {
		case reflect.TypeFor[time.Duration]():
			return &jsonschema.Schema{Type: "string", Pattern: `^-?([0-9]+d|0|(` + number + `(ns|us|µs|ms|s|m|h))+)$`}
		case reflect.TypeFor[int64](): // bytes
			return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Type: "integer", Minimum: "0"}, {Type: "string", Pattern: `^[0-9]+ ?(B|KB|MB|GB)$`}}}
		case reflect.TypeFor[secret.Secret]():
			return &jsonschema.Schema{Type: "string", Pattern: `^(env|file|credential):.`}
		case reflect.TypeFor[clients.Rate]():
			return &jsonschema.Schema{Type: "string", Pattern: `^[1-9][0-9]*/[smh]$`}
		case reflect.TypeFor[exchange.Detail]():
			return &jsonschema.Schema{Type: "string", Enum: []any{"full", "metadata", "off"}}
		case reflect.TypeFor[jobs.Priority]():
			return &jsonschema.Schema{Type: "string", Enum: []any{"normal", "low"}}
		case reflect.TypeOf(shape.URLs):
			return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Type: "string"}, {Type: "array", Items: &jsonschema.Schema{Type: "string"}}}}
		case reflect.TypeOf(shape.Share):
			return &jsonschema.Schema{Type: "number", Minimum: "0", Maximum: "1"}
		case reflect.TypeOf(shape.Sync):
			return &jsonschema.Schema{Type: "string"}
		case reflect.TypeFor[map[string]any]():
			return &jsonschema.Schema{Type: "object"}
		}
		return nil
	}
}

// providers defines the sections of providers: the frame with the keys of the kind.
func (s *schemas) providers(file *jsonschema.Schema, shape config.Shape, kinds []string) {
	frame := s.define(shape.Provider)
	set(frame, "proxy", &jsonschema.Schema{Type: "string"})
	restrict(frame, "environment", "sandbox", "test", "production")
	one := s.kind("MichelinProvider", frame, michelin.Keys(), "michelin")
	restrict(one, "scheme", "oauth2", "basic_apikey")
	restrict(one, "request", "portal", "openapi")
	several := s.kind("DeclaredProvider", frame, declared.Keys(), kinds...)
	several.Properties.Set("declaration", &jsonschema.Schema{Type: "string", Description: "The file of the declaration. Keys of the section replace those of the file."})
	delete(s.defs, "ProviderFrame")
	set(file, "providers", &jsonschema.Schema{
		Type: "object", Description: "One section for each provider, [providers.<name>].",
		PropertyNames:        &jsonschema.Schema{Pattern: `^[A-Za-z0-9_-]{1,64}$`},
		AdditionalProperties: &jsonschema.Schema{OneOf: []*jsonschema.Schema{ref("MichelinProvider"), ref("DeclaredProvider")}},
	})
}

// kind defines the section of a provider of some kinds.
func (s *schemas) kind(name string, frame *jsonschema.Schema, keys any, kinds ...string) *jsonschema.Schema {
	own := s.define(keys)
	def := clone(frame)
	for key, p := range own.Properties.FromOldest() {
		def.Properties.Set(key, p)
	}
	restrict(def, "kind", kinds...)
	def.Description = "A provider: [providers.<name>]."
	delete(s.defs, s.name(reflect.TypeOf(keys)))
	s.defs[name] = def
	return def
}

func (s *schemas) schedules(shape config.Shape) {
	def := s.define(shape.Schedule)
	restrict(def, "kind", slices.Sorted(maps.Keys(jobs.Kinds))...)
	restrict(def, "overlap", "skip", "queue_one", "allow")
	restrict(def, "catch_up", "none", "last", "all")
	restrict(def, "dst", "once", "strict")
	// The params are those of docs/schemas/api.json.
	params := newSchemas(s.source, "json", map[reflect.Type]string{})
	params.params()
	set(def, "params", &jsonschema.Schema{})
	p, _ := def.Properties.Get("params")
	for _, name := range paramsNames() {
		s.defs[name] = params.defs[name]
		p.AnyOf = append(p.AnyOf, ref(name))
	}
}

func (s *schemas) notify(shape config.Shape) {
	def := s.define(shape.Notify)
	codes, _ := def.Properties.Get("codes")
	codes.Items = &jsonschema.Schema{Type: "string"}
	for _, code := range alertCodes {
		codes.Items.Enum = append(codes.Items.Enum, code.value)
	}
}

// configValues lists the values of texts that the types leave open.
func (s *schemas) configValues() {
	restrict(s.defs["DB"], "synchronous", "full", "normal")
	restrict(s.defs["Worker"], "role", config.RoleAll, config.RoleStore, config.RoleFetch)
	restrict(s.defs["Log"], "level", "debug", "info", "warn", "error")
	restrict(s.defs["Log"], "format", "auto", "text", "json")
	restrict(s.defs["TelemetrySection"], "protocol", "http/protobuf")
	restrict(s.defs["Events"], "body", config.EventsOrder, config.EventsChanges)
}

// sections are the definitions of the sections of config.toml.
var sections = map[string]string{
	"nats": "NatsSection", "events": "Events", "db": "DB", "worker": "Worker", "web": "WebSection", "log": "Log", "telemetry": "TelemetrySection", "sandbox": "Sandbox",
	"providers.michelin": "MichelinProvider", "providers.michelin.accounts": "Account", "schedules": "Schedule",
}

// documented takes descriptions from the comments of config.toml, which explain every key.
func (s *schemas) documented(root string) {
	text, err := os.ReadFile(filepath.Join(root, "config.toml"))
	if err != nil {
		panic(err)
	}
	var def, declaredDef *jsonschema.Schema
	last := ""
	about := map[*jsonschema.Schema]map[string]string{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\n")
		if found := header.FindStringSubmatch(line); found != nil {
			def, declaredDef, last = s.defs[sections[found[1]]], nil, ""
			if found[1] == "providers.michelin" {
				declaredDef = s.defs["DeclaredProvider"]
			}
			continue
		}
		if def == nil {
			continue
		}
		if found := keyLine.FindStringSubmatch(line); found != nil {
			last = found[1]
			for _, d := range []*jsonschema.Schema{def, declaredDef} {
				note(about, d, last, found[2])
			}
		} else if found := continued.FindStringSubmatch(line); found != nil && last != "" {
			for _, d := range []*jsonschema.Schema{def, declaredDef} {
				note(about, d, last, found[1])
			}
		} else {
			last = ""
		}
	}
	for d, keys := range about {
		for key, comment := range keys {
			p, _ := d.Properties.Get(key)
			p.Description = comment
		}
	}
}

// note adds a piece of the comment of a key.
func note(about map[*jsonschema.Schema]map[string]string, def *jsonschema.Schema, key, piece string) {
	if def == nil {
		return
	}
	if _, ok := def.Properties.Get(key); !ok {
		return
	}
	if about[def] == nil {
		about[def] = map[string]string{}
	}
	about[def][key] = strings.TrimSpace(about[def][key] + " " + piece)
}

var (
	header    = regexp.MustCompile(`^\[\[?([\w.]+)\]\]?$`)
	keyLine   = regexp.MustCompile(`^(?:# )?(\w+)\s*= (?:"[^"]*"|\{[^}]*\}|\[[^\]]*\]|[^#" ]+)\s+# (.*)$`)
	continued = regexp.MustCompile(`^ {20,}# (.*)$`)
)

package config // an inside test: it walks the unexported structs

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"testing"

	"orderbeat/clients"
	"orderbeat/clients/declared"
	"orderbeat/clients/michelin"
	"orderbeat/clients/section"
	"orderbeat/cmd/orderbeat/config/tomlfile"
)

// The other providers work unchanged when their lines are uncommented.
func TestShippedFileEnablesAllProviders(t *testing.T) {
	text, err := os.ReadFile("../../../config.toml")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(path, regexp.MustCompile(`(?m)^#([^ #:])`).ReplaceAll(text, []byte("$1")), 0o600); err != nil {
		t.Fatal(err)
	}
	kinds := map[string]section.Kind{"michelin": {Open: michelin.Open}}
	for _, kind := range []string{"ptv", "shell", "microbilt", "mazda"} {
		kinds[kind] = section.Kind{Open: declared.Open, Declaration: declared.Preset(kind)}
	}
	c, err := Load(path, kinds, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	scheduled := map[string]bool{}
	for _, s := range c.Schedules {
		scheduled[s.Provider] = true
	}
	if len(c.Providers) != len(kinds) || len(scheduled) != len(kinds) || len(c.Notices) > 0 {
		t.Errorf("got %d providers, schedules of %v and notices %q, want all %d", len(c.Providers), scheduled, c.Notices, len(kinds))
	}
}

func TestShippedFileDocumentsEveryKey(t *testing.T) {
	text, err := os.ReadFile("../../../config.toml")
	if err != nil {
		t.Fatal(err)
	}
	// Commented keys, and headers of optional sections, begin with "# ".
	text = regexp.MustCompile(`(?m)^# (\w+ +=|\[\[notify)`).ReplaceAll(text, []byte("$1"))
	doc, mistake := tomlfile.Parse("config.toml", text)
	if mistake != nil {
		t.Fatal(mistake)
	}
	for path, shape := range map[string]reflect.Type{
		"":                               reflect.TypeFor[file](),
		"nats":                           reflect.TypeFor[natsSection](),
		"nats.tls":                       reflect.TypeOf(natsSection{}.TLS),
		"db":                             reflect.TypeFor[DB](),
		"worker":                         reflect.TypeFor[Worker](),
		"web":                            reflect.TypeFor[webSection](),
		"web.auth":                       reflect.TypeFor[webLogin](),
		"web.auth_readonly":              reflect.TypeFor[webLogin](),
		"web.tls":                        reflect.TypeOf(webSection{}.TLS),
		"log":                            reflect.TypeFor[Log](),
		"sandbox":                        reflect.TypeFor[Sandbox](),
		"notify[0]":                      reflect.TypeFor[notifySection](),
		"schedules[0]":                   reflect.TypeFor[scheduleSection](),
		"providers.michelin":             reflect.TypeFor[section.Config](),
		"providers.michelin.retry":       reflect.TypeFor[clients.Retry](),
		"providers.michelin.tls":         reflect.TypeFor[section.TLS](),
		"providers.michelin.accounts[0]": reflect.TypeFor[clients.Account](),
	} {
		for _, f := range tagged(shape) {
			if !doc.Has(tomlfile.Key(path, f.key)) {
				t.Errorf("%s is not told of", tomlfile.Key(path, f.key))
			}
		}
	}
}

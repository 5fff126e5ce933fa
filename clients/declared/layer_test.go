package declared_test

import (
	"maps"
	"testing"

	"github.com/pelletier/go-toml/v2"

	"orderbeat/clients/clienttest"
	"orderbeat/clients/declared"
	"orderbeat/clients/section"
)

// kinds are the presets that there are.
var kinds = []string{"mazda", "microbilt", "ptv", "shell"}

// over is a [section.Section.Decode] of keys that stand upon a kind's preset, as the
// configuration lays them.
func over(tb testing.TB, kind string, keys map[string]any) func(any) error {
	tb.Helper()
	below := map[string]any{}
	if kind != "declared" {
		below = table(tb, string(declared.Preset(kind).Text))
	}
	return clienttest.Decode(lay(below, keys))
}

// table is a TOML text.
func table(tb testing.TB, text string) map[string]any {
	tb.Helper()
	values := map[string]any{}
	if err := toml.Unmarshal([]byte(text), &values); err != nil {
		tb.Fatal(err)
	}
	return values
}

func lay(below, above map[string]any) map[string]any {
	laid := maps.Clone(below)
	for key, value := range above {
		lower, isTable := laid[key].(map[string]any)
		if upper, ok := value.(map[string]any); ok && isTable {
			value = lay(lower, upper)
		}
		laid[key] = value
	}
	return laid
}

// written opens a provider that is declared in TOML, at a server, with one account.
func written(tb testing.TB, server, text string) *declared.Client {
	tb.Helper()
	p, err := declared.Open(writtenSection(tb, server, text))
	if err != nil {
		tb.Fatal(err)
	}
	c := p.(*declared.Client)
	tb.Cleanup(func() { _ = c.Close() })
	return c
}

func writtenSection(tb testing.TB, server, text string) section.Section {
	tb.Helper()
	s := clienttest.Section("acme", server)
	s.Kind = "declared"
	s.Decode = over(tb, "declared", table(tb, text))
	return s
}

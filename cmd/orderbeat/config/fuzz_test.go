package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"orderbeat/clients/section"
	"orderbeat/cmd/orderbeat/config"
	"orderbeat/cmd/orderbeat/config/tomlfile"
)

// FuzzLoad looks for texts that are neither accepted nor rejected with an error.
func FuzzLoad(f *testing.F) {
	shipped, err := os.ReadFile("../../../config.toml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(shipped))
	f.Add(least)
	f.Add("a.b.c = [[1, {x = 2}]]\n[[q.\"r s\"]]\n[q.\"r s\".t]\n")
	f.Add("[[schedules]]\ncron = \"TZ=0\"\n[[schedules]]\ncron = \"@every -1s\"\n")
	path := filepath.Join(f.TempDir(), "config.toml")
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := config.Load(path, kinds, env())
		if (c == nil) == (err == nil) {
			t.Errorf("got %v and %v, want one of them", c, err)
		}
	})
}

// FuzzLayers looks for mistakes that are reported outside of the text.
func FuzzLayers(f *testing.F) {
	f.Add("orders.path = '/'\n", "[[samples]]\nbody = 3\n", acme+"declaration = 'acme.toml'\n")
	f.Add("orders = 3\nsamples = [[1], {}]\n", "orders.query.\"a.b\" = '''\n!'''\n", acme+"declaration = 'acme.toml'\norders.items = [{}]\n")
	f.Add("kind = ''", "accounts = 'ä", acme+"declaration = 'acme.toml'\n[providers.acme.orders]\nmap = \"\"\"\\\n ä!\"\"\"\n")
	f.Add("x = \"\xb7", "\xb7", acme+"declaration = 'acme.toml'\n") // no UTF-8
	folder := f.TempDir()
	path, declaration := filepath.Join(folder, "config.toml"), filepath.Join(folder, "acme.toml")
	f.Fuzz(func(t *testing.T, preset, file, text string) {
		lines := map[string]int{"preset": strings.Count(preset, "\n") + 1}
		for name, text := range map[string]string{path: text, declaration: file} {
			lines[name] = strings.Count(text, "\n") + 1
			if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		kinds := map[string]section.Kind{"ledger": {Open: openLedger, Declaration: &section.Declaration{Name: "preset", Text: []byte(preset)}}}
		c, err := config.Load(path, kinds, env())
		if err == nil {
			_, err = c.CheckSamples(t.Context())
		}
		for _, err := range flat(err) {
			m, ok := errors.AsType[*tomlfile.Error](err)
			if !ok || m.Line < 0 || m.Line > max(lines[m.File], 1) || m.Line > 0 && m.Column < 1 {
				t.Errorf("got %v, want it within %v", err, lines)
			}
		}
	})
}

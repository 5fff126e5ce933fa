package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"orderbeat/cmd/orderbeat/config"
)

// FuzzLoad looks for texts that are neither read nor refused.
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

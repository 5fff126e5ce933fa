package main // an inside test: a main package cannot be imported

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/cmd/orderbeat/cli/setup"
)

func TestInitWritesAConfigurationThatWorks(t *testing.T) {
	for _, kind := range append(setup.Kinds(), "") {
		t.Run("provider "+kind, func(t *testing.T) {
			folder := t.TempDir()
			path := filepath.Join(folder, "config.toml")
			if got := do(t, "init", "--provider", kind, folder); got.status != cli.Done || !strings.Contains(got.stdout, "orderbeat run --config "+path) {
				t.Fatalf("got %+v", got)
			}
			got := do(t, "check", "--config", path)
			if got.status != cli.Done || strings.Contains(got.stdout+got.stderr, "note:") {
				t.Errorf("check: got %+v, want no notice", got)
			}
			for _, other := range setup.Kinds() {
				if kind != "" && strings.Contains(got.stdout, other) != (other == kind) {
					t.Errorf("provider %s in the report of %s:\n%s", other, kind, got.stdout)
				}
			}
			if !strings.Contains(got.stdout, "cron") {
				t.Errorf("no schedule in:\n%s", got.stdout)
			}
		})
	}
}

func TestInitRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"init", path}, path + " exists and is not overwritten"},
		{[]string{"init", "--provider", "acme", path + "2"}, `"acme" is not one of mazda, michelin, microbilt, ptv`},
		{[]string{"init", "--provider", "declared", path + "2"}, "`orderbeat provider new <name>`"},
	} {
		if got := do(t, test.args...); got.status != cli.Usage || !strings.Contains(got.stderr, test.want) {
			t.Errorf("%v: got %+v, want %q", test.args, got, test.want)
		}
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "mine" {
		t.Errorf("the file is %q now, %v", text, err)
	}
}

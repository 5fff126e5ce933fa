package main // an inside test: a main package cannot be imported

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A configuration without providers does not act on the worker of another one that happens to
// listen where it looks: it has not the password, and the error says where it looked.
func TestAConfigurationWithoutProvidersActsOnNoOtherWorker(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	config := func(rest string) string {
		path := filepath.Join(t.TempDir(), "config.toml")
		text := fmt.Sprintf("[nats]\nlisten = \"127.0.0.1:%s\"\n[web]\nlisten = \"\"\n%s", port, rest)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	theirs := enlist(t, config("[providers.wild]\nkind = \"wild\"\nbase_url = \"http://127.0.0.1:1\"\nallow_insecure_http = true\n[[providers.wild.accounts]]\nname = \"tame\"\nbill_to = \"1\"\n[[schedules]]\nname = \"often\"\ncron = \"@hourly\"\nprovider = \"wild\"\nkind = \"check\"\n"))
	theirs.says("orderbeat is running", 1)
	mine := config("")
	for _, command := range []string{"schedules pause often", "schedules trigger often", "runs cancel x", "jobs retry x", "auth rekey"} {
		r := do(t, append([]string{"--config", mine}, strings.Fields(command)...)...)
		if r.status == done || !strings.Contains(r.stderr, "127.0.0.1:"+port) && !strings.Contains(r.stderr, "no provider") {
			t.Errorf("%s: got %+v, want it refused, with where it looked", command, r)
		}
	}
	if n := theirs.value("SELECT (SELECT count(*) FROM schedules) + (SELECT count(*) FROM runs)"); n != "0" {
		t.Errorf("got %s paused schedules and runs at the other worker, want none", n)
	}
}

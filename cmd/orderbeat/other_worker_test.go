package main // an inside test: a main package cannot be imported

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/worker/bus/natstest"
)

const wildProvider = "[providers.wild]\nkind = \"wild\"\nbase_url = \"http://127.0.0.1:1\"\nallow_insecure_http = true\n[[providers.wild.accounts]]\nname = \"tame\"\nbill_to = \"1\"\n[[schedules]]\nname = \"often\"\ncron = \"@hourly\"\nprovider = \"wild\"\nkind = \"check\"\n"

// A configuration without providers does not act on another worker that happens to listen at
// its address: it lacks the password, and the error names the address.
func TestConfigurationWithoutProvidersActsOnNoOtherWorker(t *testing.T) {
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
	theirs := enlist(t, config(wildProvider))
	theirs.says("orderbeat is running", 1)
	mine := config("")
	for _, command := range []string{"schedules pause often", "schedules trigger often", "runs cancel x", "jobs retry x", "auth rekey"} {
		r := do(t, append([]string{"--config", mine}, strings.Fields(command)...)...)
		if r.status == cli.Done || !strings.Contains(r.stderr, "127.0.0.1:"+port) && !strings.Contains(r.stderr, "no provider") {
			t.Errorf("%s: got %+v, want it refused, with where it looked", command, r)
		}
	}
	if n := theirs.value("SELECT (SELECT count(*) FROM schedules) + (SELECT count(*) FROM runs)"); n != "0" {
		t.Errorf("got %s paused schedules and runs at the other worker, want none", n)
	}
}

// On an external NATS, a configuration without providers can reach another worker: the command
// says which.
func TestCommandWithoutProvidersNamesTheWorkerItUses(t *testing.T) {
	t.Parallel()
	srv := natstest.Start(t, natstest.Options(t))
	config := func(rest string) string {
		path := filepath.Join(t.TempDir(), "config.toml")
		text := fmt.Sprintf("[nats]\nurl = %q\n[web]\nlisten = \"\"\n%s", srv.ClientURL(), rest)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	theirs := config(wildProvider)
	p := startProcess(t, theirs)
	defer p.stop() // before its server ends
	mine := config("")
	note := fmt.Sprintf("note: the configuration has no providers; this command uses the worker at %s with prefix \"orderbeat\"\n", srv.ClientURL())
	for _, command := range []string{"schedules pause often", "schedules trigger often", "auth rekey", "replay --since 24h"} {
		if r := do(t, append([]string{"--config", mine}, strings.Fields(command)...)...); !strings.Contains(r.stderr, note) {
			t.Errorf("%s: got %+v, want the note whose worker it is", command, r)
		}
	}
	if r := do(t, "--config", theirs, "schedules", "resume", "often"); r.status != cli.Done || strings.Contains(r.stderr, "note") {
		t.Errorf("got %+v, want no note with a configuration of the worker's own", r)
	}
}

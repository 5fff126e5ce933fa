package main // an inside test: a main package cannot be imported

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"orderbeat/cmd/orderbeat/cli"
)

// TestTakeOverNeedsNoLogin moves a worker from the embedded NATS to an external one, and has another
// process with a database of its own take over: the user is asked once, and each token requested once.
func TestTakeOverNeedsNoLogin(t *testing.T) {
	t.Parallel() // mostly waits
	o, nats, root := newOutside(t), newDepot(t), t.TempDir()
	configs := map[string]string{}
	for _, name := range []string{"a", "b"} {
		folder := filepath.Join(root, name)
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		configs[name] = dealers(t, folder, o, webOn(t, "127.0.0.1", ""))
		text, err := os.ReadFile(configs[name])
		if err == nil {
			err = os.WriteFile(configs[name], append(text, five[strings.Index(five, "[providers.mazda.orders]"):]...), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	requests := func() int { return o.count("POST /oauth/token") }
	sync := func(name string) {
		t.Helper()
		if r := do(t, "--config", configs[name], "sync", "mazda", "--account", "north", "--lookback", "30d"); r.status != cli.Done {
			t.Errorf("%s: got status %d, %s%s", name, r.status, r.stdout, r.stderr)
		}
	}

	a := enlist(t, configs["a"])
	a.says("orderbeat is running", 1)
	link := do(t, "--config", configs["a"], "auth", "login", "mazda", "--user", "johndoe", "--print-url")
	newBrowser(t).grant(strings.TrimSpace(link.stdout), "johndoe")
	sync("a")
	a.stop()
	if n := a.value("SELECT count(*) FROM credentials WHERE sealed IS NOT NULL"); n != "1" {
		t.Fatalf("got %s tokens in the database, want johndoe's", n)
	}

	for _, config := range configs {
		text, err := os.ReadFile(config)
		if err != nil {
			t.Fatal(err)
		}
		outside := regexp.MustCompile(`(?s)\[nats\].*?\[web\]`).ReplaceAllString(string(text), fmt.Sprintf("[nats]\nurl = %q\n[web]", nats.server.ClientURL()))
		if err := os.WriteFile(config, []byte(outside), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	a = enlist(t, configs["a"])
	a.says("tokens moved from the database", 1)
	a.says("orderbeat is running", 1)
	if n := a.value("SELECT count(*) FROM credentials"); n != "0" {
		t.Errorf("got %s credentials in the database, want them moved", n)
	}
	sync("a")
	b := enlist(t, configs["b"]) // it makes a key of its own
	b.says("shared tokens cannot be read: copy the file of worker.key from the machine that sealed them", 1)
	key, err := os.ReadFile(filepath.Join(root, "a", "data", "key"))
	if err == nil {
		err = os.WriteFile(filepath.Join(root, "b", "data", "key"), key, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	standsBy(t, b)
	if status := a.stop(); status != cli.Done {
		t.Errorf("got exit status %d", status)
	}
	b.says("orderbeat is running", 1)
	sync("b")
	if n := requests(); n != 1 {
		t.Errorf("got %d token requests, want that of johndoe's code", n)
	}
	b.stop()

	// Without a worker, commands read the bucket.
	r := do(t, "--config", configs["a"], "auth", "status")
	if r.status != cli.Done || !strings.Contains(r.stderr, "no worker responds; the state is from the bucket") || !strings.Contains(r.stdout, "mazda     johndoe  valid") {
		t.Errorf("got status %d, %s%s, want johndoe's token", r.status, r.stdout, r.stderr)
	}
	if r := do(t, "--config", configs["b"], "provider", "try", "mazda", "--account", "north"); r.status != cli.Done {
		t.Errorf("got status %d, %s%s", r.status, r.stdout, r.stderr)
	}
	if n := requests(); n != 1 {
		t.Errorf("got %d token requests, want that of johndoe's code", n)
	}
}

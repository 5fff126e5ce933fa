package main // an inside test: a main package cannot be imported

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"orderbeat/clients/sandbox"
	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/jobs"
	"orderbeat/worker/notifier/notifiertest"
)

// targets are sections [[notify]] of a webhook and a mail server.
func targets(t *testing.T, folder, hookURL, mailURL string) string {
	t.Helper()
	return fmt.Sprintf("[[notify]]\nname = \"hook\"\nurl = %q\n[[notify]]\nname = \"mail\"\nurl = %q\ncodes = [\"forbidden\"]\nproviders = [\"michelin\"]\n",
		writeSecret(t, folder, "hook", hookURL), writeSecret(t, folder, "mail", mailURL))
}

// TestNotificationsArriveOnceOverKills kills a process (SIGKILL) after an alert was raised and
// before it is sent, and again before it is resolved.
func TestNotificationsArriveOnceOverKills(t *testing.T) {
	t.Parallel()
	folder, stand := t.TempDir(), newStand(t, sandbox.Options{})
	hook, hookURL := notifiertest.Webhook(t, "token-in-the-path")
	mail, mailURL := notifiertest.Mail(t, "ops", "hunter2-hunter2")
	hook.Fail(true)
	config := suppliers(t, folder, targets(t, folder, hookURL, mailURL)+stand.section(t, folder, "michelin", ""))
	s := startProcess(t, config).supplier(t, stand, "michelin")
	s.fault(`{"op":"order_status","account":"` + struck + `","status":403,"times":-1}`)
	if run := s.sync(window(0), 1); run.State != jobs.Partial {
		t.Fatalf("got %+v, want toledo rejected", run)
	}
	if n := len(mail.Messages()) + hook.Refused(); n != 0 || s.count("notifications") != 2 {
		t.Fatalf("got %d messages and %d notifications, want none sent yet", n, s.count("notifications"))
	}
	s.kill()
	logged := s.logged.String()

	s = startProcess(t, config).supplier(t, stand, "michelin")
	mail.Wait(t, 1)
	s.eventually("the webhook refuses", func() bool { return hook.Refused() > 0 })
	s.eventually("the mail is recorded", func() bool { return s.count("notifications WHERE target = 'mail'") == 0 })
	s.kill()
	hook.Fail(false)
	logged += s.logged.String()

	s = startProcess(t, config).supplier(t, stand, "michelin")
	hook.Wait(t, 1)
	s.heal()
	s.sync(window(1), 2)
	hook.Wait(t, 2)
	mail.Wait(t, 2)
	s.eventually("all is recorded", func() bool { return s.count("notifications") == 0 })
	s.stop()
	logged += s.logged.String()
	for name, got := range map[string][]string{"hook": hook.Messages(), "mail": mail.Messages()} {
		if len(got) != 2 || !strings.Contains(got[0], "RAISED forbidden: michelin, account toledo\n") || !strings.Contains(got[1], "RESOLVED forbidden: michelin, account toledo\n") {
			t.Errorf("%s received %q, want one message when raised and one when resolved", name, got)
		}
	}
	if strings.Contains(logged, "token-in-the-path") || strings.Contains(logged, "hunter2") {
		t.Errorf("the log has secrets of targets:\n%s", logged)
	}
}

func TestNotifyTest(t *testing.T) {
	folder := t.TempDir()
	hook, hookURL := notifiertest.Webhook(t, "token-in-the-path")
	mail, mailURL := notifiertest.Mail(t, "ops", "hunter2-hunter2")
	stand := newStand(t, sandbox.Options{})
	config := suppliers(t, folder, targets(t, folder, hookURL, mailURL)+stand.section(t, folder, "michelin", ""))
	if r := do(t, "--config", config, "notify", "test"); r.status != cli.Done || r.stdout != "hook: sent\nmail: sent\n" {
		t.Errorf("got %+v", r)
	}
	if r := do(t, "--config", config, "notify", "test", "mail"); r.status != cli.Done || r.stdout != "mail: sent\n" {
		t.Errorf("got %+v", r)
	}
	if h, m := hook.Messages(), mail.Messages(); len(h) != 1 || len(m) != 2 || !strings.HasPrefix(h[0], "TEST: ") || !strings.Contains(m[0], "Subject: Orderbeat: TEST\n") {
		t.Errorf("got %q and %q", h, m)
	}
	if r := do(t, "--config", config, "notify", "test", "pager"); r.status != cli.Usage || !strings.Contains(r.stderr, `unknown target "pager": configured: hook, mail`) {
		t.Errorf("got %+v", r)
	}
	hook.Fail(true)
	if r := do(t, "--config", config, "notify", "test"); r.status != cli.Partial || !strings.Contains(r.stdout, "hook: failed: ") ||
		strings.Contains(r.stdout+r.stderr, "token-in-the-path") || !strings.HasSuffix(r.stdout, "mail: sent\n") {
		t.Errorf("got %+v", r)
	}
}

func TestMistakesInNotifyAreFoundByCheck(t *testing.T) {
	folder := t.TempDir()
	wrong := writeSecret(t, folder, "wrong", "nosuch://hunter2-hunter2@host")
	hook := writeSecret(t, folder, "hook", "generic+https://example.com/hooks/1")
	stand := newStand(t, sandbox.Options{})
	config := filepath.Join(folder, "config.toml")
	text := fmt.Sprintf(`[[notify]]
name = "a b"
url = %q
codes = ["stale", "stail"]
providers = ["mazda"]
[[notify]]
name = "ops"
url = %q
[[notify]]
name = "ops"
url = "https://hunter2-hunter2@host"
colour = "red"
`, wrong, hook) + stand.section(t, folder, "michelin", "")
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r := do(t, "--config", config, "check")
	for _, want := range []string{
		":2:1: notify[0].name: want 1 to 64 letters", `:3:1: notify[0].url: "nosuch" is not a service; known: bark`,
		`:4:19: notify[0].codes[1]: "stail" is not an alert code; known codes: auth_rejected`,
		`:5:14: notify[0].providers[0]: "mazda" is not configured; configured: michelin`,
		`:10:1: notify[2].name: "ops" is already the name of notify[1]`, ":11:1: notify[2].url: secrets must not be in the file",
		":12:1: notify[2].colour: unknown key",
	} {
		if !strings.Contains(r.stderr, want) {
			t.Errorf("got %s, want %q", r.stderr, want)
		}
	}
	if r.status != cli.Usage || strings.Contains(r.stderr, "hunter2") {
		t.Errorf("got status %d, %s", r.status, r.stderr)
	}
}

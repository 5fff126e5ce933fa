package notifier_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"orderbeat/auth/secret"
	"orderbeat/clients"
	"orderbeat/db"
	"orderbeat/db/alerts"
	"orderbeat/worker/notifier"
	"orderbeat/worker/notifier/notifiertest"
	"orderbeat/worker/problems"
)

// bench is a database with a notifier.
type bench struct {
	t      *testing.T
	db     *db.DB
	logged *logged
	stop   func()
}

// logged is a log that can be read while it is written.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func open(t *testing.T) *bench {
	t.Helper()
	d, err := db.Open(t.Context(), db.Options{Path: filepath.Join(t.TempDir(), "orderbeat.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return &bench{t: t, db: d, logged: &logged{}}
}

// start runs a notifier with these targets until the test ends, or stop is called.
func (b *bench) start(targets ...notifier.Target) *notifier.Notifier {
	b.t.Helper()
	log := slog.New(slog.NewTextHandler(b.logged, nil))
	n := notifier.New(notifier.Config{Targets: targets, Store: b.db.Notifications(), Problems: problems.NewSet(log), Window: 300 * time.Millisecond, Log: log})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); n.Run(ctx) }()
	b.stop = sync.OnceFunc(func() { cancel(); <-ended })
	b.t.Cleanup(b.stop)
	return n
}

func (b *bench) raise(user string) {
	b.t.Helper()
	_, err := b.db.Raise(b.t.Context(), alerts.Alert{
		Provider: "mazda", User: user, Code: "consent_required", Message: "user " + user + " must grant access",
		Hint: "Open the link in a browser.", Link: "http://127.0.0.1:8321/oauth/start/mazda?user=" + user,
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) resolve(user string) {
	b.t.Helper()
	if _, err := b.db.Resolve(b.t.Context(), "mazda", "", user, "consent_required"); err != nil {
		b.t.Fatal(err)
	}
}

// pending is the number of notifications in the database.
func (b *bench) pending() string {
	b.t.Helper()
	n, err := b.db.Inspect().Value(b.t.Context(), "SELECT count(*) FROM notifications")
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

func (b *bench) eventually(what string, ok func() bool) {
	b.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.t.Fatalf("%s: not so within 30s; log:\n%s", what, b.logged)
		}
	}
}

func target(name, url string) notifier.Target {
	return notifier.Target{Name: name, URL: secret.New(url)}
}

func TestRaisedAndResolvedArriveOnceEach(t *testing.T) {
	t.Parallel()
	b := open(t)
	hook, hookURL := notifiertest.Webhook(t, "token-in-the-path")
	mail, mailURL := notifiertest.Mail(t, "ops", "hunter2-hunter2")
	targets := []notifier.Target{target("hook", hookURL), target("mail", mailURL)}
	n := b.start(targets...)
	b.raise("ann")
	hook.Wait(t, 1)
	mail.Wait(t, 1)
	b.eventually("recorded", func() bool { return b.pending() == "0" })
	b.stop()
	b.start(targets...) // after a restart
	b.resolve("ann")
	mail.Wait(t, 2)
	hook.Wait(t, 2)
	b.eventually("recorded", func() bool { return b.pending() == "0" })
	b.stop()
	got, mails := hook.Messages(), mail.Messages()
	if len(got) != 2 || len(mails) != 2 {
		t.Fatalf("got %q and %q, want two messages each", got, mails)
	}
	times := regexp.MustCompile(`\d{4}-\d\d-\d\dT[\d:]+Z`)
	want := "RAISED consent_required: mazda, user ann\nuser ann must grant access\nOpen the link in a browser.\n" +
		"http://127.0.0.1:8321/oauth/start/mazda?user=ann\nsince TIME"
	if got := times.ReplaceAllString(got[0], "TIME"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := times.ReplaceAllString(got[1], "TIME"); got != "RESOLVED consent_required: mazda, user ann\nraised at TIME" {
		t.Errorf("got %q", got)
	}
	for i, want := range []string{"RAISED", "RESOLVED"} {
		for _, part := range []string{"\nSubject: Orderbeat: " + want + " consent_required: mazda, user ann\n", "\nTo: ops@example.com\n", "\n\n" + want + " consent_required"} {
			if !strings.Contains("\n"+mails[i], part) {
				t.Errorf("got mail %q, want %q", mails[i], part)
			}
		}
	}
	if got := testutil.CollectAndCount(n.Counters()[0]); got != 6 {
		t.Errorf("got %d counters, want 3 for each target", got)
	}
}

func TestAlertsOfOneCodeAreOneMessage(t *testing.T) {
	t.Parallel()
	b := open(t)
	hook, url := notifiertest.Webhook(t, "token-in-the-path")
	b.start(target("hook", url))
	for i := range 40 {
		b.raise(fmt.Sprintf("user%02d", i))
	}
	if _, err := b.db.Raise(t.Context(), alerts.Alert{Provider: "mazda", Account: "fleet", Code: "stale", Message: "no success yet"}); err != nil {
		t.Fatal(err)
	}
	hook.Wait(t, 2)
	b.eventually("recorded", func() bool { return b.pending() == "0" })
	got := hook.Messages()
	if len(got) != 2 || !strings.HasPrefix(got[0], "RAISED consent_required: 40 alerts of mazda\n- mazda, user user00\n") ||
		!strings.Contains(got[0], "\nand 20 more: run \"orderbeat alerts\"\nFirst alert: user user00 must grant access\nOpen the link") ||
		strings.Contains(got[0], "user20") || !strings.HasPrefix(got[1], "RAISED stale: mazda, account fleet\n") {
		t.Errorf("got %q, want one message for the users and one for the account", got)
	}
}

func TestMessagesAreBounded(t *testing.T) {
	t.Parallel()
	b := open(t)
	hook, url := notifiertest.Webhook(t, "token-in-the-path")
	b.start(target("hook", url))
	for i := range 30 {
		b.raise(fmt.Sprintf("%02d%s", i, strings.Repeat("ü", 500)))
	}
	got := hook.Wait(t, 1)[0]
	if n := len([]rune(got)); n > 1000 || !strings.Contains(got, "… \nand") && !strings.Contains(got, " more: run") {
		t.Errorf("got %d characters: %s", n, got)
	}
}

func TestFailingTargetIsRetriedAndDelaysNoOther(t *testing.T) {
	t.Parallel()
	b := open(t)
	down, downURL := notifiertest.Webhook(t, "token-in-the-path")
	hook, url := notifiertest.Webhook(t, "another-token")
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts connections, and responds to none
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	down.Fail(true)
	n := b.start(target("down", downURL), target("silent", "generic+http://"+silent.Addr().String()+"/"), target("hook", url))
	began := time.Now()
	b.raise("ann")
	hook.Wait(t, 1)
	if d := time.Since(began); d > 5*time.Second {
		t.Errorf("the healthy target received the message after %s", d)
	}
	b.eventually("refused", func() bool { return down.Refused() > 0 })
	b.resolve("ann")
	hook.Wait(t, 2)
	down.Fail(false)
	got := down.Wait(t, 2)
	if len(got) != 2 || !strings.HasPrefix(got[0], "RAISED") || !strings.HasPrefix(got[1], "RESOLVED") {
		t.Errorf("got %q, want both, in order", got)
	}
	results := n.Counters()[0].(*prometheus.CounterVec)
	count := func(result string) float64 { return testutil.ToFloat64(results.WithLabelValues("down", result)) }
	b.eventually("both counted as sent", func() bool { return count("sent") == 2 })
	if failed := count("failed"); failed < 1 {
		t.Errorf("got %v failed", failed)
	}
	stopped := time.Now()
	b.stop()
	if d := time.Since(stopped); d > 3*time.Second {
		t.Errorf("stopping took %s while a target does not respond", d)
	}
	log := b.logged.String()
	if !strings.Contains(log, "failed to send a notification") || !strings.Contains(log, "500 Internal Server Error") || !strings.Contains(log, "target=down") {
		t.Errorf("got log %s, want the failure", log)
	}
	if strings.Contains(log, "token-in-the-path") || strings.Contains(log, downURL) {
		t.Errorf("the log has the URL of the target: %s", log)
	}
}

// A target that fails for a day loses the alerts of that day, and no others.
func TestOldAlertsAreDropped(t *testing.T) {
	t.Parallel()
	b := open(t)
	hook, url := notifiertest.Webhook(t, "token-in-the-path")
	hook.Fail(true)
	if err := b.db.Notifications().SetTargets(t.Context(), nil, time.Now()); err != nil {
		t.Fatal(err)
	}
	n := b.start(target("hook", url))
	b.eventually("registered", func() bool {
		v, err := b.db.Inspect().Value(t.Context(), "SELECT count(*) FROM notification_targets")
		return err == nil && v == "1"
	})
	b.raise("ann")
	if _, err := b.db.Inspect().Conn().ExecContext(t.Context(), "UPDATE notifications SET at = '2026-01-01T00:00:00.000Z'"); err != nil {
		t.Fatal(err)
	}
	b.eventually("dropped", func() bool { return b.pending() == "0" })
	results := n.Counters()[0].(*prometheus.CounterVec)
	b.eventually("counted", func() bool { return testutil.ToFloat64(results.WithLabelValues("hook", "dropped")) == 1 })
	b.eventually("logged", func() bool { return strings.Contains(b.logged.String(), "notifications dropped") })
	hook.Fail(false)
	b.raise("bob")
	if got := hook.Wait(t, 1); len(got) != 1 || !strings.Contains(got[0], "user bob") {
		t.Errorf("got %q, want the later alert only", got)
	}
}

func TestURLsAreChecked(t *testing.T) {
	for url, want := range map[string]string{
		"hunter2-hunter2":                        "not a URL with a service and a host",
		"::hunter2-hunter2":                      "not a URL",
		"nosuch://hunter2-hunter2@host":          `"nosuch" is not a service; known: bark, discord,`,
		"logger://host":                          `"logger" is not a service`,
		"smtp://ops:hunter2-hunter2@host":        "smtp: fromAddress missing",
		"smtp://ops:hunter2-hunter2@host/?nix=1": "smtp: setting query parameter",
		"slack+https://hunter2-hunter2@host":     "slack takes no URL of another scheme",
		"telegram://hunter2-hunter2@telegram":    "telegram: ",
	} {
		_, err := notifier.Open(secret.New(url))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v, want %q without the secret", url, err, want)
		}
	}
	for _, url := range []string{
		"smtp://ops:hunter2-hunter2@host:587/?from=a@example.com&to=b@example.com,c@example.com",
		"generic+https://example.com/hooks/1?template=json", "generic://example.com", "ntfy://ntfy.sh/topic", "ntfy://user:pass@host/topic",
		"telegram://110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw1@telegram?chats=@channel",
		"slack://hook:T00000000-B00000000-abcdefghijklmnopqrstuvwx@webhook", "discord://token@123456789", "gotify://host/AzyoeNS.D4iJLVa",
		"matrix://user:hunter2-hunter2@matrix.example.com", "pushover://shoutrrr:token@user",
	} {
		if _, err := notifier.Open(secret.New(url)); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestErrorsOfServicesAreReported(t *testing.T) {
	_, url := notifiertest.Webhook(t, "token-in-the-path")
	err := notifier.Test(t.Context(), target("hook", strings.Replace(url, "token-in", "tokens-in", 1)))
	if err == nil || !strings.Contains(err.Error(), "500 Internal Server Error") || strings.Contains(err.Error(), "token") {
		t.Errorf("got %v", err)
	}
	if err := notifier.Test(t.Context(), target("hook", "generic+http://127.0.0.1:1/hooks/token-in-the-path")); err == nil ||
		!strings.Contains(err.Error(), "connection refused") || strings.Contains(err.Error(), "token") {
		t.Errorf("got %v", err)
	}
	mail, mailURL := notifiertest.Mail(t, "ops", "hunter2-hunter2")
	mail.Fail(true)
	if err := notifier.Test(t.Context(), target("mail", mailURL)); err == nil || !strings.Contains(err.Error(), "451") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v", err)
	}
}

func TestFilters(t *testing.T) {
	t.Parallel()
	b := open(t)
	hook, url := notifiertest.Webhook(t, "token-in-the-path")
	stale := target("hook", url)
	stale.Codes, stale.Providers = []clients.Code{"stale"}, []string{"mazda"}
	b.start(stale)
	b.eventually("registered", func() bool {
		v, err := b.db.Inspect().Value(t.Context(), "SELECT count(*) FROM notification_targets")
		return err == nil && v == "1"
	})
	b.raise("ann")
	for _, provider := range []string{"shell", "mazda"} {
		if _, err := b.db.Raise(t.Context(), alerts.Alert{Provider: provider, Code: "stale", Message: "m"}); err != nil {
			t.Fatal(err)
		}
	}
	if got := hook.Wait(t, 1); !strings.HasPrefix(got[0], "RAISED stale: mazda\n") {
		t.Errorf("got %q", got)
	}
	b.eventually("nothing else", func() bool { return b.pending() == "0" })
}

func TestTargetsAreReplaced(t *testing.T) {
	t.Parallel()
	b := open(t)
	removed, removedURL := notifiertest.Webhook(t, "removed")
	kept, keptURL := notifiertest.Webhook(t, "kept")
	moved, movedURL := notifiertest.Webhook(t, "moved")
	n := b.start(target("removed", removedURL), target("kept", keptURL), target("moved", removedURL))
	b.raise("ann")
	removed.Wait(t, 2) // to two targets
	kept.Wait(t, 1)
	b.eventually("recorded", func() bool { return b.pending() == "0" })
	n.Replace([]notifier.Target{target("kept", keptURL), target("moved", movedURL)})
	b.eventually("one is removed", func() bool {
		targets, err := b.db.Inspect().Value(b.t.Context(), "SELECT group_concat(target) FROM notification_targets")
		return err == nil && targets == "kept,moved"
	})
	b.raise("bob")
	kept.Wait(t, 2)
	moved.Wait(t, 1)
	if got := removed.Messages(); len(got) != 2 {
		t.Errorf("got %q by the removed target, want nothing further", got)
	}
}

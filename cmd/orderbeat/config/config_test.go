package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"orderbeat/auth/secret"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients"
	"orderbeat/clients/section"
	"orderbeat/cmd/orderbeat/config"
	"orderbeat/worker/bus"
)

// kinds has one kind of provider, which requires a bill-to and has three keys of its own.
var kinds = map[string]section.Kind{"michelin": {Open: openStandIn}}

func openStandIn(s section.Section) (clients.Provider, error) {
	own := struct {
		Scheme   string        `toml:"scheme"`
		Password secret.Secret `toml:"password"`
		TokenTTL time.Duration `toml:"token_ttl"`
	}{Scheme: "oauth2"}
	errs := []error{s.Decode(&own)}
	if own.Scheme != "oauth2" {
		errs = append(errs, &section.ConfigError{Key: "scheme", Message: `only "oauth2"`})
	}
	for i, a := range s.Accounts {
		if a.BillTo == "" {
			errs = append(errs, &section.ConfigError{Key: "accounts[" + string(rune('0'+i)) + "].bill_to", Message: "is missing"})
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return standIn{}, nil
}

type standIn struct{ clients.Provider }

func (standIn) Traits() clients.Traits {
	return clients.Traits{MaxWindowDays: 90, MaxReferences: 50}
}
func (standIn) BaseURL() string { return "https://api.example.com" }

// least is a minimal configuration.
const least = `[providers.michelin]
kind = "michelin"
[[providers.michelin.accounts]]
name = "detroit"
bill_to = "1111111"
`

// write writes a configuration into a new folder.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// env is an environment with only the given variables.
func env(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

// load loads a valid text.
func load(t *testing.T, text string, pairs ...string) *config.Config {
	t.Helper()
	c, err := config.Load(write(t, text), kinds, env(pairs...))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDefaults(t *testing.T) {
	c := load(t, least)
	dir := filepath.Dir(c.Path)
	wantNATS := bus.Config{
		Listen: "127.0.0.1:4222", Store: filepath.Join(dir, "data/nats"), SyncAlways: true,
		MaxPayload: 8 << 20, Prefix: "orderbeat", Replicas: 1, PasswordFile: filepath.Join(dir, "data/nats-password"),
	}
	if diff := cmp.Diff(wantNATS, c.NATS); diff != "" {
		t.Errorf("nats (-want +got):\n%s", diff)
	}
	for _, check := range []struct {
		key       string
		got, want any
	}{
		{"db.path", c.DB.Path, filepath.Join(dir, "data/orderbeat.db")},
		{"db.synchronous", c.DB.Synchronous, "full"},
		{"worker.concurrency", c.Worker.Concurrency, 32},
		{"worker.drain", c.Worker.Drain, 30 * time.Second},
		{"worker.queue_alert", c.Worker.QueueAlert, 15 * time.Minute},
		{"web.listen", c.Web.Listen, "127.0.0.1:8321"},
		{"log", c.Log, config.Log{Level: "info", Format: "auto"}},
	} {
		if diff := cmp.Diff(check.want, check.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", check.key, diff)
		}
	}
	if c.Sandbox != nil {
		t.Errorf("sandbox: got %+v, want none without its section", *c.Sandbox)
	}
	wantProvider := section.Config{
		Name: "michelin", Kind: "michelin", Environment: "sandbox", Concurrency: 4,
		Rate: clients.Rate{Calls: 10, Per: time.Second}, TokenRate: clients.Rate{Calls: 5, Per: time.Second},
		Retry: clients.Retry{Attempts: 8, For: 6 * time.Hour}, Timeout: 30 * time.Second, MaxBody: 32 << 20, MaxConnAge: 5 * time.Minute,
		Accounts: []clients.Account{{Name: "detroit", BillTo: "1111111", Location: time.UTC}},
	}
	sameZone := cmp.Comparer(func(a, b *time.Location) bool { return a.String() == b.String() })
	sameSecret := cmp.Comparer(func(a, b secret.Secret) bool { return a == b })
	if diff := cmp.Diff(wantProvider, c.Providers[0].Config, sameZone, sameSecret); diff != "" {
		t.Errorf("provider (-want +got):\n%s", diff)
	}
}

func TestEveryTypeOfValueIsDecoded(t *testing.T) {
	c := load(t, `
sandbox = { listen = "localhost:0", day = "1m30s" }
[nats]
url = ["nats://one:4222", "tls://two:4222"]
sync = "2m"
max_payload = 65536
replicas = 3
[web]
listen = ""
[providers.michelin]
kind = "michelin"
rate = "600/m"
retry.attempts = 3
max_body = "64KB"
fresh_for = "2d"
token_ttl = "90m"
accounts = [
  { name = "detroit, \"east\"", bill_to = "1", timezone = "America/Detroit" },
]
[[schedules]]
name = "nightly"
cron = "30 2 * * *"
timezone = "America/Detroit"
provider = "michelin"
kind = "sync"
params = { from = 2026-01-01, to = "2026-01-31" }
accounts = ["detroit, \"east\""]
jitter = "1m"
`)
	if got, want := c.NATS.URL, "nats://one:4222,tls://two:4222"; got != want {
		t.Errorf("nats.url: got %q, want %q", got, want)
	}
	if c.NATS.SyncAlways || c.NATS.SyncEvery != 2*time.Minute || c.NATS.MaxPayload != 64<<10 || c.NATS.Replicas != 3 {
		t.Errorf("nats: got %+v", c.NATS)
	}
	if c.Sandbox == nil || c.Sandbox.Day != 90*time.Second {
		t.Errorf("sandbox: got %+v, want a day of 90s", c.Sandbox)
	}
	if c.Web.Listen != "" {
		t.Errorf("web.listen: got %q, want none", c.Web.Listen)
	}
	p := c.Providers[0]
	if p.Retry != (clients.Retry{Attempts: 3, For: 6 * time.Hour}) || p.MaxBody != 64<<10 || p.FreshFor != 48*time.Hour || p.Rate.String() != "600/m" {
		t.Errorf("provider: got %+v, want the default of retry.for kept", p.Config)
	}
	if p.Origin != "https://api.example.com" {
		t.Errorf("origin: got %q, want what the provider tells", p.Origin)
	}
	s := c.Schedules[0]
	if got, want := string(s.Params), `{"from":"2026-01-01","to":"2026-01-31"}`; got != want {
		t.Errorf("params: got %s, want %s", got, want)
	}
	due := s.Due(time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC), 1)
	if got, want := due[0].Format(time.RFC3339), "2026-07-02T02:30:00-04:00"; got != want {
		t.Errorf("due: got %s, want %s", got, want)
	}
}

func TestProvidersAreOpenedWithTheirDeps(t *testing.T) {
	var seen []section.Sandbox
	spy := map[string]section.Kind{"michelin": {Open: func(s section.Section) (clients.Provider, error) {
		seen = append(seen, s.Sandbox)
		return openStandIn(s)
	}}}
	c, err := config.Load(write(t, "[sandbox]\nlisten = \"127.0.0.1:0\"\n"+least), spy, env())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Providers[0].Open(config.ProviderDeps{SandboxURL: "http://127.0.0.1:4711"}); err != nil {
		t.Fatal(err)
	}
	want := []string{"http://127.0.0.1:0", "http://127.0.0.1:4711"}
	got := []string{seen[0].URL, seen[1].URL}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sandbox (-want +got):\n%s", diff)
	}
}

func TestLoadPartIgnoresErrorsElsewhere(t *testing.T) {
	path := write(t, "[db]\npath = \"x.db\"\n[nats]\nurl = 3\n[providers.michelin]\nclient_secret = \"env:UNSET\"\nspeed = 3\n")
	c, err := config.LoadPart(path, env(), "db")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.DB.Path, filepath.Join(filepath.Dir(path), "x.db"); got != want {
		t.Errorf("db.path: got %s, want %s", got, want)
	}
	if _, err = config.LoadPart(path, env(), "nats"); err == nil || !strings.Contains(err.Error(), ":4:1: nats.url: want a URL") {
		t.Errorf("got %v, want the mistake in [nats]", err)
	}
}

func TestFind(t *testing.T) {
	t.Chdir(t.TempDir())
	_, err := config.Find("", env())
	if err == nil || !strings.Contains(err.Error(), "`orderbeat init` writes one") {
		t.Errorf("nowhere: got %v, want how to name one", err)
	}
	if err := os.WriteFile("config.toml", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, flag, variable, want string }{
		{"the working folder's is found", "", "", "config.toml"},
		{"the variable goes before it", "", "/etc/b.toml", "/etc/b.toml"},
		{"the flag goes before both", "a.toml", "/etc/b.toml", "a.toml"},
	} {
		if got, err := config.Find(test.flag, env("ORDERBEAT_CONFIG", test.variable)); err != nil || got != test.want {
			t.Errorf("%s: got %q, %v, want %q", test.name, got, err, test.want)
		}
	}
}

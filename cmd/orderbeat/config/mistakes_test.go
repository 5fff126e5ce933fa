package config_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients"
	"orderbeat/clients/section"
	"orderbeat/cmd/orderbeat/config"
	"orderbeat/cmd/orderbeat/config/tomlfile"
)

// told returns the mistakes of a load, as "line:column key: message".
func told(t *testing.T, text string) []string {
	t.Helper()
	_, err := config.Load(write(t, text), kinds, env())
	var all []string
	for _, e := range flat(err) {
		m, ok := errors.AsType[*tomlfile.Error](e)
		if !ok {
			t.Fatalf("%v is a %T, want a *tomlfile.Error", e, e)
		}
		all = append(all, fmt.Sprintf("%d:%d %s: %s", m.Line, m.Column, m.Key, m.Message))
	}
	return all
}

func flat(err error) []error {
	if err == nil {
		return nil
	}
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		return several.Unwrap()
	}
	return []error{err}
}

// Every text is put after least, whose five lines end within the first account;
// so "6" is the text's first line.
func TestConfigurationErrors(t *testing.T) {
	schedule := func(more string) string {
		return "[[schedules]]\nname = \"s\"\nprovider = \"michelin\"\nkind = \"sync\"\n" + more
	}
	for _, test := range []struct{ name, text, want string }{
		{"an unknown key of a section, with the likely one", "[nats]\nlisen = \"x\"", `7:1 nats.lisen: unknown key; did you mean "listen"? known: url, listen, store,`},
		{"an unknown key like no other", "[db]\nzzzzzz = 1", "7:1 db.zzzzzz: unknown key; known: path, synchronous"},
		{"an unknown section", "[workers]\nx = 1", `6:2 workers: unknown key; did you mean "worker"?`},
		{"an unknown key of an account", "shipto = \"x\"", `6:1 providers.michelin.accounts[0].shipto: unknown key; did you mean "ship_to"?`},
		{"an unknown key that neither frame nor kind knows", "[providers.michelin.tokenttl]", `6:21 providers.michelin.tokenttl: unknown key; did you mean "token_ttl"?`},
		{"an unknown key in an inline table", "[providers.other]\nkind = \"michelin\"\nretry = { attempts = 3,\n  from = 2 }", `9:3 providers.other.retry.from: unknown key; did you mean "for"?`},
		{"an unknown table of a later account", "[[providers.michelin.accounts]]\nname = \"toledo\"\nbill_to = \"2\"\n[providers.michelin.accounts.extra]\nx = 1", `9:30 providers.michelin.accounts[1].extra: unknown key`},
		{"an unknown key of a schedule", schedule("cron = \"@hourly\"\ncrn = 1"), `11:1 schedules[0].crn: unknown key; did you mean "cron"?`},
		{"a number where a text belongs", "[db]\npath = 3", "7:1 db.path: want a string in quotes, got the number 3"},
		{"a text where a number belongs", "[worker]\nconcurrency = \"many\"", "7:1 worker.concurrency: want a whole number, got a string"},
		{"a fraction where a whole number belongs", "[worker]\nconcurrency = 1.5", "7:1 worker.concurrency: want a whole number, got the number 1.5"},
		{"a text where a switch belongs", schedule("cron = \"@hourly\"\nat_start = \"yes\""), "11:1 schedules[0].at_start: want true or false, got a string"},
		{"a value where a table belongs", "[providers]\nother = 1", "7:1 providers.other: want a table, got the number 1"},
		{"a value where a section belongs", "[providers.other]\nkind = \"michelin\"\nretry = 3", "8:1 providers.other.retry: want a table, got the number 3"},
		{"a value where a list belongs", schedule("cron = \"@hourly\"\naccounts = \"detroit\""), "11:1 schedules[0].accounts: want a list, got a string"},
		{"a wrong element of a list", schedule("cron = \"@hourly\"\naccounts = [\n\"detroit\",\n7]"), "13:1 schedules[0].accounts[1]: want a string in quotes, got the number 7"},
		{"a number instead of a duration", "[worker]\ndrain = 30", `7:1 worker.drain: want a duration like "30s" or "14d", got the number 30`},
		{"an invalid duration", "[worker]\ndrain = \"soon\"", `7:1 worker.drain: "soon" is not a duration`},
		{"a date where a text belongs", "[log]\nlevel = 2026-01-01", "7:1 log.level: want a string in quotes, got a date or time"},
		{"no rate", "[providers.other]\nkind = \"michelin\"\nrate = \"fast\"", `8:1 providers.other.rate: "fast" is not a rate: write calls per second`},
		{"no size", "[nats]\nmax_payload = \"8 parsecs\"", `7:1 nats.max_payload: "8 parsecs" is not a number of bytes`},
		{"a size without a unit", "[nats]\nmax_payload = \"8\"", `7:1 nats.max_payload: "8" is not a number of bytes`},
		{"a size below nothing", "[nats]\nmax_payload = \"-8MB\"", `7:1 nats.max_payload: "-8MB" is not a number of bytes`},
		{"a size beyond all numbers", "[nats]\nmax_payload = \"9999999999999GB\"", `7:1 nats.max_payload: "9999999999999GB" is not a number of bytes`},
		{"a size out of bounds", "[nats]\nmax_payload = \"1GB\"", `7:1 nats.max_payload: want "64KB" to "64MB"`},
		{"messages too small for events", "[nats]\nmax_payload = 65535", `7:1 nats.max_payload: want "64KB" to "64MB"`},
		{"a NATS URL of another scheme", "[nats]\nurl = \"http://host\"", "7:1 nats.url: number 1 is not the URL of a NATS server"},
		{"a NATS URL in a list", "[nats]\nurl = [\"nats://a\", 3]", `7:1 nats.url: want texts like "nats://host:4222" in the list, got the number 3`},
		{"a NATS URL with credentials in it", "[nats]\nurl = \"nats://me:canary@host\"", "7:1 nats.url: number 1 has credentials in it: use nats.auth"},
		{"no sync", "[nats]\nsync = \"never\"", `7:1 nats.sync: "never": want "always", or a duration`},
		{"a prefix of two tokens", "[nats]\nprefix = \"a.b\"", `7:1 nats.prefix: "a.b" is not a single token of a subject`},
		{"too many replicas", "[nats]\nurl = \"nats://h\"\nreplicas = 9", "8:1 nats.replicas: want 1 to 5, got 9"},
		{"replicas of the embedded server", "[nats]\nreplicas = 3", "7:1 nats.replicas: applies only to an external NATS server"},
		{"a file that is not there", "[nats]\nurl = \"nats://h\"\ncreds = \"/nowhere/x\"", "8:1 nats.creds: cannot find /nowhere/x: no such file or directory"},
		{"an nkey in the file itself", "[nats]\nurl = \"nats://h\"\nnkey = \"SUcanary\"", `8:1 nats.nkey: want "file:PATH", a file with the seed`},
		{"a certificate without its key", "[nats]\nurl = \"nats://h\"\ntls = { cert = \"/dev/null\" }", "8:1 nats.tls: cert and key must be set together"},
		{"no address", "[nats]\nlisten = \"4222\"", `7:1 nats.listen: "4222" is not an address`},
		{"an empty path", "[db]\npath = \"\"", "7:1 db.path: is empty"},
		{"not one of the words", "[db]\nsynchronous = \"off\"", `7:1 db.synchronous: "off" is not one of full, normal`},
		{"no log level", "[log]\nlevel = \"loud\"", `7:1 log.level: "loud" is not one of debug, info, warn, error`},
		{"an unknown role", "[worker]\nrole = \"fetcher\"", `7:1 worker.role: "fetcher" is not one of all, store, fetch`},
		{"a fetcher of its own NATS", "[worker]\nrole = \"fetch\"", `7:1 worker.role: "fetch" takes jobs from other processes: set nats.url to the NATS that they use`},
		{"no jobs at once", "[worker]\nconcurrency = 0", "7:1 worker.concurrency: want 1 to 10000 jobs at once, got 0"},
		{"snapshots all the time", "[worker]\nsnapshot_every = \"1s\"", "7:1 worker.snapshot_every: want 1m to 7d, or 0s for no snapshots, got 1s"},
		{"a queue alert at once", "[worker]\nqueue_alert = \"1s\"", "7:1 worker.queue_alert: want 1m to 7d, or 0s for never, got 1s"},
		{"a drain that never ends", "[worker]\ndrain = \"2d\"", "7:1 worker.drain: want 1s to 1h, got 48h0m0s"},
		{"a negative retention", "[db]\nretention = { jobs = \"-90d\" }", "7:15 db.retention.jobs: must be 0s (no limit) or at least 1d, got -2160h0m0s"},
		{"a size of exchanges that is too small", "[db]\nretention = { exchanges_size = \"1KB\" }", `7:15 db.retention.exchanges_size: want "1MB" or more, or 0 for no bound`},
		{"a retention that is too short", "[db]\nretention = { events = \"23h\" }", "7:15 db.retention.events: must be 0s (no limit) or at least 1d, got 23h0m0s"},
		{"a literal sealing key", "[worker]\nkey = \"canary\"", `7:1 worker.key: want "file:PATH"`},
		{"an unknown priority", schedule("cron = \"@hourly\"\npriority = \"high\""), `11:1 schedules[0].priority: "high" is not one of normal, low`},
		{"a sealing key that is not there", "[worker]\nkey = \"file:/nowhere/key\"", "7:1 worker.key: cannot read /nowhere/key: no such file or directory: restore it, or create one"},
		{"a sealing key that is none", "[worker]\nkey = \"file:/dev/null\"", "7:1 worker.key: "},
		{"a user without a password", "[web]\nauth = { user = \"ops\" }", "7:1 web.auth: user and password must be set together"},
		{"a literal password", "[web]\nauth = { user = \"ops\", password = \"canary\" }", "7:24 web.auth.password: secrets must not be in the file"},
		{"a user's name that cannot be sent", "[web]\nauth = { user = \"o:ps\", password = \"env:PASSWORD\" }", "7:10 web.auth.user: must not contain a colon"},
		{"a reader without an operator", "[web]\nauth_readonly = { user = \"guest\", password = \"env:PASSWORD\" }", "7:1 web.auth_readonly: requires web.auth"},
		{"a reader with the operator's name", "[web]\nauth = { user = \"ops\", password = \"env:PASSWORD\" }\nauth_readonly = { user = \"ops\", password = \"env:PASSWORD\" }", "8:19 web.auth_readonly.user: must differ"},
		{"a reader without a password", "[web]\nauth = { user = \"ops\", password = \"env:PASSWORD\" }\nauth_readonly = { user = \"guest\" }", "8:1 web.auth_readonly: user and password must be set together"},
		{"a web certificate without its key", "[web]\ntls = { cert = \"/dev/null\" }", "7:1 web.tls: cert and key must be set together"},
		{"a web certificate that is none", "[web]\ntls = { cert = \"/dev/null\", key = \"/dev/null\" }", "7:1 web.tls: is not a certificate with its key: failed to find any PEM data"},
		{"an external URL that is none", "[web]\nexternal_url = \"x.example.com\"", "7:1 web.external_url: is not a URL"},
		{"an external URL with a query", "[web]\nexternal_url = \"https://x.example.com/?a=b\"", "7:1 web.external_url: must have only a scheme, a host and a path"},
		{"an external URL that everybody reads", "[web]\nexternal_url = \"http://x.example.com\"", "7:1 web.external_url: must be https"},
		{"an external URL by name", "[web]\nexternal_url = \"http://localhost:8321\"", `7:1 web.external_url: must use "127.0.0.1" or "[::1]" instead of "localhost"`},
		{"a web listener for everybody", "[web]\nlisten = \"0.0.0.0:8321\"", `7:1 web.listen: "0.0.0.0:8321" can be reached from other machines: set web.auth`},
		{"a web listener for every interface", "[web]\nlisten = \":8321\"", `7:1 web.listen: ":8321" can be reached from other machines: set web.auth`},
		{"a password that everybody reads", "[web]\nlisten = \"[::]:8321\"\nauth = { user = \"ops\", password = \"env:PASSWORD\" }", `7:1 web.listen: "[::]:8321" can be reached from other machines, and over plain http the password would be readable`},
		{"a password that everybody reads behind a plain proxy", "[web]\nlisten = \"[::]:8321\"\nexternal_url = \"http://127.0.0.1:80\"\nauth = { user = \"ops\", password = \"env:PASSWORD\" }", `7:1 web.listen: "[::]:8321" can be reached from other machines, and over plain http`},
		{"a sandbox for everybody", "[sandbox]\nlisten = \"192.0.2.1:1\"", "7:1 sandbox.listen: \"192.0.2.1:1\" can be reached"},
		{"a sandbox without an address", "[sandbox]\nlisten = \"\"", `7:1 sandbox.listen: "" is not an address`},
		{"a day of no length", "[sandbox]\nday = \"0s\"", "7:1 sandbox.day: want 1s or more, got 0s"},
		{"a kind of provider that is not there yet", "[providers.other]\nkind = \"ptv\"", `7:1 providers.other.kind: "ptv" is not a kind of provider; known kinds: michelin`},
		{"a provider without a kind", "[providers.other]", `6:12 providers.other.kind: "" is not a kind of provider`},
		{"a provider's name that is no token", "[providers.\"a.b\"]\nkind = \"michelin\"", "6:12 providers.\"a.b\": a provider's name is up to 64 letters"},
		{"an account's name twice", "[[providers.michelin.accounts]]\nname = \"detroit\"\nbill_to = \"2\"", `7:1 providers.michelin.accounts[1].name: "detroit" is already the name of providers.michelin.accounts[0]`},
		{"an account without a name", "[[providers.michelin.accounts]]\nbill_to = \"2\"", "6:22 providers.michelin.accounts[1].name: is missing"},
		{"an account with a blank name", "[[providers.michelin.accounts]]\nname = \" \"\nbill_to = \"2\"", "7:1 providers.michelin.accounts[1].name: is missing"},
		{"an account with a long name", "[[providers.michelin.accounts]]\nname = \"" + strings.Repeat("ä", 65) + "\"\nbill_to = \"2\"", "7:1 providers.michelin.accounts[1].name: is longer than 64 characters"},
		{"an account that the kind finds wanting", "[[providers.michelin.accounts]]\nname = \"toledo\"", "6:22 providers.michelin.accounts[1].bill_to: is missing"},
		{"no zone", "timezone = \"Detroit\"", `6:1 providers.michelin.accounts[0].timezone: "Detroit" is not a time zone`},
		{"the machine's own zone", "timezone = \"Local\"", `6:1 providers.michelin.accounts[0].timezone: "Local" is not a time zone`},
		{"a schedule without a spec", schedule(""), "6:3 schedules[0].cron: is missing"},
		{"a spec of six fields", schedule("cron = \"0 */15 * * * *\""), `10:1 schedules[0].cron: "0 */15 * * * *" is not a cron spec: want 5 fields, got 6`},
		{"a spec with a zone", schedule("cron = \"TZ=UTC\""), `10:1 schedules[0].cron: "TZ=UTC": the zone goes into the key timezone`},
		{"a spec that never comes", schedule("cron = \"0 0 31 2 *\""), `10:1 schedules[0].cron: "0 0 31 2 *" is never due`},
		{"a spec faster than a second", schedule("cron = \"@every 500ms\""), `10:1 schedules[0].cron: "@every 500ms": write "@every" and whole seconds`},
		{"a spec of a part of a second", schedule("cron = \"@every 1500ms\""), `10:1 schedules[0].cron: "@every 1500ms": write "@every" and whole seconds`},
		{"a schedule's name twice", schedule("cron = \"@hourly\"\n") + schedule("cron = \"@daily\""), `12:1 schedules[1].name: "s" is already the name of schedules[0]`},
		{"an unknown zone of a schedule", schedule("cron = \"@hourly\"\ntimezone = \"Mars\""), `11:1 schedules[0].timezone: "Mars" is not a time zone`},
		{"an unknown provider of a schedule", "[[schedules]]\nname = \"s\"\ncron = \"@hourly\"\nprovider = \"shell\"\nkind = \"sync\"", `9:1 schedules[0].provider: "shell" is not configured; configured: michelin`},
		{"an unknown kind of run", "[[schedules]]\nname = \"s\"\ncron = \"@hourly\"\nprovider = \"michelin\"\nkind = \"synch\"", `10:1 schedules[0].kind: "synch" is not a kind of run; known kinds: backfill, check, despatch, fetch, invoice, remap, sync, track`},
		{"an unknown account of a schedule", schedule("cron = \"@hourly\"\naccounts = [\"paris\"]"), `11:13 schedules[0].accounts[0]: "paris" is not an account of michelin`},
		{"params that the kind refuses", schedule("cron = \"@hourly\"\nparams = { lookback = \"a while\" }"), `11:1 schedules[0].params: lookback "a while" is not a duration`},
		{"params that the kind does not know", schedule("cron = \"@hourly\"\nparams = { lookbak = \"14d\" }"), `11:12 schedules[0].params.lookbak: unknown field "lookbak"; known params: lookback`},
		{"an unknown overlap", schedule("cron = \"@hourly\"\noverlap = \"wait\""), `11:1 schedules[0].overlap: "wait" is not one of skip, queue_one, allow`},
		{"an unknown catch_up", schedule("cron = \"@hourly\"\ncatch_up = \"some\""), `11:1 schedules[0].catch_up: "some" is not one of none, last, all`},
		{"an unknown dst", schedule("cron = \"@hourly\"\ndst = \"twice\""), `11:1 schedules[0].dst: "twice" is not one of once, strict`},
		{"a negative jitter", schedule("cron = \"@hourly\"\njitter = \"-1s\""), "11:1 schedules[0].jitter: want 0s or more, got -1s"},
		{"a negative pause_after", schedule("cron = \"@hourly\"\npause_after = -1"), "11:1 schedules[0].pause_after: want 0 (never) to 1000 failed runs, got -1"},
		{"no TOML", "x = \"open", "6:10 : "},
		{"a key twice", "bill_to = \"2\"", "6:1 : key bill_to is already defined"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := told(t, least+test.text+"\n")
			if len(got) == 0 || !strings.HasPrefix(got[0], test.want) && !contains(got, test.want) {
				t.Fatalf("got  %q\nwant one that begins %q", got, test.want)
			}
			if strings.Contains(strings.Join(got, ""), "canary") {
				t.Errorf("got %q, which repeats a secret", got)
			}
		})
	}
}

func contains(all []string, prefix string) bool {
	for _, s := range all {
		if strings.HasPrefix(s, prefix) {
			return true
		}
	}
	return false
}

func TestMistakesAreReportedInTheOrderOfTheFile(t *testing.T) {
	path := write(t, `[worker]
drain = "soon"
role = "stores"

[providers.michelin]
kind = "michelin"
rate = "fast"
scheme = "magic"
pasword = "env:X"

[[providers.michelin.accounts]]
name = "detroit"

[[schedules]]
name = "s"
cron = "* * *"
provider = "michelin"
kind = "sync"
`)
	_, err := config.Load(path, kinds, env())
	if err == nil {
		t.Fatal("got no error")
	}
	want := `config.toml:2:1: worker.drain: "soon" is not a duration: write it like "30s", "15m", "6h" or "14d"
config.toml:3:1: worker.role: "stores" is not one of all, store, fetch
config.toml:7:1: providers.michelin.rate: "fast" is not a rate: write calls per second, minute or hour, like "10/s", "600/m" or "1000/h"
config.toml:8:1: providers.michelin.scheme: only "oauth2"
config.toml:9:1: providers.michelin.pasword: unknown key; did you mean "password"? known: kind, environment, base_url, token_url, allow_insecure_http, client_id, client_secret, client_secret_next, concurrency, rate, token_rate, retry, timeout, max_conn_age, tls, proxy, max_body, fresh_for, accounts, scheme, password, token_ttl
config.toml:11:22: providers.michelin.accounts[0].bill_to: is missing
config.toml:16:1: schedules[0].cron: "* * *" is not a cron spec: want 5 fields, got 3: write minute, hour, day, month and weekday, like "*/15 * * * *", or "@every 10m", "@hourly", "@daily"`
	got := strings.ReplaceAll(err.Error(), filepath.Dir(path)+"/", "")
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("mistakes (-want +got):\n%s", diff)
	}
}

func TestMissingFile(t *testing.T) {
	_, err := config.Load(filepath.Join(t.TempDir(), "none.toml"), kinds, env())
	if err == nil || !strings.HasSuffix(err.Error(), "none.toml: cannot read the configuration: no such file or directory") {
		t.Errorf("got %v", err)
	}
}

func TestConfigurationWithoutProviders(t *testing.T) {
	got := told(t, "[log]\n")
	want := []string{"0:0 providers: no provider is configured: add a section [providers.<name>]"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("mistakes (-want +got):\n%s", diff)
	}
}

func TestKindWithoutKeysIsStrictToo(t *testing.T) {
	plain := map[string]section.Kind{"michelin": {Open: func(section.Section) (clients.Provider, error) { return standIn{}, nil }}}
	_, err := config.Load(write(t, strings.Replace(least, "[[", "speed = 3\n[[", 1)), plain, env())
	if err == nil || !strings.Contains(err.Error(), ":3:1: providers.michelin.speed: unknown key; known: kind, ") {
		t.Errorf("got %v", err)
	}
}

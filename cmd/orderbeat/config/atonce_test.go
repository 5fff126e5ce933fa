package config_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients/michelin"
	"orderbeat/clients/section"
	"orderbeat/cmd/orderbeat/config"
	"orderbeat/cmd/orderbeat/config/tomlfile"
)

// TestAllErrorsAreReportedAtOnce has mistakes that could hide each other.
func TestAllErrorsAreReportedAtOnce(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"a provider and its schedules": {`[providers.michelin]
kind = "michelin"
environment = "prod"
base_url = "http://api.michelin.com"
client_id = "env:UNSET"
client_secret = "env:UNSET"
concurrency = -1
timeout = "-3s"
retry.attempts = 0
request = "soap"
[[providers.michelin.accounts]]
name = "detroit"
bill_to = "x"

[[schedules]]
name = "a"
cron = "* * *"
timezone = "Mars"
provider = "michelin"
kind = "sync"
accounts = ["paris", "detroit", "rome"]
params = { lookbak = "14d", fro = "2026-01-01", lookback = "a while" }
[[schedules]]
name = "b"
cron = "@hourly"
provider = "shell"
kind = "sync"
params = { lookbak = "14d" }
`, []string{
			"3:1 providers.michelin.environment", "4:1 providers.michelin.base_url", "5:1 providers.michelin.client_id",
			"6:1 providers.michelin.client_secret", "7:1 providers.michelin.concurrency", "8:1 providers.michelin.timeout",
			"9:7 providers.michelin.retry.attempts", "10:1 providers.michelin.request", "13:1 providers.michelin.accounts[0].bill_to",
			"17:1 schedules[0].cron", "18:1 schedules[0].timezone", "21:13 schedules[0].accounts[0]", "21:33 schedules[0].accounts[2]",
			"22:1 schedules[0].params", "22:12 schedules[0].params.lookbak", "22:29 schedules[0].params.fro",
			"26:1 schedules[1].provider", "28:12 schedules[1].params.lookbak",
		}},
		"providers of which little is known": {`[sandbox]
listen = "0.0.0.0:8322"
[providers.gone]
kind = "michelina"
token_url = "ftp://x"
max_body = 0
fresh_for = "59s"
token_rate = "5/s"
accounts = [{ name = "detroit", timezone = "Detroit" }, { name = "detroit" }]
[providers."not a name"]
kind = "michelin"
concurrency = 0
accounts = [{ name = "toledo", bill_to = "1" }]
[providers.sandboxed]
kind = "michelin"
rate = "0/s"
accounts = 3

[[schedules]]
name = "a"
cron = "@hourly"
provider = "gone"
kind = "synch"
accounts = ["paris"]
[[schedules]]
name = "b"
cron = "@hourly"
provider = "not a name"
kind = "fetch"
accounts = ["paris"]
params = { order_id = ["1"] }
[[schedules]]
name = "c"
cron = "@hourly"
provider = "sandboxed"
kind = "fetch"
accounts = ["any"]
params = { references = ["1"] }
`, []string{
			"2:1 sandbox.listen", "4:1 providers.gone.kind", "5:1 providers.gone.token_url", "6:1 providers.gone.max_body", "7:1 providers.gone.fresh_for",
			"9:33 providers.gone.accounts[0].timezone", "9:59 providers.gone.accounts[1].name", `10:12 providers."not a name"`,
			`12:1 providers."not a name".concurrency`, "16:1 providers.sandboxed.rate", "17:1 providers.sandboxed.accounts",
			"23:1 schedules[0].kind", "24:13 schedules[0].accounts[0]", "30:13 schedules[1].accounts[0]",
			"31:12 schedules[1].params.order_id",
		}},
		"a sandbox that does not run, and the other sections": {`[nats]
url = ["http://a", "nats://b", "nats://me:canary@c"]
creds = "/nowhere/creds"
replicas = 3
[db]
retention = { jobs = "-90d", events = "-1d" }
[providers.michelin]
kind = "michelin"
concurrency = 0
token_url = "ftp://x"
accounts = [{ name = "" }]
client_id = "env:UNSET"

[[schedules]]
name = "a"
cron = "@hourly"
provider = "michelin"
kind = "sync"
accounts = ["any"]
params = { from = "2026-02-01", to = "2026-01-01" }
overlap = "wait"
`, []string{
			"2:1 nats.url", "3:1 nats.creds", "6:15 db.retention.jobs", "6:30 db.retention.events",
			"7:12 providers.michelin.client_secret", "7:12 providers.michelin.environment", "9:1 providers.michelin.concurrency",
			"10:1 providers.michelin.token_url", "11:13 providers.michelin.accounts[0].bill_to",
			"11:15 providers.michelin.accounts[0].name", "12:1 providers.michelin.client_id", "20:1 schedules[0].params",
			"21:1 schedules[0].overlap",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := config.Load(write(t, test.text), map[string]section.Kind{"michelin": {Open: michelin.Open}}, env())
			var got []string
			for _, e := range flat(err) {
				if m, ok := errors.AsType[*tomlfile.Error](e); ok {
					got = append(got, fmt.Sprintf("%d:%d %s", m.Line, m.Column, m.Key))
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("mistakes (-want +got):\n%s\n%v", diff, err)
			}
		})
	}
}

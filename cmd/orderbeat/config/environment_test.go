package config_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/cmd/orderbeat/config"
)

func TestEnvironmentOverridesTheFile(t *testing.T) {
	text := least + "[log]\nlevel = \"warn\"\nformat = \"json\"\n[db]\npath = \"file.db\"\n"
	c := load(t, text,
		"ORDERBEAT_LOG_LEVEL", "debug", "ORDERBEAT_DB_PATH", "/srv/x.db", "ORDERBEAT_NATS_URL", "nats://a:4222,nats://b:4222",
		"ORDERBEAT_WORKER_CONCURRENCY", "7", "ORDERBEAT_WORKER_DRAIN", "90s", "ORDERBEAT_DB_RETENTION_JOBS", "30d",
		"ORDERBEAT_DB_RETENTION_EXCHANGES_SIZE", "2GB", "ORDERBEAT_NATS_SYNC", "2m", "ORDERBEAT_WEB_LISTEN", "",
	)
	if c.Log.Level != "debug" || c.Log.Format != "json" || c.DB.Path != "/srv/x.db" || c.NATS.URL != "nats://a:4222,nats://b:4222" ||
		c.Worker.Concurrency != 7 || c.Worker.Drain != 90*time.Second || c.DB.Retention.Jobs != 30*24*time.Hour ||
		c.DB.Retention.ExchangesSize != 2<<30 || c.NATS.SyncEvery != 2*time.Minute || c.Web.Listen != "127.0.0.1:8321" {
		t.Errorf("got %+v", c)
	}
	path := write(t, text)
	part, err := config.LoadPart(path, env("ORDERBEAT_DB_PATH", "other.db"), "db")
	if want := filepath.Join(filepath.Dir(path), "other.db"); err != nil || part.DB.Path != want {
		t.Errorf("a part: got %v, want %s, relative to the file", err, want)
	}
}

func TestEnvironmentErrorsNameTheVariable(t *testing.T) {
	for name, test := range map[string]struct{ value, want string }{
		"ORDERBEAT_LOG_LEVEL":          {"loud", `ORDERBEAT_LOG_LEVEL: log.level: "loud" is not one of debug, info, warn, error`},
		"ORDERBEAT_WORKER_CONCURRENCY": {"many", `ORDERBEAT_WORKER_CONCURRENCY: worker.concurrency: want a whole number, got a string`},
		"ORDERBEAT_WORKER_DRAIN":       {"soon", `ORDERBEAT_WORKER_DRAIN: worker.drain: "soon" is not a duration`},
		"ORDERBEAT_DB_PATH":            {"env:X", `ORDERBEAT_DB_PATH: db.path: "env:X" is a reference to a secret`},
		"ORDERBEAT_DB_RETENTION_JOBS":  {"1s", `ORDERBEAT_DB_RETENTION_JOBS: db.retention.jobs: `},
		"ORDERBEAT_SANDBOX_DAY":        {"5s", `ORDERBEAT_SANDBOX_DAY: sandbox.day: has no effect: the file has no section [sandbox]`},
	} {
		_, err := config.Load(write(t, least), kinds, env(name, test.value))
		if err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%s=%s: got %v, want %s", name, test.value, err, test.want)
		}
	}
}

func TestUnknownVariablesAreReported(t *testing.T) {
	c := load(t, least+"[web]\nauth = { user = \"ops\", password = \"env:ORDERBEAT_WEB_AUTH_PASSWORD\" }\n", "ORDERBEAT_WEB_AUTH_PASSWORD", "secret")
	got := c.UnknownVariables([]string{
		"PATH=/bin", "ORDERBEAT_CONFIG=x", "ORDERBEAT_DB_PATH=x", "ORDERBEAT_WEB_AUTH_PASSWORD=secret",
		"ORDERBEAT_DB_PTH=x", "ORDERBEAT_NATS_AUTH_TOKEN=x",
	})
	want := []string{
		`the environment variable "ORDERBEAT_DB_PTH" sets no key; did you mean "ORDERBEAT_DB_PATH"?`,
		`the environment variable "ORDERBEAT_NATS_AUTH_TOKEN" sets no key: write nats.auth.token = "env:ORDERBEAT_NATS_AUTH_TOKEN" into the file`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestIneffectiveValuesAreRejected(t *testing.T) {
	for text, want := range map[string]string{
		"[db]\npath = \"env:DB\"":                                    `db.path: "env:DB" is a reference to a secret: this key wants the path of a file. The environment variable ORDERBEAT_DB_PATH sets it`,
		"[db]\npath = \"credential:db\"":                             `db.path: "credential:db" is a reference to a secret`,
		"[db]\npath = \"~/x.db\"":                                    `db.path: "~/x.db": ~ and $ are not expanded`,
		"[db]\npath = \"$HOME/x.db\"":                                `db.path: "$HOME/x.db": ~ and $ are not expanded`,
		"[db]\npath = \":memory:\"":                                  `db.path: ":memory:" would be lost when the process ends`,
		"[db]\npath = \"file:x.db\"":                                 `db.path: "file:x.db" is a URI`,
		"[db]\npath = \"file:x.db?mode=memory\"":                     `db.path: "file:x.db?mode=memory": a path with "?"`,
		"[db]\npath = \"sqlite://x.db\"":                             `db.path: "sqlite://x.db" is a URI`,
		"[db]\npath = \"x.db?cache=shared\"":                         `db.path: "x.db?cache=shared": a path with "?"`,
		"[db]\npath = \".\"":                                         `db.path: "." is a folder`,
		"[db]\npath = \"data/\"":                                     `db.path: "data/" is a folder`,
		"[db]\npath = \" x.db\"":                                     `db.path: " x.db" begins or ends with a blank`,
		"[db]\npath = \"\"":                                          `db.path: is empty`,
		"[nats]\nstore = \"~/nats\"":                                 `nats.store: "~/nats": ~ and $ are not expanded`,
		"[nats]\nstore = \"env:STORE\"":                              `nats.store: "env:STORE" is a reference to a secret: this key wants the path of a folder`,
		"[worker]\nkey = \"file:~/key\"":                             `worker.key: "~/key": ~ and $ are not expanded`,
		"[web]\ntls = { cert = \"env:C\", key = \"k\" }":             `web.tls.cert: "env:C" is a reference to a secret`,
		"[web]\nlisten = \"127.0.0.1:4222\"":                         `web.listen: "127.0.0.1:4222" uses the same port as nats.listen, "127.0.0.1:4222"`,
		"[web]\nlisten = \"localhost:4222\"":                         `web.listen: "localhost:4222" uses the same port as nats.listen`,
		"[nats]\nlisten = \"127.0.0.1:8322\"\n[sandbox]":             `sandbox.listen: "127.0.0.1:8322" uses the same port as nats.listen`,
		"[sandbox]\nlisten = \"127.0.0.1:8321\"":                     `sandbox.listen: "127.0.0.1:8321" uses the same port as web.listen`,
		"[web]\nlisten = \"\"\nexternal_url = \"https://x.example\"": `web.external_url: has no effect: web.listen is ""`,
	} {
		_, err := config.Load(write(t, least+text+"\n"), kinds, env())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
	// 0.0.0.0 includes 127.0.0.1.
	_, err := config.Load(write(t, least+"[web]\nlisten = \"0.0.0.0:4222\"\nexternal_url = \"https://x.example\"\nauth = { user = \"u\", password = \"env:P\" }\n"), kinds, env("P", "secret"))
	if err == nil || !strings.Contains(err.Error(), `web.listen: "0.0.0.0:4222" uses the same port as nats.listen`) {
		t.Errorf("got %v", err)
	}
	// Other ports, an external NATS and port 0 do not collide.
	for _, text := range []string{"[web]\nlisten = \"127.0.0.1:0\"\n[nats]\nlisten = \"127.0.0.1:0\"", "[nats]\nurl = \"nats://127.0.0.1:4222\"\n[web]\nlisten = \"127.0.0.1:4222\""} {
		if _, err := config.Load(write(t, least+text+"\n"), kinds, env()); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	const twice = "[[schedules]]\nname = \"s\"\ncron = \"@hourly\"\nprovider = \"michelin\"\nkind = \"sync\"\n"
	for text, want := range map[string]string{
		"accounts = [\"detroit\", \"detroit\"]": `schedules[0].accounts[1]: "detroit" is listed twice`,
		"jitter = \"25h\"":                      `schedules[0].jitter: want 24h or less`,
	} {
		if _, err := config.Load(write(t, least+twice+text+"\n"), kinds, env()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"orderbeat/auth"
	"orderbeat/auth/secret"
	"orderbeat/clients/section"
	"orderbeat/db/retention"
	"orderbeat/worker/telemetry"
)

// Events is the section [events].
type Events struct {
	// Body is "order", or "changes" for order events without the order and without repeated arrays.
	Body string `toml:"body"`
}

// DB is the section [db].
type DB struct {
	// Path of the SQLite file, absolute.
	Path string `toml:"path"`
	// Synchronous is "full" or "normal".
	Synchronous string `toml:"synchronous"`
	// Retention is how long old records are retained.
	Retention retention.Periods `toml:"retention"`
}

// Worker is the section [worker].
type Worker struct {
	// Role is "all", "store" or "fetch".
	Role string `toml:"role"`
	// Concurrency is the number of jobs at once in this process.
	Concurrency int `toml:"concurrency"`
	// Drain is how long running jobs may take during shutdown.
	Drain time.Duration `toml:"drain"`
	// QueueAlert is how long a job may wait in the queue before an alert is raised.
	QueueAlert time.Duration `toml:"queue_alert"`
	// MaxLag is the maximum lag of a follower that replies to requests or takes over.
	MaxLag time.Duration `toml:"max_lag"`
	// SnapshotEvery is how often the leader makes a snapshot for new followers.
	SnapshotEvery time.Duration `toml:"snapshot_every"`
	// Key is the file of the key that seals tokens at rest, as "file:PATH".
	Key string `toml:"key"`
}

// Log is the section [log].
type Log struct {
	Level  string `toml:"level"`  // debug | info | warn | error
	Format string `toml:"format"` // auto | text | json
}

// telemetrySection is the section [telemetry].
type telemetrySection struct {
	// Endpoint of an OpenTelemetry collector: a URL, to which /v1/traces is added.
	Endpoint string `toml:"endpoint"`
	Protocol string `toml:"protocol"`
	// Sample is the share of new traces that are recorded.
	Sample share `toml:"sample"`
	// Headers are sent with each request: "name=value,name2=value2".
	Headers secret.Secret `toml:"headers"`
}

// share is a number from 0 to 1; nil if it is not set.
type share struct{ value *float64 }

func (s *share) readTOML(value any) error {
	var n float64
	switch v := value.(type) {
	case float64:
		n = v
	case int64:
		n = float64(v)
	case string: // of an environment variable
		var err error
		if n, err = strconv.ParseFloat(v, 64); err != nil {
			return errors.New("want a number from 0 to 1, like 0.1")
		}
	default:
		return fmt.Errorf("want a number from 0 to 1, got %s", describe(value))
	}
	if !(n >= 0 && n <= 1) { // NaN is not
		return fmt.Errorf("want a number from 0 to 1, got %v", n)
	}
	s.value = &n
	return nil
}

// Sandbox is the section [sandbox].
type Sandbox struct {
	// Listen is a loopback address.
	Listen string `toml:"listen"`
	// Day is the duration of a day of the sample orders.
	Day time.Duration `toml:"day"`
}

// The values of events.body.
const (
	EventsOrder   = "order"
	EventsChanges = "changes"
)

// The values of worker.role.
const (
	RoleAll   = "all"
	RoleStore = "store"
	RoleFetch = "fetch"
)

var roles = []string{RoleAll, RoleStore, RoleFetch}

// defaults returns the values of keys that are not set.
func defaults() file {
	const day = 24 * time.Hour
	return file{
		NATS: natsSection{
			Listen: "127.0.0.1:4222", Store: "data/nats", Sync: syncMode{always: true},
			MaxPayload: 8 << 20, Prefix: "orderbeat", Replicas: 1,
		},
		Events:    Events{Body: EventsOrder},
		DB:        DB{Path: "data/orderbeat.db", Synchronous: "full", Retention: retention.Periods{Exchanges: 30 * day, ExchangesSize: 1 << 30, Jobs: 90 * day, Events: 400 * day}},
		Worker:    Worker{Role: RoleAll, Concurrency: 32, Drain: 30 * time.Second, QueueAlert: 15 * time.Minute, MaxLag: 5 * time.Second, SnapshotEvery: 6 * time.Hour, Key: defaultKey},
		Web:       webSection{Listen: "127.0.0.1:8321"},
		Log:       Log{Level: "info", Format: "auto"},
		Telemetry: telemetrySection{Protocol: telemetry.Protocol},
		Sandbox:   Sandbox{Listen: "127.0.0.1:8322", Day: 20 * time.Second},
	}
}

func (l *loader) db(s DB) DB {
	l.databasePath(s.Path)
	l.oneOf("db.synchronous", s.Synchronous, "full", "normal")
	r := s.Retention
	for key, keep := range map[string]time.Duration{"exchanges": r.Exchanges, "jobs": r.Jobs, "events": r.Events} {
		if err := retention.Check(keep); err != nil {
			l.add("db.retention."+key, "%v", err)
		}
	}
	const least = 1 << 20
	if r.ExchangesSize != 0 && r.ExchangesSize < least {
		l.add("db.retention.exchanges_size", `want "1MB" or more, or 0 for no bound`)
	}
	s.Path = absolute(l.dir, s.Path)
	return s
}

func (l *loader) worker(s Worker) {
	const most = 10_000
	l.oneOf("worker.role", s.Role, roles...)
	if s.Role == RoleFetch && l.config.NATS.URL == "" && !l.has("nats.url") {
		l.add("worker.role", `"fetch" takes jobs from other processes: set nats.url to the NATS that they use`)
	}
	if s.Concurrency < 1 || s.Concurrency > most {
		l.add("worker.concurrency", "want 1 to %d jobs at once, got %d", most, s.Concurrency)
	}
	if s.Drain < time.Second || s.Drain > time.Hour {
		l.add("worker.drain", "want 1s to 1h, got %s", s.Drain)
	}
	if s.MaxLag < 2*time.Second || s.MaxLag > time.Hour {
		l.add("worker.max_lag", "want 2s to 1h, got %s", s.MaxLag)
	}
	if s.SnapshotEvery != 0 && (s.SnapshotEvery < time.Minute || s.SnapshotEvery > 7*24*time.Hour) {
		l.add("worker.snapshot_every", "want 1m to 7d, or 0s for no snapshots, got %s", s.SnapshotEvery)
	}
	if s.QueueAlert != 0 && (s.QueueAlert < time.Minute || s.QueueAlert > 7*24*time.Hour) {
		l.add("worker.queue_alert", "want 1m to 7d, or 0s for never, got %s", s.QueueAlert)
	}
}

func (l *loader) sandbox(s Sandbox) {
	if host := l.address("sandbox.listen", s.Listen); !auth.IsLoopback(host) {
		l.add("sandbox.listen", `%.60q can be reached from other machines, and the sandbox has no authentication: use a loopback address, like "127.0.0.1:8322"`, s.Listen)
	}
	if s.Day < time.Second {
		l.add("sandbox.day", "want 1s or more, got %s", s.Day)
	}
}

// telemetry returns where traces go. A mistake in the section is an error. A mistake in an OTEL_*
// variable, which may be set for all programs of a machine, is only a notice and turns traces off.
func (l *loader) telemetry(s telemetrySection) telemetry.Config {
	l.oneOf("telemetry.protocol", s.Protocol, telemetry.Protocol)
	c := telemetry.Config{Sample: s.Sample.value}
	var err error
	if s.Endpoint != "" {
		if c.Endpoint, err = telemetry.Endpoint(s.Endpoint, true); err != nil {
			l.add("telemetry.endpoint", "%v", err)
		}
	}
	if !s.Headers.Empty() && !l.secrets.blind {
		if c.Headers, err = telemetry.Headers(s.Headers.Reveal()); err != nil {
			l.add("telemetry.headers", "%v", err)
		}
	}
	if c, err = c.WithEnvironment(l.secrets.getenv); err != nil {
		l.notice("traces are off: " + err.Error())
	}
	l.secrets.mask.Add(c.Secrets()...)
	if c.Exposed() {
		l.notice("telemetry: headers with secrets are sent over plain http: use an https endpoint")
	}
	return c
}

// address checks that s is host:port, and returns the host.
func (l *loader) address(key, s string) (host string) {
	host, port, err := net.SplitHostPort(s)
	if n, portErr := strconv.Atoi(port); err != nil || portErr != nil || n < 0 || n > 65535 {
		l.add(key, `%.60q is not an address: write it like "127.0.0.1:4222"`, s)
	}
	return host
}

// notice adds a warning.
func (l *loader) notice(text string) { l.config.Notices = append(l.config.Notices, text) }

func (l *loader) oneOf(key, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		l.add(key, "%.40q is not one of %s", value, strings.Join(allowed, ", "))
	}
}

// existing makes path absolute and checks that the file exists; "" is no file.
func (l *loader) existing(key, path string) string {
	path, _ = l.found(key, path)
	return path
}

// private is like existing, and also checks that other users cannot read the file.
func (l *loader) private(key, path string) string {
	path, info := l.found(key, path)
	if info != nil {
		if err := l.secrets.private(path, info); err != nil {
			l.add(key, "%v", err)
		}
	}
	return path
}

// found returns the absolute path of a file that a key names, and its info: nil if the file does not
// exist.
func (l *loader) found(key, path string) (string, fs.FileInfo) {
	if path == "" {
		return "", nil
	}
	l.plainPath(key, path, false)
	path = absolute(l.dir, path)
	info, err := os.Stat(path)
	if err != nil {
		l.add(key, "cannot find %s: %v", path, cause(err))
		return path, nil
	}
	return path, info
}

// isToken reports whether s is a valid token of a NATS subject.
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		return !letter && (r < '0' || r > '9') && r != '-' && r != '_'
	})
}

// Shape has values of the types that the keys of config.toml are decoded into. The JSON Schema of the
// file is generated from them, by their `toml` tags.
type Shape struct {
	// File is the file without the contents of providers, with its defaults.
	File any
	// Provider is the frame of a provider's section; each kind has further keys.
	Provider section.Config
	// Schedule is one of the schedules.
	Schedule any
	// Notify is one of the targets of notifications.
	Notify any
	// URLs and Sync are strings with their own formats, Share is a number from 0 to 1.
	URLs, Sync, Share any
}

// ShapeOf returns the shape of config.toml.
func ShapeOf() Shape {
	return Shape{File: defaults(), Provider: providerDefaults(""), Schedule: scheduleSection{}, Notify: notifySection{}, URLs: urls(""), Sync: syncMode{}, Share: share{}}
}

package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"orderbeat/auth"
	"orderbeat/db"
	"orderbeat/jobs"
	"orderbeat/worker"
)

// DB is the section [db].
type DB struct {
	// Path of the SQLite file, absolute.
	Path string `toml:"path"`
	// Synchronous is "full" or "normal".
	Synchronous string `toml:"synchronous"`
	// Retention says how long what is over is kept.
	Retention Retention `toml:"retention"`
}

// Retention is [db.Retention] as it is written.
type Retention struct {
	Exchanges     time.Duration `toml:"exchanges"`
	ExchangesSize int64         `toml:"exchanges_size"`
	Jobs          time.Duration `toml:"jobs"`
	Events        time.Duration `toml:"events"`
}

// Worker is the section [worker].
type Worker struct {
	Role string `toml:"role"`
	// Concurrency is how many jobs this process does at once.
	Concurrency int `toml:"concurrency"`
	// Drain is how long jobs in hand may take when the program stops.
	Drain time.Duration `toml:"drain"`
	// Key is the file of the key that seals tokens at rest, as "file:PATH".
	Key string `toml:"key"`
}

// Log is the section [log].
type Log struct {
	Level  string `toml:"level"`  // debug | info | warn | error
	Format string `toml:"format"` // auto | text | json
}

// Sandbox is the section [sandbox].
type Sandbox struct {
	// Listen is a loopback address.
	Listen string `toml:"listen"`
	// Day is how long a day of the stand-ins' orders lasts.
	Day time.Duration `toml:"day"`
}

// natsSection is the section [nats] as it is written.
type natsSection struct {
	URL        urls     `toml:"url"`
	Listen     string   `toml:"listen"`
	Store      string   `toml:"store"`
	Sync       syncMode `toml:"sync"`
	MaxPayload int64    `toml:"max_payload"`
	Prefix     string   `toml:"prefix"`
	Creds      string   `toml:"creds"`
	NKey       string   `toml:"nkey"`
	TLS        struct {
		CA   string `toml:"ca"`
		Cert string `toml:"cert"`
		Key  string `toml:"key"`
	} `toml:"tls"`
	Replicas int `toml:"replicas"`
}

// defaults is what holds where the file says nothing.
func defaults() file {
	const day = 24 * time.Hour
	return file{
		NATS: natsSection{
			Listen: "127.0.0.1:4222", Store: "data/nats", Sync: syncMode{always: true},
			MaxPayload: 8 << 20, Prefix: "orderbeat", Replicas: 1,
		},
		DB:      DB{Path: "data/orderbeat.db", Synchronous: "full", Retention: Retention{Exchanges: 30 * day, ExchangesSize: 1 << 30, Jobs: 90 * day, Events: 400 * day}},
		Worker:  Worker{Role: "all", Concurrency: 32, Drain: 30 * time.Second, Key: defaultKey},
		Web:     webSection{Listen: "127.0.0.1:8321"},
		Log:     Log{Level: "info", Format: "auto"},
		Sandbox: Sandbox{Listen: "127.0.0.1:8322", Day: 20 * time.Second},
	}
}

// urls is one URL, several with commas, or a list of them.
type urls string

func (u *urls) readTOML(value any) error {
	var all []string
	switch v := value.(type) {
	case string:
		if v == "" {
			return nil
		}
		all = strings.Split(v, ",")
	case []any:
		for _, e := range v {
			s, ok := e.(string)
			if !ok {
				return fmt.Errorf(`want texts like "nats://host:4222" in the list, got %s`, describe(e))
			}
			all = append(all, s)
		}
	default:
		return fmt.Errorf(`want a URL like "nats://host:4222", a list of them, or "", got %s`, describe(value))
	}
	var wrong []string
	for i, s := range all {
		all[i] = strings.TrimSpace(s)
		parsed, err := url.Parse(all[i])
		if err != nil || parsed.Host == "" || !slices.Contains([]string{"nats", "tls", "ws", "wss"}, parsed.Scheme) {
			wrong = append(wrong, fmt.Sprintf(`number %d is not the URL of a NATS server: write it like "nats://host:4222" or "tls://host:4222"`, i+1))
		} else if parsed.User != nil {
			wrong = append(wrong, fmt.Sprintf("number %d has credentials in it: use nats.creds or nats.nkey", i+1))
		}
	}
	if len(wrong) > 0 {
		return errors.New(strings.Join(wrong, "; "))
	}
	*u = urls(strings.Join(all, ","))
	return nil
}

// syncMode is "always", or the time between two syncs of the disk.
type syncMode struct {
	always bool
	every  time.Duration
}

func (s *syncMode) readTOML(value any) error {
	const want = `want "always", or a length of time like "2m"`
	text, ok := value.(string)
	if !ok {
		return fmt.Errorf("%s, got %s", want, describe(value))
	}
	if text == "always" {
		*s = syncMode{always: true}
		return nil
	}
	every, err := jobs.ParseDuration(text)
	if err != nil || every <= 0 {
		return fmt.Errorf("%.40q: %s", text, want)
	}
	*s = syncMode{every: every}
	return nil
}

func (l *loader) nats(s natsSection) worker.NATS {
	// Less has no room for the events of ordinary orders; NATS itself takes no more than 64 MiB.
	const least, most = 64 << 10, 64 << 20
	if s.MaxPayload < least || s.MaxPayload > most {
		l.add("nats.max_payload", `want "64KB" to "64MB"`)
	}
	if !isToken(s.Prefix) {
		l.add("nats.prefix", "%.40q is not one token of a subject: use letters, digits, - and _", s.Prefix)
	}
	if s.Replicas < 1 || s.Replicas > 5 {
		l.add("nats.replicas", "want 1 to 5, got %d", s.Replicas)
	}
	if s.Listen != "" {
		l.address("nats.listen", s.Listen)
	}
	if s.Store == "" {
		l.add("nats.store", "is empty: name a folder")
	}
	c := worker.NATS{
		URL: string(s.URL), Listen: s.Listen, Store: absolute(l.dir, s.Store),
		SyncAlways: s.Sync.always, SyncEvery: s.Sync.every, MaxPayload: int32(min(s.MaxPayload, most)), Prefix: s.Prefix,
		Creds: l.existing("nats.creds", s.Creds), NKey: l.nkey(s.NKey),
		CA: l.existing("nats.tls.ca", s.TLS.CA), Cert: l.existing("nats.tls.cert", s.TLS.Cert), Key: l.existing("nats.tls.key", s.TLS.Key),
		Replicas: s.Replicas,
	}
	if (c.Cert == "") != (c.Key == "") {
		l.add("nats.tls", "cert and key go together")
	}
	if c.URL == "" && !l.has("nats.url") {
		l.onlyWithURL(s)
	}
	return c
}

// nkey is the file that "file:PATH" names. Anything else may be the seed itself, and
// is not repeated.
func (l *loader) nkey(ref string) string {
	path, ok := strings.CutPrefix(ref, "file:")
	if ref != "" && !ok {
		l.add("nats.nkey", `want "file:PATH", a file with the seed`)
		return ""
	}
	return l.existing("nats.nkey", path)
}

// onlyWithURL refuses what the embedded server would not heed.
func (l *loader) onlyWithURL(s natsSection) {
	set := map[string]bool{
		"nats.creds": s.Creds != "", "nats.nkey": s.NKey != "",
		"nats.tls": s.TLS.CA+s.TLS.Cert+s.TLS.Key != "", "nats.replicas": s.Replicas > 1,
	}
	for key, is := range set {
		if is {
			l.add(key, "is for a NATS server that nats.url names; the embedded one is alone and asks for no credentials")
		}
	}
}

func (l *loader) db(s DB) DB {
	if s.Path == "" {
		l.add("db.path", "is empty: name a file")
	}
	l.oneOf("db.synchronous", s.Synchronous, "full", "normal")
	r := s.Retention
	for key, keep := range map[string]time.Duration{"exchanges": r.Exchanges, "jobs": r.Jobs, "events": r.Events} {
		if err := db.CheckRetention(keep); err != nil {
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
	if s.Role != "all" {
		l.add("worker.role", `%.40q is not supported yet: only "all", one process that does everything`, s.Role)
	}
	if s.Concurrency < 1 || s.Concurrency > most {
		l.add("worker.concurrency", "want 1 to %d jobs at once, got %d", most, s.Concurrency)
	}
	if s.Drain < time.Second || s.Drain > time.Hour {
		l.add("worker.drain", "want 1s to 1h, got %s", s.Drain)
	}
}

func (l *loader) sandbox(s Sandbox) {
	if host := l.address("sandbox.listen", s.Listen); !auth.IsLoopback(host) {
		l.add("sandbox.listen", `%.60q can be reached from other machines, and nothing here asks who is there: use a loopback address, like "127.0.0.1:8322"`, s.Listen)
	}
	if s.Day < time.Second {
		l.add("sandbox.day", "want 1s or more, got %s", s.Day)
	}
}

// address checks that s is host:port, and returns the host.
func (l *loader) address(key, s string) (host string) {
	host, port, err := net.SplitHostPort(s)
	if n, portErr := strconv.Atoi(port); err != nil || portErr != nil || n < 0 || n > 65535 {
		l.add(key, `%.60q is not an address: write it like "127.0.0.1:4222"`, s)
	}
	return host
}

// notice tells of what is worth knowing though nothing is wrong.
func (l *loader) notice(text string) { l.config.Notices = append(l.config.Notices, text) }

func (l *loader) oneOf(key, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		l.add(key, "%.40q is not one of %s", value, strings.Join(allowed, ", "))
	}
}

// existing makes path absolute and checks that there is such a file; "" is none.
func (l *loader) existing(key, path string) string {
	if path == "" {
		return ""
	}
	path = absolute(l.dir, path)
	if _, err := os.Stat(path); err != nil {
		if e, ok := errors.AsType[*fs.PathError](err); ok {
			err = e.Err
		}
		l.add(key, "cannot find %s: %v", path, err)
	}
	return path
}

// isToken reports whether s can be a token of a NATS subject as it is.
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		return !letter && (r < '0' || r > '9') && r != '-' && r != '_'
	})
}

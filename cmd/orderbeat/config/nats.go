package config

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"orderbeat/auth/secret"

	"orderbeat/auth"
	"orderbeat/jobs"
	"orderbeat/worker/bus"
)

// natsSection is the section [nats].
type natsSection struct {
	URL        urls          `toml:"url"`
	Listen     string        `toml:"listen"`
	Store      string        `toml:"store"`
	Sync       syncMode      `toml:"sync"`
	MaxPayload int64         `toml:"max_payload"`
	Prefix     string        `toml:"prefix"`
	Auth       natsLogin     `toml:"auth"`
	Creds      string        `toml:"creds"`
	NKey       string        `toml:"nkey"`
	TLS        natsTLS       `toml:"tls"`
	TLSFirst   bool          `toml:"tls_first"`
	Domain     string        `toml:"domain"`
	Replicas   int           `toml:"replicas"`
	MaxBytes   int64         `toml:"max_bytes"`
	Placement  natsPlacement `toml:"placement"`
}

// natsLogin is a user with a password, or a token.
type natsLogin struct {
	// User is the name of the user.
	User string `toml:"user"`
	// Password is the user's password.
	Password secret.Secret `toml:"password"`
	// Token is the token, instead of user and password.
	Token secret.Secret `toml:"token"`
}

// natsTLS are PEM files.
type natsTLS struct {
	// CA is a file of authorities.
	CA string `toml:"ca"`
	// Cert is the file of the certificate.
	Cert string `toml:"cert"`
	// Key is the file of the certificate's key.
	Key string `toml:"key"`
}

// natsPlacement is where the streams are stored in a supercluster.
type natsPlacement struct {
	// Cluster is the name of the cluster; "" is any.
	Cluster string `toml:"cluster"`
	// Tags are the tags that servers must have.
	Tags []string `toml:"tags"`
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
			wrong = append(wrong, fmt.Sprintf("number %d has credentials in it: use nats.auth, nats.creds or nats.nkey", i+1))
		}
	}
	if len(wrong) > 0 {
		return errors.New(strings.Join(wrong, "; "))
	}
	*u = urls(strings.Join(all, ","))
	return nil
}

// syncMode is "always" or the interval of syncs to disk.
type syncMode struct {
	always bool
	every  time.Duration
}

func (s *syncMode) readTOML(value any) error {
	const want = `want "always", or a duration like "2m"`
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

func (l *loader) nats(s natsSection) bus.Config {
	// Smaller messages cannot carry ordinary orders; 64 MiB is the limit of NATS.
	const least, most = 64 << 10, 64 << 20
	if s.MaxPayload < least || s.MaxPayload > most {
		l.add("nats.max_payload", `want "64KB" to "64MB"`)
	}
	if !isToken(s.Prefix) {
		l.add("nats.prefix", "%.40q is not a single token of a subject: use letters, digits, - and _", s.Prefix)
	}
	if s.Domain != "" && !isToken(s.Domain) {
		l.add("nats.domain", "%.40q is not the name of a JetStream domain: use letters, digits, - and _", s.Domain)
	}
	if s.Replicas < 1 || s.Replicas > 5 {
		l.add("nats.replicas", "want 1 to 5, got %d", s.Replicas)
	}
	if s.MaxBytes != 0 && s.MaxBytes < 1<<20 {
		l.add("nats.max_bytes", `want "1MB" or more, or 0 for no limit`)
	}
	if s.Store == "" {
		l.add("nats.store", "is empty: name a folder")
	}
	l.plainPath("nats.store", s.Store, true)
	c := bus.Config{
		URL: string(s.URL), Listen: s.Listen, Store: absolute(l.dir, s.Store),
		SyncAlways: s.Sync.always, SyncEvery: s.Sync.every, MaxPayload: int32(min(s.MaxPayload, most)), Prefix: s.Prefix,
		Creds: l.private("nats.creds", s.Creds), NKey: l.nkey(s.NKey),
		User: s.Auth.User, Password: s.Auth.Password, Token: s.Auth.Token,
		CA: l.existing("nats.tls.ca", s.TLS.CA), Cert: l.existing("nats.tls.cert", s.TLS.Cert), Key: l.private("nats.tls.key", s.TLS.Key),
		TLSFirst: s.TLSFirst, Domain: s.Domain, Replicas: s.Replicas, MaxBytes: s.MaxBytes,
		Cluster: s.Placement.Cluster, Tags: s.Placement.Tags,
	}
	if (c.Cert == "") != (c.Key == "") {
		l.add("nats.tls", "cert and key must be set together")
	}
	l.natsAuth(s)
	if c.URL == "" && !l.has("nats.url") {
		l.onlyWithURL(s)
		l.natsListen(s)
	}
	if s.Listen != "" {
		l.address("nats.listen", s.Listen)
	}
	return c
}

// natsAuth checks that at most one login method is set.
func (l *loader) natsAuth(s natsSection) {
	a := s.Auth
	password, token := !a.Password.Empty() || l.has("nats.auth.password"), !a.Token.Empty() || l.has("nats.auth.token")
	ways := 0
	for _, used := range []bool{a.User != "" || password, token, s.Creds != "", s.NKey != ""} {
		if used {
			ways++
		}
	}
	switch {
	case (a.User != "") != password:
		l.add("nats.auth", "user and password must be set together")
	case ways > 1:
		l.add("nats.auth", "want one way to log in: user and password, token, nats.creds or nats.nkey")
	}
}

// natsListen rejects an open listener without login, and one that exposes the password.
func (l *loader) natsListen(s natsSection) {
	if s.Listen == "" || auth.IsLoopback(l.address("nats.listen", s.Listen)) {
		return
	}
	if s.Auth.User == "" && s.Auth.Token.Empty() && !l.has("nats.auth") && !l.has("nats.auth.token") && !l.has("nats.auth.password") {
		l.add("nats.listen", `%.60q can be reached from other machines: set nats.auth = { user = "…", password = "env:…" }, or use a loopback address, like "127.0.0.1:4222"`, s.Listen)
	}
	if s.TLS.Cert == "" {
		l.add("nats.listen", "%.60q can be reached from other machines, and without TLS the password and all orders would be readable: set nats.tls = { cert = \"…\", key = \"…\" }", s.Listen)
	}
}

// natsFiles checks the files of the embedded server.
func (l *loader) natsFiles(c *bus.Config) {
	if c.URL != "" || l.has("nats.url") {
		return
	}
	l.certificate("nats.tls", c.Cert, c.Key)
	if c.PasswordFile == "" {
		return
	}
	if err := bus.CheckPasswordFile(c.PasswordFile); err != nil {
		l.add("nats.auth", "%v", err)
	}
}

// passwordFile returns the file with the embedded server's password, in the folder of the key
// file; "" if nats.auth is set.
func passwordFile(c bus.Config, k Key) string {
	if c.URL != "" || c.User != "" || !c.Token.Empty() {
		return ""
	}
	return filepath.Join(filepath.Dir(k.Path), "nats-password")
}

// nkey returns the path in "file:PATH". Any other value may be the seed itself and is not
// repeated in the error.
func (l *loader) nkey(ref string) string {
	path, ok := strings.CutPrefix(ref, "file:")
	if ref != "" && !ok {
		l.add("nats.nkey", `want "file:PATH", a file with the seed`)
		return ""
	}
	return l.private("nats.nkey", path)
}

// onlyWithURL rejects keys that have no effect on the embedded server.
func (l *loader) onlyWithURL(s natsSection) {
	set := map[string]bool{
		"nats.creds": s.Creds != "", "nats.nkey": s.NKey != "", "nats.replicas": s.Replicas > 1, "nats.domain": s.Domain != "",
		"nats.placement": s.Placement.Cluster != "" || len(s.Placement.Tags) > 0,
	}
	for key, is := range set {
		if is {
			l.add(key, "applies only to an external NATS server: set nats.url; the embedded one uses nats.auth and nats.tls")
		}
	}
}

package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"orderbeat/auth/secret"

	"orderbeat/cmd/orderbeat/config"
)

// refusal returns the error of Load for an invalid text.
func refusal(t *testing.T, text string, pairs ...string) string {
	t.Helper()
	_, err := config.Load(write(t, text), kinds, env(pairs...))
	if err == nil {
		t.Fatalf("the configuration was accepted:\n%s", text)
	}
	return err.Error()
}

func TestEmbeddedNATSListensLocallyUnlessProtected(t *testing.T) {
	cert, key := certificate(t)
	tls := fmt.Sprintf("tls = { cert = %q, key = %q }\n", cert, key)
	password := "auth = { user = \"ops\", password = \"env:PASSWORD\" }\n"
	for _, listen := range []string{"0.0.0.0:4222", "[::]:4222", ":4222", "192.168.1.7:4222", "nats.example.com:4222", "0:4222", "[::ffff:10.0.0.1]:4222"} {
		section := fmt.Sprintf("%s[nats]\nlisten = %q\n", least, listen)
		for _, test := range []struct{ name, more, want string }{
			{"nothing", "", `set nats.auth = { user = "…", password = "env:…" }`},
			{"no password", tls, `set nats.auth = { user = "…", password = "env:…" }`},
			{"no TLS", password, `set nats.tls = { cert = "…", key = "…" }`},
		} {
			got := refusal(t, section+test.more, "PASSWORD", "canary")
			if !strings.Contains(got, ": nats.listen: \""+listen+"\" can be reached from other machines") || !strings.Contains(got, test.want) {
				t.Errorf("%s, %s: got %s", listen, test.name, got)
			}
			if strings.Contains(got, "canary") {
				t.Errorf("the error repeats a secret: %s", got)
			}
		}
		c := load(t, section+tls+password, "PASSWORD", "canary")
		if c.NATS.PasswordFile != "" || c.NATS.User != "ops" || c.NATS.Password.Reveal() != "canary" {
			t.Errorf("%s: got user %q and password file %q, want the configured user alone", listen, c.NATS.User, c.NATS.PasswordFile)
		}
		load(t, section+tls+"auth = { token = \"env:TOKEN\" }\n", "TOKEN", "canary")
	}
	for _, listen := range []string{"127.0.0.1:4222", "127.3.2.1:0", "[::1]:4222", "localhost:4222", "LOCALHOST:4222", ""} {
		load(t, fmt.Sprintf("%s[nats]\nlisten = %q\n", least, listen))
	}
	load(t, least+"[nats]\nurl = \"nats://hub:4222\"\nlisten = \"0.0.0.0:4222\"\n") // nothing listens
}

func TestOnlyOneNATSLoginMethodIsAllowed(t *testing.T) {
	folder := t.TempDir()
	file := func(name string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	creds := fmt.Sprintf("creds = %q\n", file("creds"))
	const url = "url = \"nats://hub:4222\"\n"
	for _, test := range []struct{ name, text, want string }{
		{"a user without password", `auth = { user = "ops" }`, "nats.auth: user and password must be set together"},
		{"a password without user", `auth = { password = "env:SECRET" }`, "nats.auth: user and password must be set together"},
		{"user and token", `auth = { user = "ops", password = "env:SECRET", token = "env:SECRET" }`, "nats.auth: want one way to log in"},
		{"token and creds", url + creds + `auth = { token = "env:SECRET" }`, "nats.auth: want one way to log in"},
		{"the secret itself", `auth = { token = "canary" }`, "nats.auth.token: secrets must not be in the file"},
		{"an unknown key", `auth = { name = "ops" }`, "nats.auth.name: unknown key"},
		{"credentials in the URL", `url = "nats://ops:canary@hub:4222"`, "use nats.auth, nats.creds or nats.nkey"},
		{"creds for the embedded server", creds, "nats.creds: applies only to an external NATS server"},
		{"half a certificate", fmt.Sprintf("tls = { cert = %q }", file("cert")), "nats.tls: cert and key must be set together"},
		{"no certificate", fmt.Sprintf("tls = { cert = %q, key = %q }", file("cert"), file("key")), "nats.tls: is not a certificate with its key"},
		{"a domain", `domain = "a.b"`, `nats.domain: "a.b" is not the name of a JetStream domain`},
		{"too few bytes", `max_bytes = "1KB"`, `nats.max_bytes: want "1MB" or more`},
	} {
		got := refusal(t, least+"[nats]\n"+test.text, "SECRET", "canary")
		if !strings.Contains(got, test.want) || strings.Contains(got, "canary") {
			t.Errorf("%s: got %s\nwant %s", test.name, got, test.want)
		}
	}
	c := load(t, least+"[nats]\n"+url+"auth = { token = \"env:SECRET\" }\ntls_first = true\ndomain = \"hub\"\nmax_bytes = \"1GB\"\nplacement = { cluster = \"east\", tags = [\"ssd\"] }", "SECRET", "canary").NATS
	if c.Token != secret.New("canary") || !c.TLSFirst || c.Domain != "hub" || c.MaxBytes != 1<<30 || c.Cluster != "east" || len(c.Tags) != 1 || c.PasswordFile != "" {
		t.Errorf("got %+v", c)
	}
}

func TestPasswordFileReadableByOthersIsRejected(t *testing.T) {
	path := write(t, least)
	file := filepath.Join(filepath.Dir(path), "data", "nats-password")
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("canary\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(path, kinds, env()); err != nil {
		t.Error(err)
	}
	if err := os.Chmod(file, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(path, kinds, env()); err == nil || !strings.Contains(err.Error(), "nats.auth: NATS password: other users may read "+file+" (mode 0640)") {
		t.Errorf("got %v", err)
	}
}

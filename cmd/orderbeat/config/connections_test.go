package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"orderbeat/cmd/orderbeat/config"
)

func providerWith(lines string) string {
	return strings.Replace(least, "kind = \"michelin\"", "kind = \"michelin\"\n"+lines, 1)
}

func TestProviderConnectionSettings(t *testing.T) {
	c := load(t, secretConfig(`"env:SECRET"`), "SECRET", "x").Providers[0]
	if c.MaxConnAge != 5*time.Minute || !c.Proxy.Empty() {
		t.Errorf("got %+v, want connections of five minutes, by the environment's proxy", c.Config)
	}
	for ref, want := range map[string]string{
		`"http://proxy.example:3128"`: "http://proxy.example:3128",
		`"none"`:                      "none",
		`"env:PROXY"`:                 "http://user:password@proxy.example:3128",
	} {
		c := load(t, providerWith("max_conn_age = '1m'\nproxy = "+ref), "PROXY", "http://user:password@proxy.example:3128").Providers[0]
		if c.Proxy.Reveal() != want || c.MaxConnAge != time.Minute {
			t.Errorf("got %q and %s, want %q", c.Proxy.Reveal(), c.MaxConnAge, want)
		}
	}
	for lines, want := range map[string]string{
		`proxy = "http://user:password@proxy.example"`: "proxy: secrets must not be in the file",
		`tls = { ca = "/nowhere/ca.pem" }`:             "tls.ca: cannot find /nowhere/ca.pem",
	} {
		if got := strings.Join(told(t, providerWith(lines)), "\n"); !strings.Contains(got, want) || strings.Contains(got, "password@") {
			t.Errorf("%s: got %q, want %q", lines, got, want)
		}
	}
}

// Line ends and byte order marks around a secret are not part of it.
func TestSecretsAreTrimmed(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"crlf": "canary\r\n", "lines": "\n\ncanary\n\n", "cr": "canary\r", "bom": "\ufeffcanary\r\n", "blanks": "canary",
		"utf16le": "\xff\xfec\x00a\x00n\x00a\x00r\x00y\x00\r\x00\n\x00", "utf16be": "\xfe\xff\x00c\x00a\x00n\x00a\x00r\x00y",
	} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, ref := range []string{`"file:` + file + `"`, `"credential:` + name + `"`, `"env:SECRET"`} {
			c := load(t, secretConfig(ref), "SECRET", content, "CREDENTIALS_DIRECTORY", dir)
			if got := c.Providers[0].ClientSecret.Reveal(); got != "canary" {
				t.Errorf("%s: got %q, want %q", ref, got, "canary")
			}
		}
	}
	_, err := config.Load(write(t, secretConfig(`"env:SECRET"`)), kinds, env("SECRET", "\ufeff\r\n"))
	if err == nil || !strings.Contains(err.Error(), "SECRET is not set") {
		t.Errorf("got %v, want a variable of nothing but a line end taken for unset", err)
	}
}

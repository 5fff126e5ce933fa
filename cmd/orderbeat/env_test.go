package main // an inside test: a main package cannot be imported

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"

	"orderbeat/cmd/orderbeat/cli"
)

// evaluated returns the NATS variables of a POSIX shell after it evaluated text. All of them
// are set before.
func evaluated(t *testing.T, text string) map[string]string {
	t.Helper()
	shell := exec.Command("sh", "-euc", `eval "$1"; env -0`, "sh", text)
	for _, name := range []string{"CONTEXT", "URL", "USER", "PASSWORD", "TOKEN", "CREDS", "NKEY", "CA", "CERT", "KEY"} {
		shell.Env = append(shell.Env, "NATS_"+name+"=left over")
	}
	out, err := shell.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	got := map[string]string{}
	for line := range strings.SplitSeq(string(out), "\x00") {
		if name, value, _ := strings.Cut(line, "="); strings.HasPrefix(name, "NATS_") {
			got[name] = value
		}
	}
	return got
}

func TestEnvPrintsTheConfiguredConnection(t *testing.T) {
	folder := t.TempDir()
	strange := "it's $HOME `id` \"x\" \\ \n* ;&é"
	secret := writeSecret(t, folder, "strange", strange)
	for _, name := range []string{"o b creds", "nkey", "ca", "cert", "key"} {
		writeSecret(t, folder, name, "x")
	}
	in := func(name string) string { return filepath.Join(folder, name) }
	for _, test := range []struct {
		name, nats string
		want       map[string]string
	}{
		{
			"embedded, with a password of its own",
			fmt.Sprintf("listen = '127.0.0.1:4333'\nauth = { user = \"o'b\", password = %q }", secret),
			map[string]string{"NATS_URL": "nats://127.0.0.1:4333", "NATS_USER": "o'b", "NATS_PASSWORD": strange},
		},
		{
			"embedded, IPv6",
			fmt.Sprintf("listen = '[::1]:4333'\nauth = { token = %q }", secret),
			map[string]string{"NATS_URL": "nats://[::1]:4333", "NATS_TOKEN": strange},
		},
		{
			"elsewhere, with creds and TLS",
			"url = 'tls://a:4222,tls://b:4222'\ncreds = 'o b creds'\ntls = { ca = 'ca', cert = 'cert', key = 'key' }",
			map[string]string{"NATS_URL": "tls://a:4222,tls://b:4222", "NATS_CREDS": in("o b creds"), "NATS_CA": in("ca"), "NATS_CERT": in("cert"), "NATS_KEY": in("key")},
		},
		{
			"elsewhere, with an nkey",
			"url = 'tls://a:4222'\nnkey = 'file:nkey'\ntls_first = true\ndomain = 'hub'",
			map[string]string{"NATS_URL": "tls://a:4222", "NATS_NKEY": in("nkey")},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			config := filepath.Join(folder, "config.toml")
			if err := os.WriteFile(config, []byte("[nats]\n"+test.nats+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			r := do(t, "--config", config, "env")
			if r.status != cli.Done {
				t.Fatal(r.stderr)
			}
			if diff := cmp.Diff(test.want, evaluated(t, r.stdout)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestEmbeddedNATSRequiresItsGeneratedPassword(t *testing.T) {
	t.Parallel()
	config := shipped(t, t.TempDir(), "0 0 1 1 *")
	port := freePort(t)
	replace(t, config, "listen      = \"127.0.0.1:0\"", fmt.Sprintf("listen = \"127.0.0.1:%s\"", port))
	if r := do(t, "--config", config, "env"); r.status != cli.Failed || !strings.Contains(r.stderr, "no orderbeat worker responds at nats://127.0.0.1:"+port) {
		t.Errorf("before the first start: got %+v", r)
	}
	p := startHere(t, config)
	url := p.conn.ConnectedUrl()
	for name, options := range map[string][]nats.Option{
		"nothing": nil, "no password": {nats.UserInfo("orderbeat", "")}, "another password": {nats.UserInfo("orderbeat", "x")}, "a token": {nats.Token("orderbeat")},
	} {
		if c, err := nats.Connect(url, options...); !errors.Is(err, nats.ErrAuthorization) {
			t.Errorf("with %s: got %v, want an authorization violation", name, err)
			c.Close()
		}
	}
	env := evaluated(t, do(t, "--config", config, "env").stdout)
	c, err := nats.Connect(env["NATS_URL"], nats.UserInfo(env["NATS_USER"], env["NATS_PASSWORD"]))
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if r := do(t, "--config", config, "sync", "michelin"); r.status != cli.Done {
		t.Errorf("sync: %+v", r)
	}
	if strings.Contains(p.logged.String(), env["NATS_PASSWORD"]) {
		t.Error("the log has the password")
	}
	info, err := os.Stat(filepath.Join(filepath.Dir(config), "data", "nats-password"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v, want mode 0600", info, err)
	}
}

func TestEmbeddedNATSOverTLS(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, host, more string
		names            []string
	}{
		{"a certificate of this address", "127.0.0.1", "", nil},
		{"a certificate of a name, handshake first", "localhost", "tls_first = true", []string{"localhost"}},
	} {
		folder := t.TempDir()
		section, _ := selfSigned(t, folder, test.names...)
		config := shipped(t, folder, "0 0 1 1 *")
		port := freePort(t)
		replace(t, config, "listen      = \"127.0.0.1:0\"", fmt.Sprintf("listen = \"0.0.0.0:%s\"\n%s\nauth = { token = %q }\n%s", port, section, writeSecret(t, folder, "token", "canary"), test.more))
		p := startHere(t, config)
		if r := do(t, "--config", config, "sync", "michelin"); r.status != cli.Done {
			t.Errorf("%s: sync: %+v", test.name, r)
		}
		env := evaluated(t, do(t, "--config", config, "env").stdout)
		if diff := cmp.Diff(map[string]string{"NATS_URL": "tls://" + test.host + ":" + port, "NATS_TOKEN": "canary", "NATS_CA": filepath.Join(folder, "cert.pem")}, env); diff != "" {
			t.Errorf("%s: env (-want +got):\n%s", test.name, diff)
		}
		if c, err := nats.Connect("nats://127.0.0.1:"+port, nats.Token("canary"), nats.Timeout(5*time.Second)); err == nil {
			t.Errorf("%s: a connection that does not know the certificate was made", test.name)
			c.Close()
		}
		p.stop()
	}
}

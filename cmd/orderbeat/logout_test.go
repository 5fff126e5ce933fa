package main // an inside test: a main package cannot be imported

import (
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"orderbeat/auth/authtest"
	"orderbeat/cmd/orderbeat/cli"
)

// TestLogoutRevokesAndIntrospectAsks uses the revocation and introspection endpoints of a
// declared provider.
func TestLogoutRevokesAndIntrospectAsks(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	issuer := authtest.New(authtest.Options{Dialect: authtest.RFC6749})
	server := httptest.NewServer(issuer)
	t.Cleanup(server.Close)
	paths := issuer.Paths()
	text := fmt.Sprintf(`
[nats]
listen = "127.0.0.1:%s"
sync = "2m"
%s
[providers.planning]
kind = "ptv"
base_url = %q
token_url = %q
introspection_url = %q
revocation_url = %q
client_id = %q
client_secret = %q
client_auth = "body"
ping = ""
[[providers.planning.accounts]]
name = "main"
`, freePort(t), webOn(t, "127.0.0.1", ""), server.URL, server.URL+paths.Token, server.URL+paths.Introspect, server.URL+paths.Revoke,
		writeSecret(t, folder, "id", authtest.ClientID), writeSecret(t, folder, "secret", authtest.ClientSecret))
	path := filepath.Join(folder, "config.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	startHere(t, path)
	for _, step := range []struct {
		args []string
		says string
	}{
		{[]string{"doctor"}, "ok"},
		{[]string{"auth", "introspect", "planning"}, "active"},
		{[]string{"auth", "logout", "planning"}, "deleted here and at the provider"},
	} {
		if r := do(t, append([]string{"--config", path}, step.args...)...); r.status != cli.Done || !strings.Contains(r.stdout, step.says) {
			t.Errorf("%v: got status %d, %s%s, want %q", step.args, r.status, r.stdout, r.stderr, step.says)
		}
	}
	if got := issuer.Stats(); got.Introspections != 1 || got.Revocations != 1 || got.Refused != 0 {
		t.Errorf("got %+v, want one introspection and one revocation, none refused", got)
	}
}

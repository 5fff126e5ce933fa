package stricttest_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"orderbeat/auth/endpoint"
)

// startPanva runs panva's oidc-provider: a refresh token that is used twice ends the
// whole grant. It takes Basic form-encoded only, and says in redirects who it is.
func startPanva(t *testing.T, life time.Duration) server {
	t.Helper()
	if _, err := os.Stat(filepath.Join("panva", "node_modules", "oidc-provider")); err != nil {
		t.Fatal("-panva: oidc-provider is not there: run `npm install` in auth/stricttest/panva")
	}
	settings, err := json.Marshal(map[string]any{
		"clientID": clientID, "clientSecret": clientSecret, "redirectURIs": []string{redirectURI, otherURI},
		"user": user, "scope": scope, "life": int(life / time.Second),
	})
	if err != nil {
		t.Fatal(err)
	}
	node := exec.CommandContext(t.Context(), "node", filepath.Join("panva", "server.mjs"), string(settings))
	var complaints bytes.Buffer
	node.Stderr = &complaints
	out, err := node.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := node.StdinPipe() // the server ends with it
	if err != nil {
		t.Fatal(err)
	}
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = node.Wait()
		if t.Failed() {
			t.Logf("oidc-provider says:\n%s", complaints.String())
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		_ = node.Wait()
		t.Fatalf("oidc-provider does not start: %v\n%s", err, complaints.String())
	}
	url := strings.TrimSpace(line)
	return server{
		clientAuth: endpoint.BasicForm, issuer: url, family: true,
		url: url, authorize: "/auth", token: "/token", introspect: "/token/introspection", revoke: "/token/revocation",
	}
}

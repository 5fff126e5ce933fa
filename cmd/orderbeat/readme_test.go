package main // an inside test: a main package cannot be imported

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"orderbeat/cmd/orderbeat/cli"
)

// TestReadmeProviderWorks adds a provider as the README says, and sends a request to it.
func TestReadmeProviderWorks(t *testing.T) {
	readme, err := os.ReadFile("../../docs/add-a-provider.md")
	if err != nil {
		t.Fatal(err)
	}
	chapter := string(readme)
	blocks := regexp.MustCompile("(?s)```toml\n(.*?)```").FindAllStringSubmatch(chapter, -1)
	if len(blocks) != 2 {
		t.Fatalf("got %d blocks of TOML, want the declaration and its section", len(blocks))
	}
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("X-Acme-Key") != acmeKey:
			w.WriteHeader(http.StatusUnauthorized)
		case r.URL.Path == "/v1/orders" && r.URL.Query().Get("customer") == "1000001":
			fmt.Fprint(w, `{"pages": 1, "orders": [{"number": "A-7", "ordered": "05.01.2026", "lines": [{"no": 1, "quantity": 2, "sent": 2}]}]}`)
		case r.URL.Path == "/v1/orders/A-7":
			fmt.Fprint(w, `{"number": "A-7", "ordered": "05.01.2026", "lines": []}`)
		case r.URL.Path == "/v1/orders/A-8":
			fmt.Fprint(w, `{"error": "no such customer"}`)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer api.Close()
	folder := t.TempDir()
	config := filepath.Join(folder, "config.toml")
	for path, text := range map[string]string{config: blocks[1][1], filepath.Join(folder, "acme.toml"): blocks[0][1]} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	env := func(name string) string { return map[string]string{"ACME_API_KEY": acmeKey}[name] }
	command := func(args ...string) result {
		var stdout, stderr strings.Builder
		status := run(t.Context(), append([]string{"--config", config}, args...), env, &stdout, &stderr)
		return result{status, stdout.String(), stderr.String()}
	}
	if r := command("check"); r.status != cli.Done || !strings.Contains(r.stdout, "1 sample tried: OK") || strings.Contains(r.stdout, "note:") {
		t.Fatalf("got %+v, want what the README says to be right", r)
	}
	// Send no request to the README's address.
	here := strings.Replace(blocks[1][1], `"production"`, fmt.Sprintf("\"test\"\nallow_insecure_http = true\nbase_url = %q", api.URL), 1)
	if err := os.WriteFile(config, []byte(here), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args   []string
		status int
		want   string
	}{
		{nil, cli.Done, "\nA-7    -          2026-01-05  shipped        2        2     0  -             1\n"},
		{[]string{"--order-id", "A-7"}, cli.Done, "\n1 order\n"},
		{[]string{"--order-id", "A-0"}, cli.Done, "\n0 orders\n"},
		{[]string{"--order-id", "A-8"}, cli.Failed, "main: invalid: no such customer\n"},
	} {
		if r := command(append([]string{"provider", "try", "acme"}, c.args...)...); r.status != c.status || !strings.Contains(r.stdout+r.stderr, c.want) {
			t.Errorf("%v: got %+v, want %q", c.args, r, c.want)
		}
	}
}

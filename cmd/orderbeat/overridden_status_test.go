package main // an inside test: a main package cannot be imported

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"orderbeat/cmd/orderbeat/cli"
)

// try and check warn if the lines of an order override its mapped status.
func TestTryAndCheckWarnAboutAnOverriddenStatus(t *testing.T) {
	t.Parallel()
	const answer = `{"orders":[{"id":"A-1","state":"confirmed"},{"id":"A-2","state":"cancelled"}]}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, answer) }))
	t.Cleanup(server.Close)
	config := filepath.Join(t.TempDir(), "config.toml")
	text := fmt.Sprintf(`
[providers.acme]
kind = "declared"
base_url = %q
allow_insecure_http = true
scheme = "none"
map = '.orders[] | {order_id: .id, status: .state, lines: [{ordered: 1, open: 1}]}'
[providers.acme.orders]
path = "/orders"
[[providers.acme.samples]]
name = "two"
answer = '%s'
orders = '[{"order_id":"A-1","status":"open","lines":[{"ordered":1,"open":1}]},{"order_id":"A-2","status":"cancelled","lines":[{"ordered":1,"open":1}]}]'
[[providers.acme.accounts]]
name = "main"
`, server.URL, answer)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	const warning = `order A-1: the mapping returns status "confirmed", but its lines imply "open", which is stored`
	for command, want := range map[string]string{
		"provider try acme":        "warning: " + warning,
		"provider try acme --json": strings.ReplaceAll(warning, `"`, `\"`),
		"check":                    "note: provider acme: sample two: " + warning,
	} {
		r := do(t, append([]string{"--config", config}, strings.Fields(command)...)...)
		if r.status != cli.Done || !strings.Contains(r.stdout, want) || strings.Contains(r.stdout, "order A-2: its") {
			t.Errorf("%s: got %+v, want %s", command, r, want)
		}
	}
}

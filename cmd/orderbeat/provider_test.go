package main // an inside test: a main package cannot be imported

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"orderbeat/clients"
	"orderbeat/clients/sandbox"
	"orderbeat/clients/sandbox/microbilt"
	"orderbeat/cmd/orderbeat/cli"
)

// acme is an API with orders that requires a key and records requests.
type acme struct {
	url   string
	asked []string
}

// Markers in responses of acme; some may be shown, others not.
const (
	acmeKey    = "canary-api-key"
	acmeToken  = "canary-token-in-the-answer"
	acmeCard   = "4111111111111111"
	acmePerson = "Wanda Example"
)

func newAcme(t *testing.T) *acme {
	t.Helper()
	a := &acme{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.asked = append(a.asked, r.Method+" "+r.URL.RequestURI())
		w.Header().Set("X-Request-Id", "r-1")
		w.Header().Set("Set-Cookie", "session="+acmeToken)
		switch {
		case r.Header.Get("X-API-Key") != acmeKey:
			w.WriteHeader(http.StatusUnauthorized)
		case r.URL.Path == "/v1/orders/A-1":
			fmt.Fprint(w, acmeOrder("A-1"))
		case r.URL.Path == "/v1/orders/wrong":
			fmt.Fprint(w, `{"number": "wrong", "lines": [], "ordered": "soon"}`)
		case r.URL.Path == "/v1/orders":
			fmt.Fprintf(w, `{"pages": 3, "orders": [%s, %s, %s, %s]}`, acmeOrder("A-7000001"), acmeOrder("A-7000002"), acmeOrder("A-7000003"), acmeOrder("A-7000004"))
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(server.Close)
	a.url = server.URL
	return a
}

func acmeOrder(number string) string {
	return fmt.Sprintf(`{"number": %q, "po": "PO-550123", "ordered": "05.01.2026", "driverName": %q, "token": %q, "card": %q,
  "lines": [{"no": 1, "sku": "S-1", "text": "for %s", "quantity": 4, "sent": 1, "due": "09.01.2026"}]}`, number, acmePerson, acmeToken, acmeCard, acmePerson)
}

// declareAcme writes a configuration with a new declaration, and returns both paths.
func declareAcme(t *testing.T, url string) (config, declaration string) {
	t.Helper()
	folder := t.TempDir()
	config, declaration = filepath.Join(folder, "config.toml"), filepath.Join(folder, "acme.toml")
	if r := do(t, "provider", "new", "acme", "--output", declaration); r.status != cli.Done {
		t.Fatalf("got %+v", r)
	}
	text := fmt.Sprintf(`
[providers.acme]
kind = "declared"
declaration = "acme.toml"
environment = "sandbox"
base_url = %q
api_key = %q
[[providers.acme.accounts]]
name = "main"
bill_to = "BILL-99887"
`, url, writeSecret(t, folder, "key", acmeKey))
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return config, declaration
}

func TestNewDeclarationIsValid(t *testing.T) {
	t.Chdir(t.TempDir())
	r := do(t, "provider", "new", "acme-parts")
	if r.status != cli.Done {
		t.Fatalf("got %+v", r)
	}
	text, err := os.ReadFile("acme-parts.toml")
	if err != nil {
		t.Fatal(err)
	}
	// The output is TOML: append it unchanged.
	if err := os.WriteFile("config.toml", []byte(r.stdout), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr strings.Builder
	getenv := func(name string) string { return map[string]string{"ACME_PARTS_API_KEY": acmeKey}[name] }
	if status := run(t.Context(), []string{"check"}, getenv, &stdout, &stderr); status != cli.Done || !strings.Contains(stdout.String(), "2 samples tried: OK") {
		t.Errorf("got %d, %s%s, want what was written and printed to be right", status, stdout.String(), stderr.String())
	}

	r = do(t, "provider", "new", "acme-parts")
	again, err := os.ReadFile("acme-parts.toml")
	if r.status != cli.Usage || !strings.Contains(r.stderr, "acme-parts.toml exists and is not overwritten") || string(again) != string(text) || err != nil {
		t.Errorf("got %+v, %v, want a file that is there left alone", r, err)
	}
	if r := do(t, "provider", "new", "acme parts"); r.status != cli.Usage || !strings.Contains(r.stderr, "invalid provider name") {
		t.Errorf("got %+v", r)
	}
}

func TestTryShowsOneCallAndStoresNothing(t *testing.T) {
	api := newAcme(t)
	config, declaration := declareAcme(t, api.url)
	before, _ := os.ReadFile(declaration)
	r := do(t, "--config", config, "provider", "try", "acme", "--from", "2026-01-01", "--to", "2026-01-31")
	for _, want := range []string{
		"acme, account main: orders of 2026-01-01 to 2026-01-31\n", "\n> GET " + api.url + "/v1/orders?customer=BILL-99887&from=2026-01-01&page=1&to=2026-01-31\n> Accept: application/json\n",
		"\n< 200 OK, ", "\n< X-Request-Id: r-1\n", "\"token\": \"REDACTED\"", "\"driverName\": \"REDACTED\"", "note: values that look like secrets are shown as REDACTED", "note: there are more pages",
		"\n4 orders\nORDER      REFERENCE  ORDERED ON  STATUS", "\nA-7000001  PO-550123  2026-01-05  partially_shipped        4        1     3  2026-01-09      1\n", "\nthe first one:\n  {\n    \"provider\": \"acme\",",
	} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("want %q in it", want)
		}
	}
	if r.status != cli.Done || r.stderr != "" || len(api.asked) != 1 {
		t.Errorf("got %d, %s, calls %v, want one call that is well; stdout:\n%s", r.status, r.stderr, api.asked, r.stdout)
	}
	for _, secret := range []string{acmeKey, acmeToken, acmeCard} {
		if strings.Contains(r.stdout, secret) {
			t.Errorf("it shows %q", secret)
		}
	}
	left, err := os.ReadDir(filepath.Dir(config))
	if after, _ := os.ReadFile(declaration); len(left) != 3 || err != nil || string(after) != string(before) {
		t.Errorf("got %v, %v, want nothing written", left, err)
	}
}

func TestTryAsJSON(t *testing.T) {
	api := newAcme(t)
	config, _ := declareAcme(t, api.url)
	r := do(t, "--config", config, "provider", "try", "acme", "--order-id", "A-1", "--json")
	var got struct {
		Question struct {
			OrderIDs []string `json:"order_ids"`
		}
		Exchanges []struct {
			Status int
			URL    string
		}
		Orders []clients.Order
		More   bool
	}
	err := json.Unmarshal([]byte(r.stdout), &got)
	if err != nil || r.status != cli.Done || len(got.Orders) != 1 || got.Orders[0].OrderID != "A-1" || got.More || got.Question.OrderIDs[0] != "A-1" ||
		len(got.Exchanges) != 1 || got.Exchanges[0].Status != 200 || got.Exchanges[0].URL != api.url+"/v1/orders/A-1" {
		t.Errorf("got %+v, %v from %+v", got, err, r)
	}
}

func TestTryRequestsOneWindow(t *testing.T) {
	api := newAcme(t)
	config, _ := declareAcme(t, api.url)
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, "[providers.acme.orders]\nwindow_days = 7\n"...)
	if err := os.WriteFile(config, text, 0o600); err != nil {
		t.Fatal(err)
	}
	days := regexp.MustCompile(`main: orders of (\S+) to (\S+?)(, the newest of 3 windows)?\n`)
	for lookback, windows := range map[string]string{"": "", "20d": ", the newest of 3 windows"} {
		args := []string{"--config", config, "provider", "try", "acme"}
		if lookback != "" {
			args = append(args, "--lookback", lookback)
		}
		r := do(t, args...)
		m := days.FindStringSubmatch(r.stdout)
		if m == nil || r.status != cli.Done {
			t.Fatalf("got %+v", r)
		}
		if clients.Date(m[1]).AddDays(6) != clients.Date(m[2]) || m[3] != windows {
			t.Errorf("lookback %q: got %v, want 7 days%s", lookback, m[1:], windows)
		}
	}
	if len(api.asked) != 2 {
		t.Errorf("got calls %v, want one for each", api.asked)
	}
}

func TestTryReportsFailures(t *testing.T) {
	api := newAcme(t)
	config, _ := declareAcme(t, api.url)
	nobody, _ := declareAcme(t, "http://127.0.0.1:1")
	for name, c := range map[string]struct {
		config         string
		args           []string
		stdout, stderr string
	}{
		"an answer that cannot be mapped":  {config, []string{"--order-id", "wrong"}, `"ordered": "soon"`, "main: bad_response: the response cannot be mapped: orders[0]: day: the text is not a date"},
		"a refusal":                        {config, []string{"--reference", "PO-1"}, "", "the provider has no requests by reference"},
		"nobody there":                     {nobody, nil, "< no response", "main: unavailable: "},
		"an order that there is not":       {config, []string{"--order-id", "A-0"}, "\n0 orders\n", ""},
		"no sample of what cannot be read": {config, []string{"--order-id", "wrong", "--save-sample"}, "", "bad_response"},
		"no sample of nothing":             {config, []string{"--order-id", "A-0", "--save-sample"}, "", "no sample saved: the response has no orders"},
	} {
		t.Run(name, func(t *testing.T) {
			r := do(t, append([]string{"--config", c.config, "provider", "try", "acme"}, c.args...)...)
			if want := map[bool]int{true: cli.Done, false: cli.Failed}[c.stderr == ""]; r.status != want || !strings.Contains(r.stdout, c.stdout) || !strings.Contains(r.stderr, c.stderr) {
				t.Errorf("got %d, want %d\n%s\n%s", r.status, want, r.stdout, r.stderr)
			}
		})
	}
}

func TestTryUsageErrors(t *testing.T) {
	folder := t.TempDir()
	config := filepath.Join(folder, "config.toml")
	text := `[sandbox]
listen = "127.0.0.1:0"
[providers.microbilt]
kind = "microbilt"
[[providers.microbilt.accounts]]
name = "office"
params = { product = "IBV" }
[providers.michelin]
kind = "michelin"
[[providers.michelin.accounts]]
name = "detroit"
bill_to = "1111111"
[[providers.michelin.accounts]]
name = "toledo"
bill_to = "2222222"
[providers.shell]
kind = "shell"
[[providers.shell.accounts]]
name = "fleet"
bill_to = "GB00000101"
params = { colco = 32 }
[providers.mazda]
kind = "mazda"
[[providers.mazda.accounts]]
name = "dealer"
user = "johndoe"
org = "10030/MMD"
`
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{}, "expected one argument, the provider, got 0"},
		{[]string{"nobody"}, `unknown provider "nobody"; configured: mazda, michelin, microbilt, shell`},
		{[]string{"michelin"}, "choose an account with --account: detroit, toledo"},
		{[]string{"michelin", "--account", "paris"}, `--account: michelin has no account "paris"; configured: detroit, toledo`},
		{[]string{"michelin", "--account", "detroit", "--to", "2026-01-01"}, "--to needs --from"},
		{[]string{"michelin", "--account", "detroit", "--from", "soon"}, `--from: "soon" is not a date`},
		{[]string{"michelin", "--account", "detroit", "--lookback", "long"}, `--lookback: "long" is not a duration`},
		{[]string{"michelin", "--account", "detroit", "--lookback", "7d", "--from", "2026-01-01"}, "[from lookback]"},
		{[]string{"michelin", "--account", "detroit", "--lookback", "7d", "--order-id", "1"}, "[lookback order-id]"},
		{[]string{"michelin", "--account", "detroit", "--from", "2026-01-01", "--reference", "1"}, "[from reference]"},
		{[]string{"michelin", "--account", "detroit", "--order-id", "2", "--reference", "1"}, "[order-id reference]"},
		{[]string{"michelin", "--account", "detroit", "--from", "2999-01-01", "--to", "2999-01-02"}, "the window begins after today"},
		{[]string{"michelin", "--account", "detroit", "--order-id", " "}, "an order id or reference is blank"},
		{[]string{"michelin", "--account", "detroit", "--save-sample"}, `--save-sample: kind "michelin" is not declared and has no samples`},
		{[]string{"michelin", "--account", "detroit", "--name", "x"}, "--name needs --save-sample"},
		{[]string{"shell", "--from", "2020-01-01"}, "The provider supports the last 7 days, including today."},
		{[]string{"microbilt"}, "microbilt has no operation for date ranges: give --order-id or --reference"},
		{[]string{"microbilt", "--order-id", "APP-1001", "--save-sample"}, `--save-sample: the provider's exchanges = "metadata" forbids storing responses`},
		{[]string{"mazda"}, "mazda declares no operation for orders"},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			r := do(t, append([]string{"--config", config, "provider", "try"}, c.args...)...)
			if r.status != cli.Usage || !strings.Contains(r.stderr, c.want) || r.stdout != "" {
				t.Errorf("got %+v, want status %d and %q", r, cli.Usage, c.want)
			}
		})
	}
	if left, err := os.ReadDir(folder); len(left) != 1 || err != nil {
		t.Errorf("got %v, %v, want nothing written", left, err)
	}
}

func TestSampleIsSavedAndChecked(t *testing.T) {
	for name, ending := range map[string]string{"lines as here": "\n", "lines as elsewhere": "\r\n", "no end of the last line": ""} {
		t.Run(name, func(t *testing.T) {
			api := newAcme(t)
			config, declaration := declareAcme(t, api.url)
			text, err := os.ReadFile(declaration)
			if err != nil {
				t.Fatal(err)
			}
			before := strings.TrimSuffix(string(text), "\n")
			if ending != "" {
				before = strings.ReplaceAll(string(text), "\n", ending)
			}
			if err := errors.Join(os.WriteFile(declaration, []byte(before), 0o640), os.Chmod(declaration, 0o640)); err != nil {
				t.Fatal(err)
			}
			r := do(t, "--config", config, "provider", "try", "acme", "--lookback", "7d", "--save-sample", "--name", `four "live" ones`)
			after, err := os.ReadFile(declaration)
			info, statErr := os.Stat(declaration)
			if r.status != cli.Done || err != nil || statErr != nil || !strings.HasPrefix(string(after), before) || info.Mode().Perm() != 0o640 {
				t.Fatalf("got %+v, %v, want the file to go on as it was", r, errors.Join(err, statErr))
			}
			added := string(after)[len(before):]
			if crlf := strings.Count(added, "\r\n"); ending == "\r\n" && crlf != strings.Count(added, "\n") || ending != "\r\n" && crlf > 0 {
				t.Errorf("want lines to end as before:\n%q", added)
			}
			if !strings.Contains(r.stdout, `added sample "four \"live\" ones" to `+declaration+": OK, 4 orders\n  Review it before you commit it") {
				t.Errorf("got %s", r.stdout)
			}
			for _, secret := range []string{acmeKey, acmeToken, acmeCard} {
				if strings.Contains(added, secret) {
					t.Errorf("the sample tells %q:\n%s", secret, added)
				}
			}
			if checked := do(t, "--config", config, "check"); checked.status != cli.Done || !strings.Contains(checked.stdout, "3 samples tried: OK") {
				t.Errorf("got %+v", checked)
			}
			if left, err := os.ReadDir(filepath.Dir(config)); len(left) != 3 || err != nil {
				t.Errorf("got %v, %v, want no file left beside it", left, err)
			}
		})
	}
}

func TestSampleThatInvalidatesTheConfigurationIsRemoved(t *testing.T) {
	api := newAcme(t)
	// The inline list of samples cannot be extended by a table.
	config, declaration := declareAcme(t, api.url)
	text, err := os.ReadFile(declaration)
	if err != nil {
		t.Fatal(err)
	}
	head, _, _ := strings.Cut(string(text), "[[samples]]")
	head = "samples = []\n" + head
	if err := os.WriteFile(declaration, []byte(head), 0o600); err != nil {
		t.Fatal(err)
	}
	r := do(t, "--config", config, "provider", "try", "acme", "--order-id", "A-1", "--save-sample")
	after, err := os.ReadFile(declaration)
	if r.status != cli.Failed || err != nil || string(after) != head || !strings.Contains(r.stderr, "no sample saved: the sample would make "+declaration+" invalid; it was not added: ") ||
		!strings.Contains(r.stderr, "acme.toml:") || strings.Contains(r.stdout, "is added to") {
		t.Errorf("got %+v, %v, want the file as it was, and why", r, err)
	}
}

// TestTryAgainstTheSandbox runs the sandbox within the command.
func TestTryAgainstTheSandbox(t *testing.T) {
	folder := t.TempDir()
	config := filepath.Join(folder, "config.toml")
	text := `[sandbox]
listen = "127.0.0.1:0"
[providers.ptv]
kind = "ptv"
[[providers.ptv.accounts]]
name = "main"
[providers.shell]
kind = "shell"
[[providers.shell.accounts]]
name = "fleet"
bill_to = "GB00000101"
timezone = "Europe/London"
params = { colco = 32 }
[providers.microbilt]
kind = "microbilt"
[[providers.microbilt.accounts]]
name = "office"
params = { product = "IBV" }
[providers.michelin]
kind = "michelin"
[[providers.michelin.accounts]]
name = "detroit"
bill_to = "1111111"
`
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	try := func(args ...string) result {
		t.Helper()
		r := do(t, append([]string{"--config", config, "provider", "try"}, args...)...)
		for _, secret := range []string{
			sandbox.ClientSecret, sandbox.PTVClientSecret, sandbox.ShellClientSecret, sandbox.MicrobiltClientSecret,
			microbilt.CanaryName, microbilt.CanaryNumber, "7077327000", "Bearer",
		} {
			if strings.Contains(r.stdout+r.stderr, secret) {
				t.Errorf("%v shows %q", args, secret)
			}
		}
		if r.status != cli.Done {
			t.Fatalf("%v: got %+v", args, r)
		}
		return r
	}
	if r := try("michelin"); !strings.Contains(r.stdout, "> POST http://127.0.0.1:") || !strings.Contains(r.stdout, "\nORDER ") || !strings.Contains(r.stdout, "lines more: see --json") {
		t.Errorf("got %s", r.stdout)
	}
	if r := try("ptv", "--save-sample"); strings.Count(r.stdout, "\n> GET ") != 2 || !strings.Contains(r.stdout, "\n1 order\n") || !strings.Contains(r.stdout, "there are more pages") {
		t.Errorf("got %s, want a list and its first item", r.stdout)
	}
	if r := try("shell", "--save-sample"); !strings.Contains(r.stdout, `"CardPAN": "REDACTED"`) || !strings.Contains(r.stdout, " to "+config) {
		t.Errorf("got %s", r.stdout)
	}
	if r := try("microbilt", "--order-id", "APP-1001"); !strings.Contains(r.stdout, "body not shown") || !strings.Contains(r.stdout, "\nAPP-1001") {
		t.Errorf("got %s", r.stdout)
	}
	after, err := os.ReadFile(config)
	if err != nil || !strings.HasPrefix(string(after), text) {
		t.Fatalf("got %v and %s", err, after)
	}
	if strings.Contains(string(after)[len(text):], "7077327000") {
		t.Error("a sample has the number of a card")
	}
	if r := do(t, "--config", config, "check"); r.status != cli.Done || strings.Count(r.stdout, "tried: OK") != 3 {
		t.Errorf("got %+v, want the samples right", r)
	}
	if _, err := os.Stat(filepath.Join(folder, "data")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want no database and no key", err)
	}
}

// TestTryUsesTheWorkersTokens checks that try uses the stored tokens, and writes only tokens to
// the database.
func TestTryUsesTheWorkersTokens(t *testing.T) {
	stand, folder := newOutside(t), t.TempDir()
	p := startHere(t, dealers(t, folder, stand, webOn(t, "127.0.0.1", "")+everyKind(t, folder, stand)))
	if r := do(t, "--config", p.config, "doctor", "michelin"); r.status != cli.Done {
		t.Fatalf("got %+v", r)
	}
	const login = "POST /idp/v2/b2b/oauth2/token"
	logins := stand.count(login)
	orders := func() string { return do(t, "--config", p.config, "orders", "--json").stdout }
	before := orders()
	r := do(t, "--config", p.config, "provider", "try", "michelin")
	if r.status != cli.Done || !strings.Contains(r.stdout, "\nORDER ") || stand.count(login) != logins {
		t.Errorf("got %d logins after %d, %+v, want the worker's token used", stand.count(login), logins, r)
	}
	if after := orders(); after != before {
		t.Errorf("got %s, want nothing stored", after)
	}
	for _, s := range stand.secrets() {
		if len(s) >= 8 && strings.Contains(r.stdout+r.stderr, s) {
			t.Errorf("it shows a secret")
		}
	}
	p.stop()
}

package main // an inside test: a main package cannot be imported

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

const (
	echoID     = "canary-client"
	echoSecret = `cän"ary/secret+77 99`
	echoToken  = "canary.access/token+0123456789=="
	echoKey    = "canary-api-key/8888+9999"
	echoUser   = "canary-user"
	echoPass   = "canary:pass/word&55 66"
)

// spellings are the encodings in which a provider may echo a secret.
func spellings(secret string) []string {
	quoted, _ := json.Marshal(secret)
	inner := string(quoted[1 : len(quoted)-1])
	var units strings.Builder
	for _, r := range secret {
		fmt.Fprintf(&units, `\u%04X`, r)
	}
	raw := []byte(secret)
	return []string{
		secret, inner, strings.ReplaceAll(inner, "/", `\/`), units.String(), url.QueryEscape(secret), url.PathEscape(secret),
		strings.ToLower(url.QueryEscape(secret)), html.EscapeString(secret),
		base64.StdEncoding.EncodeToString(raw), base64.RawStdEncoding.EncodeToString(raw),
		base64.URLEncoding.EncodeToString(raw), base64.RawURLEncoding.EncodeToString(raw),
	}
}

// TestSecretsEchoedByAProviderAreMasked has providers echo the credentials of the request, in
// every encoding, in headers and bodies of successes and failures, and searches everything
// that the program logged, stored, published and printed.
func TestSecretsEchoedByAProviderAreMasked(t *testing.T) {
	t.Parallel()
	basic := func(user, password string) string {
		return base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	}
	known := map[string][]string{ // by provider
		"oauth": {echoSecret, echoToken, echoID + ":" + echoSecret},
		"keyed": {echoKey},
		"basic": {echoPass, echoUser + ":" + echoPass},
	}
	canaries := map[string][]string{}
	for _, secrets := range known {
		for _, secret := range secrets {
			canaries[secret] = spellings(secret)
		}
	}
	body := func(status int, provider string) string {
		var all []string
		for _, secret := range known[provider] {
			all = append(all, canaries[secret]...)
		}
		var b strings.Builder
		fmt.Fprintf(&b, `{"kept":"as it is %d","error":"cannot use`, status)
		for _, s := range all {
			quoted, _ := json.Marshal(s)
			b.WriteString(" " + string(quoted[1:len(quoted)-1]))
		}
		b.WriteString(`"`)
		for i, s := range all {
			quoted, _ := json.Marshal(s)
			fmt.Fprintf(&b, `,"field%d":%s`, i, quoted)
		}
		for i, s := range all { // escaped by the provider itself
			if json.Valid([]byte(`"` + s + `"`)) {
				fmt.Fprintf(&b, `,"raw%d":"%s"`, i, s)
			}
		}
		return b.String() + `,"orders":[]}`
	}
	var status atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"access_token":%q,"token_type":"Bearer","expires_in":3600}`, echoToken)
			return
		}
		code := int(status.Load())
		w.Header().Set("Content-Type", "application/json")
		provider := strings.Trim(r.URL.Path, "/")
		w.Header().Set("X-Echo", url.QueryEscape(known[provider][0])+" "+r.Header.Get("X-Key")+" "+r.Header.Get("Authorization"))
		if provider == "oauth" {
			w.Header().Add("X-Echo", basic(echoID, echoSecret)+" "+echoToken)
		}
		w.WriteHeader(code)
		fmt.Fprint(w, body(code, provider))
	}))
	defer server.Close()

	folder := t.TempDir()
	const operation = `
[providers.%[1]s.orders]
path = "/%[1]s"
query = { note = '\(.)' }
map = 'if .fail then error(.error) else .orders[] | {order_id: .id} end'
[[providers.%[1]s.failures]]
status = [200, 400, 500]
when = '.error != null'
code = "invalid"
message = '\(.error)'
[[providers.%[1]s.accounts]]
name = "main"
`
	var text strings.Builder
	fmt.Fprintf(&text, "[nats]\nlisten = \"127.0.0.1:%s\"\nsync = \"2m\"\n[log]\nlevel = \"debug\"\n%s", freePort(t), webOn(t, "127.0.0.1", ""))
	for name, keys := range map[string]string{
		"oauth": fmt.Sprintf("scheme = \"oauth2\"\ntoken_url = %q\nclient_id = %q\nclient_secret = %q\n", server.URL+"/token",
			writeSecret(t, folder, "id", echoID), writeSecret(t, folder, "secret", echoSecret)),
		"keyed": fmt.Sprintf("scheme = \"api_key\"\napi_key_header = \"X-Key\"\napi_key = %q\n", writeSecret(t, folder, "key", echoKey)),
		"basic": fmt.Sprintf("scheme = \"basic\"\nusername = %q\npassword = %q\n", echoUser, writeSecret(t, folder, "pass", echoPass)),
	} {
		fmt.Fprintf(&text, "[providers.%s]\nkind = \"declared\"\nenvironment = \"production\"\nbase_url = %q\nallow_insecure_http = true\nretry = { attempts = 1, for = \"1m\" }\n%s",
			name, server.URL, keys)
		fmt.Fprintf(&text, strings.ReplaceAll(operation, `query = { note = '\(.)' }`+"\n", ""), name)
	}
	config := filepath.Join(folder, "config.toml")
	if err := os.WriteFile(config, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}

	p := startHere(t, config)
	var said strings.Builder
	command := func(args ...string) {
		t.Helper()
		r := do(t, append([]string{"--config", config}, args...)...)
		fmt.Fprintf(&said, "%v\n%s%s", args, r.stdout, r.stderr)
	}
	for _, code := range []int{200, 400, 403, 500} {
		status.Store(int64(code))
		for _, provider := range []string{"oauth", "keyed", "basic"} {
			command("sync", provider)
			command("provider", "try", provider, "--account", "main", "--json")
			command("provider", "try", provider, "--account", "main")
		}
	}
	exchanges := p.count("exchanges")
	if exchanges < 12 {
		t.Errorf("only %d exchanges: this test proves too little", exchanges)
	}
	for id := range exchanges {
		command("exchanges", fmt.Sprint(id+1), "--body")
		command("exchanges", fmt.Sprint(id+1))
	}
	command("runs", "--json")
	command("jobs", "--json")
	messages := p.everyMessage()
	p.stop()

	places := map[string]string{"the log": p.logged.String(), "a command": said.String(), "a message": messages}
	maps.Copy(places, filesBelow(t, filepath.Join(folder, "data")))
	maps.Copy(places, exchangesIn(t, filepath.Join(folder, "data", "orderbeat.db")))
	if !strings.Contains(said.String(), "as it is 500") {
		t.Error("what is no secret is not shown: this test proves too little")
	}
	for place, content := range places {
		for name, list := range canaries {
			for _, s := range list {
				if at := strings.Index(content, s); at >= 0 {
					t.Errorf("%s tells %s as %s: …%.80q", place, name, s, content[max(0, at-60):at])
				}
			}
		}
	}
}

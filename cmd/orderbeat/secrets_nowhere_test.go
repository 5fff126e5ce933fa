package main // an inside test: a main package cannot be imported

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"orderbeat/clients/sandbox"
	"orderbeat/db"
	"orderbeat/db/exchanges"
)

// TestSecretsAppearNowhere exercises everything about tokens with the log at level debug, and
// then searches all output, files, messages and the database for secrets seen on the wire.
func TestSecretsAppearNowhere(t *testing.T) {
	t.Parallel()
	stand, folder := newOutside(t), t.TempDir()
	const webPassword = "canary web password"
	more := webOn(t, "127.0.0.1", fmt.Sprintf("auth = { user = \"ops\", password = %q }", writeSecret(t, folder, "web-password", webPassword))) +
		"[log]\nlevel = \"debug\"\n" + everyKind(t, folder, stand)
	config := dealers(t, folder, stand, more)
	var said strings.Builder // what the commands printed
	command := func(stdin string, args ...string) {
		t.Helper()
		r := doWith(t, stdin, append([]string{"--config", config}, args...)...)
		fmt.Fprintf(&said, "%v\n%s%s", args, r.stdout, r.stderr)
	}
	b := newBrowser(t)

	p := startHere(t, config)
	b.client.Transport = &passing{base: http.DefaultTransport, to: p.web, user: "ops", password: webPassword}
	command("", "doctor")
	b.grant(p.web+"/oauth/start/mazda?user=johndoe", "johndoe")
	b.page(b.answer(b.begin(p.web+"/oauth/start/mazda?user=jane"), "jane", "access_denied"))
	forged := b.answer(b.begin(p.web+"/oauth/start/mazda?user=jane"), "jane", "grant")
	b.page(strings.Replace(forged, "code=", "code=x", 1)) // a code that was never issued
	b.page(forged)
	b.page(p.web + "/oauth/callback/mazda?code=canary-code&state=canary-state&error_description=canary-words")
	command("canary-paste", "auth", "login", "mazda", "--user", "jane", "--paste")
	command("", "auth", "login", "mazda", "--user", "jane", "--print-url")

	command("", "sync", "michelin")
	stand.post("/_sandbox/revoke", "") // calls return 401 and are replayed with new tokens
	command("", "doctor", "--json")
	stand.post("/_sandbox/revoke", `{"provider":"mazda","user":"johndoe","refresh":true}`) // the refresh is rejected
	stand.post("/_sandbox/fault", `{"op":"shell_token","status":500,"body":"<b>trouble</b>"}`)
	stand.post("/_sandbox/fault", `{"op":"token","refuse_client":true}`)
	command("", "doctor")
	command("", "sync", "michelin") // is rejected
	command("", "auth", "unlatch", "michelin")
	command("", "sync", "michelin")
	stand.post("/_sandbox/fault", `{"op":"order_status","status":200,"body":"{\"client_secret\":\"canary-echo\",\"card\":4111111111111111,\"note\":\"kept as it is\""}`)
	command("", "sync", "michelin") // unreadable at first, and recorded
	command("", "auth", "introspect", "michelin")
	command("", "auth", "rekey")
	command("", "auth", "status")
	command("", "auth", "status", "--json")
	command("", "auth", "logout", "michelin")
	_, metrics := b.page(p.web + "/metrics")
	fmt.Fprintf(&said, "%s", p.request("providers.list", ""))
	if !strings.Contains(metrics, "orderbeat_auth_logins_total") {
		t.Errorf("got no metrics: %s", metrics)
	}
	p.stop()
	p2 := startHere(t, config)
	command("", "doctor")
	messages := p2.everyMessage()
	p2.stop()
	command("", "auth", "status")
	command("", "runs", "--json")

	secrets := stand.secrets(
		webPassword, sandbox.ClientSecret, sandbox.MazdaClientSecret, sandbox.PTVClientSecret, sandbox.ShellClientSecret,
		sandbox.MicrobiltClientSecret, "canary-code", "canary-state", "canary-words", "canary-paste", "canary-echo", "4111111111111111",
	)
	for _, needed := range []string{"POST /oauth/token", "POST /v2/oauth/token", "POST /ptv/oauth2/token", "POST /OAuth/GetAccessToken", "POST /idp/v2/b2b/oauth2/token", "POST /idp/v2/b2b/oauth2/introspect", "GET /mazda/ping"} {
		if stand.count(needed) == 0 {
			t.Errorf("%s was never asked for: this test proves too little", needed)
		}
	}
	if len(secrets) < 60 {
		t.Errorf("only %d spellings of secrets went over the wire: this test proves too little", len(secrets))
	}
	places := map[string]string{
		"the log": p.logged.String() + p2.logged.String(), "a page": b.seen.String(), "a command": said.String(), "a message": messages,
	}
	files := filesBelow(t, filepath.Join(folder, "data"))
	if all := strings.Join(slices.Collect(maps.Values(files)), ""); !strings.Contains(all, "kept as it is") {
		t.Error("the answer that could not be read is kept nowhere: this test proves too little")
	}
	packed, again := 0, 0
	for _, content := range exchangesIn(t, filepath.Join(folder, "data", "orderbeat.db")) {
		if strings.Contains(content, "referencedOrder") {
			packed++
		}
		if strings.Contains(content, "sent again with another") {
			again++
		}
	}
	if packed == 0 || again == 0 {
		t.Errorf("got %d exchanges with orders and %d refused tokens: this test proves too little", packed, again)
	}
	maps.Copy(places, files)
	for place, content := range places {
		for _, s := range secrets {
			if at := strings.Index(content, s); at >= 0 && len(s) >= 8 {
				t.Errorf("%s tells a secret: …%.60q", place, content[max(0, at-50):at])
			}
		}
	}
}

// everyKind is a section for every provider but Mazda.
func everyKind(t *testing.T, folder string, o *outside) string {
	t.Helper()
	var b strings.Builder
	for _, p := range []struct{ kind, id, secret string }{
		{"michelin", sandbox.ClientID, sandbox.ClientSecret},
		{"microbilt", sandbox.MicrobiltClientID, sandbox.MicrobiltClientSecret},
		{"ptv", sandbox.PTVClientID, sandbox.PTVClientSecret},
		{"shell", sandbox.ShellClientID, sandbox.ShellClientSecret},
	} {
		fmt.Fprintf(&b, "[providers.%[1]s]\nkind = %[1]q\nbase_url = %[2]q\nclient_id = %[3]q\nclient_secret = %[4]q\n[[providers.%[1]s.accounts]]\nname = \"one\"\n",
			p.kind, o.url, writeSecret(t, folder, p.kind+"-id", p.id), writeSecret(t, folder, p.kind+"-secret", p.secret))
		if p.kind == "michelin" {
			b.WriteString("bill_to = \"1111111\"\n")
		}
	}
	return b.String()
}

// everyMessage returns the content of all streams, headers included.
func (p *program) everyMessage() string {
	p.t.Helper()
	var all bytes.Buffer
	streams := p.js.ListStreams(p.t.Context())
	for info := range streams.Info() {
		consumer, err := p.js.OrderedConsumer(p.t.Context(), info.Config.Name, jetstream.OrderedConsumerConfig{})
		if err != nil {
			if info.Config.Retention == jetstream.WorkQueuePolicy {
				continue // consumed messages are gone; the files are searched too
			}
			p.t.Fatal(err)
		}
		for left := info.State.Msgs; left > 0; left-- {
			msg, err := consumer.Next(jetstream.FetchMaxWait(10 * time.Second))
			if err != nil {
				p.t.Fatalf("%s: %v", info.Config.Name, err)
			}
			fmt.Fprintf(&all, "%s %v\n%s\n", msg.Subject(), msg.Headers(), msg.Data())
		}
	}
	if all.Len() == 0 || streams.Err() != nil {
		p.t.Fatalf("got no messages, %v", streams.Err())
	}
	return all.String()
}

// exchangesIn returns all exchanges in a database, with responses decompressed.
func exchangesIn(t *testing.T, path string) map[string]string {
	t.Helper()
	database, err := db.OpenReadOnly(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer database.Close()
	list, err := database.Exchanges(t.Context(), exchanges.ExchangeFilter{Limit: 1_000_000})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, row := range list {
		_, x, _, err := database.Exchange(t.Context(), row.ExchangeID)
		if err != nil {
			t.Fatal(err)
		}
		body, err := x.Body()
		if err != nil {
			t.Fatal(err)
		}
		all[fmt.Sprint("exchange ", row.ExchangeID, " ", row.Provider, " ", row.Op)] = fmt.Sprintf("%+v\n%s", x, body)
	}
	return all
}

// filesBelow are the files in a folder, and what is in them, packed or not. The key is as secret as a
// file can be, and the only one.
func filesBelow(t *testing.T, folder string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		files[path] = string(content)
		return err
	})
	if err != nil || len(files) < 3 {
		t.Fatalf("got %d files, %v", len(files), err)
	}
	maps.Copy(files, exchangesIn(t, filepath.Join(folder, "orderbeat.db")))
	key, err := os.Stat(filepath.Join(folder, "key"))
	if err != nil || key.Mode().Perm() != 0o600 {
		t.Errorf("got %v %v, want a key that only its owner may read", key, err)
	}
	return files
}

package main // an inside test: a main package cannot be imported

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"testing"

	"orderbeat/clients/sandbox"
)

// grantedAccess is a provider whose users grant access, and which replaces a refresh token when it is used.
type grantedAccess struct {
	url string

	mu    sync.Mutex     // guards the rest
	spent map[string]int // how often each refresh token was sent
}

func newGrantedAccess(t *testing.T) *grantedAccess {
	t.Helper()
	d, stand := &grantedAccess{spent: map[string]int{}}, sandbox.New(sandbox.Options{TokenTTL: bookTokenLife})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if form, err := url.ParseQuery(string(body)); err == nil && form.Get("grant_type") == "refresh_token" {
			d.mu.Lock()
			d.spent[form.Get("refresh_token")]++
			d.mu.Unlock()
		}
		stand.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	d.url = server.URL
	return d
}

// addDealers adds the provider to a configuration, with a schedule.
func (f *faulty) addDealers(config, web string) {
	f.t.Helper()
	text, err := os.ReadFile(config)
	if err != nil {
		f.t.Fatal(err)
	}
	folder := filepath.Dir(config)
	if web != "" {
		text = bytes.Replace(text, []byte("[web]\nlisten = \"\"\n"), []byte(web), 1)
	}
	text = fmt.Appendf(text, `
[providers.mazda]
kind = "mazda"
base_url = %q
tls = { ca = %q }
client_id = %q
client_secret = %q
[[providers.mazda.accounts]]
name = "north"
user = "johndoe"
org = "10030/MMD"
[[schedules]]
name = "dealers"
cron = "@every 2s"
provider = "mazda"
kind = "check"
overlap = "allow"
catch_up = "all"
`, f.dealers.url, f.ca, writeSecret(f.t, folder, "mazda-id", sandbox.MazdaClientID), writeSecret(f.t, folder, "mazda-secret", sandbox.MazdaClientSecret))
	if err := os.WriteFile(config, text, 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// grant lets the user of the dealers grant access, at the first store.
func (f *faulty) grant(trust *tls.Config) {
	f.t.Helper()
	p := f.places[0]
	text, err := os.ReadFile(p.config)
	if err != nil {
		f.t.Fatal(err)
	}
	web := regexp.MustCompile(`listen = "(127.+?)"`).FindSubmatch(text)
	m := launch(f.t, os.Args[0], p.config) // outside of its namespace
	defer m.discharge()
	awaitFleet(f.t, "the first store runs", func() bool { return m.said("orderbeat is running") > 0 })
	b := newBrowser(f.t)
	b.client.Transport = &http.Transport{TLSClientConfig: trust}
	b.grant(fmt.Sprintf("http://%s/oauth/start/mazda?user=johndoe", web[1]), "johndoe")
}

// check reports refresh tokens that were sent more often than crashes explain: the process that sent one may
// be killed before it has stored the next.
func (d *grantedAccess) check(f *faulty) {
	f.t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	twice := 0
	for _, n := range d.spent {
		if n > 1 {
			twice++
		}
		if n > 2 {
			f.t.Errorf("a refresh token was sent %d times", n)
		}
	}
	if len(d.spent) == 0 {
		f.t.Error("no refresh token was used")
	}
	if most := f.kills / 10; twice > most {
		f.t.Errorf("%d of %d refresh tokens were sent twice, want at most %d", twice, len(d.spent), most)
	}
}

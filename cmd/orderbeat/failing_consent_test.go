package main // an inside test: a main package cannot be imported

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients"
	"orderbeat/clients/sandbox"
	"orderbeat/clients/sandbox/mazda"
	"orderbeat/jobs"
)

// The organizations of [stand.mazda]'s accounts.
const (
	north, south = mazda.Org, mazda.OtherOrg // johndoe's
	west         = "10032/MMD"               // jane's
)

// lastMonth is the requested date range.
const lastMonth = `{"lookback":"30d"}`

// mazda returns a section of kind mazda for the server.
func (s *stand) mazda(t *testing.T, folder string) string {
	t.Helper()
	orders := five[strings.Index(five, "[providers.mazda.orders]"):]
	return fmt.Sprintf(`
[providers.mazda]
kind = "mazda"
base_url = %q
client_id = %q
client_secret = %q
concurrency = 1
rate = "1000/s"
[[providers.mazda.accounts]]
name = "north"
user = "johndoe"
org = %q
[[providers.mazda.accounts]]
name = "south"
user = "johndoe"
org = %q
[[providers.mazda.accounts]]
name = "west"
user = "jane"
org = %q
%s`, s.url, writeSecret(t, folder, "mazda-id", sandbox.MazdaClientID), writeSecret(t, folder, "mazda-secret", sandbox.MazdaClientSecret),
		north, south, west, orders)
}

// newDealers returns a Mazda sandbox whose orders do not change.
func newDealers(t *testing.T) *stand {
	t.Helper()
	began := time.Now()
	return newStand(t, sandbox.Options{Now: func() time.Time { return began }})
}

// grant lets a user grant access by the link in the alert.
func (s supplier) grant(user string) {
	s.t.Helper()
	var link string
	s.eventually("an alert asks "+user, func() bool {
		found := s.column("SELECT link FROM alerts WHERE provider = $provider AND code = 'consent_required' AND state = 'raised' AND user = '" + user + "'")
		if len(found) == 1 {
			link = found[0]
		}
		return link != ""
	})
	newBrowser(s.t).grant(link, user)
}

// TestRejectedRefreshTokenRequiresConsent rejects refresh tokens in both ways; then the users
// grant access again.
func TestRejectedRefreshTokenRequiresConsent(t *testing.T) {
	t.Parallel()
	folder, dealers := t.TempDir(), newDealers(t)
	s := startHere(t, suppliers(t, folder, dealers.mazda(t, folder))).supplier(t, dealers, "mazda")
	s.grant("johndoe")
	s.grant("jane")
	s.alarms("consent_required johndoe resolved", "consent_required jane resolved")
	if run := s.sync(lastMonth, 1); run.State != jobs.Succeeded || run.Jobs.Succeeded != 3 || run.Orders.Created == 0 {
		t.Fatalf("got %+v, want orders of all three", run)
	}
	known := s.column("SELECT account || order_id || revision FROM orders ORDER BY 1")
	alarms := []string{"consent_required johndoe resolved", "consent_required jane resolved"}

	for n, c := range []struct {
		user    string
		missed  []string // accounts
		asked   []string // organizations of these, in the order of the requests
		trouble func()
	}{
		{"johndoe", []string{"north", "south"}, []string{north, south}, func() { // 400 invalid_request
			s.control("POST", "revoke", `{"provider":"mazda","user":"johndoe","refresh":true}`)
		}},
		{"jane", []string{"west"}, []string{west}, func() {
			s.control("POST", "revoke", `{"provider":"mazda","user":"jane"}`)
			s.fault(`{"op":"mazda_token","status":400,"body":"{\"error\":\"invalid_grant\"}"}`)
		}},
	} {
		calls := func() (list []int) {
			for _, org := range c.asked {
				list = append(list, len(s.calls(org)))
			}
			return list
		}
		c.trouble()
		want, logins := calls(), s.Requests(sandbox.OpMazdaToken)
		want[0]++ // the call and then the refresh are rejected; later jobs send no request
		for again := range 2 {
			run := s.sync(lastMonth, 2+3*n+again)
			if run.State != jobs.Partial || run.Jobs.Failed != len(c.missed) || len(run.Errors) != len(c.missed) {
				t.Errorf("%s: got %+v, want the others go on", c.user, run)
			}
			for _, account := range c.missed {
				j := s.job(run, account)
				if j.State != jobs.Failed || j.Attempts != 1 || j.ErrorCode != clients.CodeConsent || !strings.HasSuffix(j.Hint, "orderbeat auth login mazda --user "+c.user) {
					t.Errorf("%s: got %+v, want it failed for want of a consent, with the command", account, j)
				}
			}
			if diff := cmp.Diff(want, calls()); diff != "" || s.Requests(sandbox.OpMazdaToken) != logins+1 {
				t.Errorf("%s: calls (-want +got):\n%s, and %d token requests, want one", c.user, diff, s.Requests(sandbox.OpMazdaToken)-logins)
			}
		}
		s.alarms(append(alarms, "consent_required "+c.user+" raised")...)
		if diff := cmp.Diff(known, s.column("SELECT account || order_id || revision FROM orders ORDER BY 1")); diff != "" {
			t.Errorf("%s: orders (-before +after):\n%s", c.user, diff)
		}

		// After consent only the missed jobs are retried.
		s.grant(c.user)
		run := s.result(4 + 3*n)
		if run.State != jobs.Succeeded || run.Trigger != "consent:"+c.user || run.Jobs.Total != len(c.missed) || run.Orders.Seen == 0 || run.Orders.Created+run.Orders.Changed != 0 {
			t.Errorf("%s: got %+v, want one run for what was missed", c.user, run)
		}
		alarms = append(alarms, "consent_required "+c.user+" resolved")
		s.alarms(alarms...)
	}
	s.toldOnce()
	if n := s.inStream("ORDERBEAT_RESULTS", "results"); n != 7 {
		t.Errorf("got %d results, want those of five runs that were asked for and two that began by themselves", n)
	}
}

// TestUnreadableTokens deletes the sealing key, and corrupts a sealed token: client credentials
// log in again, and users must grant access again.
func TestUnreadableTokens(t *testing.T) {
	t.Parallel()
	folder, one, two := t.TempDir(), newStand(t, sandbox.Options{}), newDealers(t)
	config := suppliers(t, folder, one.section(t, folder, "michelin", "")+two.mazda(t, folder))
	params := window(0)
	var p *program
	var machine, users supplier
	restart := func() {
		p = startHere(t, config)
		machine, users = p.supplier(t, one, "michelin"), p.supplier(t, two, "mazda")
	}
	restart()
	users.grant("johndoe")
	users.grant("jane")
	for _, run := range []jobs.Run{machine.sync(params, 1), users.sync(lastMonth, 1)} {
		if run.State != jobs.Succeeded || run.Orders.Created == 0 {
			t.Fatalf("got %+v, want orders", run)
		}
	}
	known := users.column("SELECT provider || account || order_id || revision FROM orders ORDER BY 1")

	p.stop()
	if err := os.Remove(filepath.Join(folder, "data", "key")); err != nil { // a new one is created
		t.Fatal(err)
	}
	restart()
	granted := []string{"consent_required johndoe resolved", "consent_required jane resolved"}
	machine.alarms("store_unreadable  raised")
	users.alarms(append(granted, "consent_required johndoe raised", "store_unreadable johndoe raised", "consent_required jane raised", "store_unreadable jane raised")...)
	if run := machine.sync(params, 2); run.State != jobs.Succeeded || run.Orders.Created+run.Orders.Changed != 0 {
		t.Errorf("got %+v, want the same orders after another login", run)
	}
	machine.alarms("store_unreadable  resolved")
	calls, logins := len(users.calls(north)), users.Requests(sandbox.OpMazdaToken)
	if run := users.sync(lastMonth, 2); run.State != jobs.Failed || run.Jobs.Failed != 3 || run.Errors[0].Code != clients.CodeConsent ||
		!strings.Contains(run.Errors[0].Message, "cannot be read") {
		t.Errorf("got %+v, want all three to wait for a consent, and why", run)
	}
	if len(users.calls(north)) != calls || users.Requests(sandbox.OpMazdaToken) != logins {
		t.Error("somebody was called without a token")
	}
	users.grant("johndoe")
	if run := users.result(3); run.State != jobs.Succeeded || run.Trigger != "consent:johndoe" || run.Jobs.Total != 2 {
		t.Errorf("got %+v, want what johndoe's accounts missed", run)
	}
	left := append(granted, "consent_required johndoe resolved", "store_unreadable johndoe resolved", "consent_required jane raised", "store_unreadable jane raised")
	users.alarms(left...)

	p.stop()
	damage(t, config, "UPDATE credentials SET sealed = substr(sealed, 1, 20) WHERE provider = 'michelin'")
	restart()
	machine.alarms("store_unreadable  resolved", "store_unreadable  raised")
	logins = users.Requests(sandbox.OpMazdaToken)
	if run := machine.sync(params, 3); run.State != jobs.Succeeded {
		t.Errorf("got %+v, want another login", run)
	}
	if run := users.sync(lastMonth, 4); run.Jobs.Succeeded != 2 || users.Requests(sandbox.OpMazdaToken) != logins {
		t.Errorf("got %+v, want johndoe's accounts asked with the token that is kept", run)
	}
	machine.alarms("store_unreadable  resolved", "store_unreadable  resolved")
	users.alarms(left...)
	if n := machine.Requests(sandbox.OpToken); n != 3 {
		t.Errorf("got %d logins, want the first, and one for each time that the token was lost", n)
	}
	if diff := cmp.Diff(known, users.column("SELECT provider || account || order_id || revision FROM orders ORDER BY 1")); diff != "" {
		t.Errorf("orders (-before +after):\n%s", diff)
	}
	machine.toldOnce()
	users.toldOnce()
}

// damage modifies the database of a stopped program.
func damage(t *testing.T, config, statement string) {
	t.Helper()
	file, err := sql.Open("sqlite3", filepath.Join(filepath.Dir(config), "data", "orderbeat.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

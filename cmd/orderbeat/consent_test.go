package main // an inside test: a main package cannot be imported

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderbeat/auth"
	"orderbeat/db/alerts"
	"orderbeat/jobs"
)

// TestUsersGrantAccess starts the whole program with users who never granted access,
// and has one of them do so in a browser.
func TestUsersGrantAccess(t *testing.T) {
	t.Parallel()
	stand := newOutside(t)
	config := dealers(t, t.TempDir(), stand, webOn(t, "127.0.0.1", ""))
	p := startHere(t, config)

	// Jobs of users without a grant fail at once, without a provider call.
	p.publish("orderbeat.runs.mazda.check", "")
	first := p.results(1)[0]
	if first.State != jobs.Failed || first.Jobs.Failed != 3 || first.Errors[0].Code != "consent_required" ||
		!strings.HasSuffix(first.Errors[0].Hint, "orderbeat auth login mazda --user johndoe") {
		t.Fatalf("got %+v, want three jobs failed for want of a consent, with the command", first)
	}
	if n := stand.count("POST /oauth/token") + stand.count("GET /mazda/ping"); n != 0 {
		t.Errorf("the provider was called %d times, want no call without a grant", n)
	}
	raised := p.alerts(2)
	links := map[string]string{}
	for _, a := range raised {
		if a.State != alerts.AlertRaised || a.Code != "consent_required" || a.Account != "" {
			t.Errorf("got %+v, want an alert that a user must grant access", a)
		}
		links[a.User] = a.Link
	}
	if len(links) != 2 || links["johndoe"] == "" {
		t.Fatalf("got links %v, want one for each user", links)
	}

	b := newBrowser(t)
	page := b.grant(links["johndoe"], "johndoe")
	for _, want := range []string{"Access is granted", "user johndoe", "You may close this page"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q: %s", want, page)
		}
	}
	// Missed jobs of this user's accounts are retried automatically.
	missed := p.results(2)[1]
	if missed.State != jobs.Succeeded || missed.Trigger != "consent:johndoe" || missed.Jobs.Succeeded != 2 {
		t.Errorf("got %+v, want the two jobs that johndoe's accounts missed", missed)
	}
	told := p.alerts(3)
	if last := told[2]; last.State != alerts.AlertResolved || last.User != "johndoe" {
		t.Errorf("got %+v, want johndoe's alert resolved", last)
	}
	if n := p.messages("ORDERBEAT_ALERTS"); n != 3 {
		t.Errorf("got %d messages about alerts, want two raised and one resolved", n)
	}
	var states []string
	p.rows("SELECT user || ' ' || state FROM alerts ORDER BY alert_id", &states)
	if got := strings.Join(states, ", "); got != "johndoe resolved, jane raised" {
		t.Errorf("the table has %s", got)
	}
	p.sealed()
	// The old link leads to the provider again, without effect.
	consented := func() (at []string) {
		p.rows("SELECT consented_at FROM credentials WHERE user = 'johndoe'", &at)
		return at
	}
	granted := consented()
	if status, page := b.page(b.answer(b.begin(links["johndoe"]), "jane", "grant")); status != http.StatusConflict || !strings.Contains(page, "has granted access already") {
		t.Errorf("got %d %s, want nothing changed", status, page)
	}
	if diff := cmp.Diff(granted, consented()); diff != "" || len(granted) != 1 {
		t.Errorf("the grant (-before +after):\n%s", diff)
	}

	// A restart needs no login, and no consent.
	before := stand.count("POST /oauth/token")
	p.stop()
	p = startHere(t, config)
	p.publish("orderbeat.runs.mazda.check", "")
	again := p.results(3)[2]
	if again.State != jobs.Partial || again.Jobs.Succeeded != 2 {
		t.Errorf("got %+v, want johndoe's jobs to succeed after a restart", again)
	}
	if n := stand.count("POST /oauth/token"); n != before {
		t.Errorf("got %d token requests by the restart, want none", n-before)
	}
	if n := p.messages("ORDERBEAT_ALERTS"); n != 3 {
		t.Errorf("got %d messages about alerts after a restart, want nothing told twice", n)
	}
}

// sealed checks that the tokens in the database are sealed.
func (p *program) sealed() {
	p.t.Helper()
	var tokens []string
	p.rows("SELECT sealed FROM credentials WHERE sealed IS NOT NULL", &tokens)
	if len(tokens) == 0 {
		p.t.Error("no token is kept")
	}
	for _, token := range tokens {
		if !strings.HasPrefix(token, "enc:v1:") {
			p.t.Errorf("got %.12s…, want it sealed", token)
		}
	}
}

// alerts waits for the first n messages about alerts.
func (p *program) alerts(n int) []alerts.Alert {
	p.t.Helper()
	list := make([]alerts.Alert, n)
	for i, msg := range p.fetch("ORDERBEAT_ALERTS", n) {
		p.decode(msg.Data(), &list[i])
	}
	return list
}

// rows reads a column of text from the program's database.
func (p *program) rows(query string, into *[]string) {
	p.t.Helper()
	file := openFile(p.t, p.config)
	defer file.Close() // an open reader prevents the last checkpoint
	rows, err := file.Query(query)
	if err != nil {
		p.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			p.t.Fatal(err)
		}
		*into = append(*into, s)
	}
	if err := rows.Err(); err != nil {
		p.t.Fatal(err)
	}
}

func TestFailedConsents(t *testing.T) {
	t.Parallel()
	stand := newOutside(t)
	p := startHere(t, dealers(t, t.TempDir(), stand, webOn(t, "127.0.0.1", "")))
	link := p.alerts(2)[0].Link
	b := newBrowser(t)
	exchanges := func() int { return stand.count("POST /oauth/token") }

	for _, test := range []struct {
		name, answer string
		status       int
		says         string
		again        bool // the page offers to retry
	}{
		{"the user refuses", "access_denied", 403, "Access was denied", false},
		{"the server is overloaded, as Mazda spells it", "temporary_unavailable", 502, "overloaded", true},
		{"the server fails", "server_error", 502, "failed", true},
		{"the client may not", "unauthorized_client", 502, "may not request access", false},
	} {
		status, page := b.page(b.answer(b.begin(link), "johndoe", test.answer))
		if status != test.status || !strings.Contains(page, test.says) {
			t.Errorf("%s: got %d %s, want %d: %s", test.name, status, page, test.status, test.says)
		}
		if retry := strings.Contains(page, ">Try again</a>"); retry != test.again {
			t.Errorf("%s: a link to try again: %t, want %t", test.name, retry, test.again)
		}
	}
	if n := exchanges(); n != 0 {
		t.Errorf("got %d token requests without a code, want none", n)
	}

	// A changed, missing or misdirected state does not use up the consent.
	callback, err := url.Parse(b.answer(b.begin(link), "johndoe", "grant"))
	if err != nil {
		t.Fatal(err)
	}
	with := func(change func(url.Values)) string {
		u, query := *callback, callback.Query()
		change(query)
		u.RawQuery = query.Encode()
		return u.String()
	}
	for name, address := range map[string]string{
		"another state": with(func(q url.Values) { q.Set("state", "x"+q.Get("state")) }),
		"no state":      with(func(q url.Values) { q.Del("state") }),
		"another path":  strings.Replace(callback.String(), "/callback/mazda", "/callback/shell", 1),
	} {
		if status, page := b.page(address); status < 400 || exchanges() != 0 {
			t.Errorf("%s: got %d %s and %d token requests, want neither", name, status, page, exchanges())
		}
	}
	// The right response still works, once; a second code of the same consent does not.
	if status, page := b.page(callback.String()); status != http.StatusOK {
		t.Errorf("got %d %s, want access granted", status, page)
	}
	for name, address := range map[string]string{
		"the same answer again":   callback.String(),
		"a second code":           with(func(q url.Values) { q.Set("code", "another") }),
		"an error after the code": with(func(q url.Values) { q.Del("code"); q.Set("error", "access_denied") }),
	} {
		if status, page := b.page(address); status != http.StatusBadRequest || !strings.Contains(page, "no pending consent") {
			t.Errorf("%s: got %d %s, want it refused", name, status, page)
		}
	}
	if n := exchanges(); n != 1 {
		t.Errorf("got %d token requests, want one for one code", n)
	}

	// If the provider rejects the code, consent is still pending and can be repeated.
	jane := strings.Replace(link, "johndoe", "jane", 1)
	forged, _ := url.Parse(b.answer(b.begin(jane), "jane", "grant"))
	query := forged.Query()
	query.Set("code", strings.Repeat("x", 32))
	forged.RawQuery = query.Encode()
	status, page := b.page(forged.String())
	if status != http.StatusBadGateway || !strings.Contains(page, "Exchange of the code failed") || !strings.Contains(page, ">Try again</a>") {
		t.Errorf("got %d %s, want the exchange failed and a way on", status, page)
	}
	var reply struct{ Credentials []auth.Status }
	p.decode(p.request("auth.status", `{"provider":"mazda","user":"jane"}`), &reply)
	if st := reply.Credentials[0]; st.State != auth.StateConsent {
		t.Errorf("got %+v, want jane still to grant access", st)
	}
}

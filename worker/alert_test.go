package worker_test

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	tokenendpoint "orderbeat/auth/endpoint"

	"github.com/google/go-cmp/cmp"

	"orderbeat/auth"
	"orderbeat/auth/seal"
	"orderbeat/clients"
	"orderbeat/db/alerts"
	"orderbeat/worker"
)

// tokenEndpoint is a token endpoint with a configurable response.
type tokenEndpoint struct {
	*httptest.Server
	answer atomic.Pointer[string] // the body; one with an error has status 400
	asked  atomic.Int64
}

const (
	grants        = `{"access_token":"canary-token","token_type":"Bearer"}`
	rejectsClient = `{"error":"invalid_client"}`
)

func newTokenEndpoint(t *testing.T, answer string) *tokenEndpoint {
	t.Helper()
	m := &tokenEndpoint{}
	m.answers(answer)
	m.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		m.asked.Add(1)
		body := *m.answer.Load()
		if strings.Contains(body, "error") {
			rw.WriteHeader(http.StatusBadRequest)
		}
		_, _ = rw.Write([]byte(body))
	}))
	t.Cleanup(m.Close)
	return m
}

func (m *tokenEndpoint) answers(body string) { m.answer.Store(&body) }

// keeping gives the provider a credential whose tokens are sealed in the bench's database.
func keeping(t *testing.T, key string, endpoint *tokenEndpoint, user string) func(*worker.Config) {
	t.Helper()
	return func(c *worker.Config) {
		keys, err := seal.LoadKeyring(key, true)
		if err != nil {
			t.Fatal(err)
		}
		c.Tokens = seal.New(c.DB.Tokens(), keys)
		s := source(t, user, func(a *auth.Config) {
			a.Store, a.TokenURL = c.Tokens, endpoint.URL
		})
		account := clients.Account{Name: "detroit", User: user}
		c.Providers[0].Provider = &supplier{credentials: []*auth.Source{s}, answer: func(ctx context.Context, _ clients.Query) (clients.Answer, error) {
			if _, err := s.Token(ctx); err != nil {
				e, _ := errors.AsType[*tokenendpoint.Error](err)
				return clients.Answer{}, &clients.Error{Code: clients.CodeAuthRejected, Message: e.Error()}
			}
			return clients.Answer{}, nil
		}}
		c.Providers[0].Name, c.Providers[0].Accounts = s.Provider(), []clients.Account{account}
		c.Web.Listen = "127.0.0.1:0"
	}
}

// alerts waits until n messages about alerts are published, and returns them.
func (b *bench) alerts(n int) []alerts.Alert {
	b.t.Helper()
	list := make([]alerts.Alert, n)
	for i, m := range b.messages("ORDERBEAT_ALERTS", "orderbeat.alerts.>", n) {
		b.decode(m.Data(), &list[i])
		list[i].Since = time.Time{}
	}
	return list
}

func TestRejectedCredentialsRaiseAnAlert(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	endpoint := newTokenEndpoint(t, rejectsClient)
	b := startIn(t, folder, keeping(t, filepath.Join(folder, "key"), endpoint, ""))
	b.ask("runs.start", `{"provider":"michelin","kind":"sync","wait":true}`)
	b.ask("runs.start", `{"provider":"michelin","kind":"sync","wait":true}`) // within the cooldown: no token request
	want := alerts.Alert{
		Code: clients.CodeAuthRejected, State: alerts.AlertRaised, Provider: "michelin",
		Message: "the token endpoint rejects the credentials: invalid_client (status 400)",
		Hint:    `Check the credentials and URLs of providers.michelin, then run "orderbeat auth unlatch michelin".`,
	}
	same := cmp.Comparer(func(a, b alerts.Alert) bool {
		return a.Message == b.Message && a.Hint == b.Hint && a.Code == b.Code && a.State == b.State
	})
	if diff := cmp.Diff([]alerts.Alert{want}, b.alerts(1), same); diff != "" {
		t.Errorf("alerts (-want +got):\n%s", diff)
	}
	if n := endpoint.asked.Load(); n != 1 {
		t.Errorf("the endpoint was asked %d times, want once", n)
	}
	if _, body := b.get("/metrics"); !strings.Contains(body, `orderbeat_alerts_raised{code="auth_rejected",provider="michelin"} 1`) {
		t.Error("/metrics does not have the alert")
	}
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}

	// The next process raises no new alert, and resolves this one when the credentials are
	// accepted.
	again := startIn(t, folder, keeping(t, filepath.Join(folder, "key"), endpoint, ""))
	again.ask("runs.start", `{"provider":"michelin","kind":"sync","wait":true}`)
	if n := endpoint.asked.Load(); n != 1 {
		t.Errorf("the endpoint was asked %d times, want once: the cooldown survives a restart", n)
	}
	endpoint.answers(grants)
	if r := again.request("auth.unlatch", `{"provider":"michelin"}`, nil); r.Header.Get("Nats-Service-Error-Code") != "" {
		t.Fatalf("unlatch: %s", r.Data)
	}
	again.ask("runs.start", `{"provider":"michelin","kind":"sync","wait":true}`)
	if n := endpoint.asked.Load(); n != 2 {
		t.Errorf("the endpoint was asked %d times, want once more after unlatch", n)
	}
	want.State = alerts.AlertResolved
	if diff := cmp.Diff(want, again.alerts(2)[1], same); diff != "" {
		t.Errorf("alerts (-want +got):\n%s", diff)
	}
	again.settled()
	if n := again.count("ORDERBEAT_ALERTS"); n != 2 {
		t.Errorf("got %d messages about alerts, want one raised and one resolved", n)
	}
}

func TestMissingConsentRaisesAnAlertAtStart(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	endpoint := newTokenEndpoint(t, grants)
	b := startIn(t, folder, keeping(t, filepath.Join(folder, "key"), endpoint, "johndoe"))
	got := b.alerts(1)[0]
	want := alerts.Alert{
		Code: clients.CodeConsent, State: alerts.AlertRaised, Provider: "mazda", User: "johndoe",
		Message: "user johndoe must grant access: access was never granted",
		Hint:    `Open the link in a browser, or run "orderbeat auth login mazda --user johndoe".`,
		Link:    b.web + "/oauth/start/mazda?user=johndoe",
	}
	if diff := cmp.Diff(want.Message+want.Hint+want.Link+want.User, got.Message+got.Hint+got.Link+got.User); diff != "" || got.Code != want.Code {
		t.Errorf("alert (-want +got):\n%s", diff)
	}
	if n := endpoint.asked.Load(); n != 0 {
		t.Errorf("the endpoint was asked %d times, want no call before there is a grant", n)
	}
}

func TestAlertsOfRemovedSubjectsAreResolvedAtStart(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	endpoint := newTokenEndpoint(t, grants)
	b := startIn(t, folder, keeping(t, filepath.Join(folder, "key"), endpoint, "johndoe"))
	b.alerts(1)
	for _, a := range []alerts.Alert{
		{Provider: "mazda", Account: "detroit", Code: clients.CodeForbidden},
		{Provider: "mazda", Account: "closed", Code: clients.CodeForbidden},
		{Provider: "gone", Code: clients.CodeAuthRejected},
	} {
		if _, err := b.db.Raise(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	again := startIn(t, folder, keeping(t, filepath.Join(folder, "key"), endpoint, "jane"))
	again.eventually("what is not configured any more is resolved", func() bool {
		raised, err := again.db.Alerts(t.Context(), true)
		var left []string
		for _, a := range raised {
			left = append(left, a.Provider+a.Account+a.User)
		}
		return err == nil && strings.Join(left, " ") == "mazdajane mazdadetroit"
	})
}

func TestObsoleteAlertsAreResolvedAtStart(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	endpoint := newTokenEndpoint(t, grants)
	b := startIn(t, folder, keeping(t, filepath.Join(folder, "key"), endpoint, ""))
	b.ask("runs.start", `{"provider":"michelin","kind":"sync","wait":true}`)
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	again := startIn(t, folder, func(c *worker.Config) {
		keeping(t, filepath.Join(folder, "key"), endpoint, "")(c)
		for _, code := range []clients.Code{clients.CodeAuthRejected, clients.CodeIPBlock} { // as after a crash
			if _, err := c.DB.Raise(t.Context(), alerts.Alert{Provider: "michelin", Code: code}); err != nil {
				t.Fatal(err)
			}
		}
	})
	for _, a := range again.alerts(4)[2:] {
		if a.State != alerts.AlertResolved {
			t.Errorf("got %+v, want it resolved: the token lives", a)
		}
	}
}

// broken is a store that cannot be read.
type broken struct{ auth.Store }

func (broken) Load(context.Context, string) (auth.Row, error) {
	return auth.Row{}, errors.New("disk full")
}

func TestUnknownCredentialStateRaisesNoAlert(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	b := startIn(t, folder, func(c *worker.Config) {
		keeping(t, filepath.Join(folder, "key"), newTokenEndpoint(t, grants), "johndoe")(c)
		s := source(t, "johndoe", func(a *auth.Config) { a.Store = broken{auth.NewMemory()} })
		c.Providers[0].Provider = &supplier{credentials: []*auth.Source{s}, answer: func(ctx context.Context, _ clients.Query) (clients.Answer, error) {
			_, err := s.Token(ctx)
			return clients.Answer{}, &clients.Error{Code: clients.CodeAuthRejected, Err: err}
		}}
	})
	b.ask("runs.start", `{"provider":"mazda","kind":"sync","wait":true}`)
	b.settled()
	if n := b.count("ORDERBEAT_ALERTS"); n != 0 {
		t.Errorf("got %d alerts, want none while it is unknown whether access was granted", n)
	}
	if resp, page := b.get("/oauth/start/mazda?user=johndoe"); resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(page, "cannot be read at the moment") {
		t.Errorf("got %d %s, want no token request while it is unknown", resp.StatusCode, page)
	}
}

func TestUnreadableTokensRaiseAnAlertUntilReplaced(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	endpoint := newTokenEndpoint(t, grants)
	b := startIn(t, folder, keeping(t, filepath.Join(folder, "key"), endpoint, ""))
	b.ask("runs.start", `{"provider":"michelin","kind":"sync","wait":true}`)
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	again := startIn(t, folder, keeping(t, filepath.Join(folder, "another-key"), endpoint, ""))
	if got := again.alerts(1)[0]; got.Code != "store_unreadable" || got.Provider != "michelin" || !strings.Contains(got.Hint, "worker.key") {
		t.Errorf("got %+v, want the alert store_unreadable", got)
	}
	again.ask("runs.start", `{"provider":"michelin","kind":"sync","wait":true}`)
	if got := again.alerts(2)[1]; got.Code != "store_unreadable" || got.State != alerts.AlertResolved {
		t.Errorf("got %+v, want it resolved by a new token", got)
	}
	if n := endpoint.asked.Load(); n != 2 {
		t.Errorf("the endpoint was asked %d times, want one more login", n)
	}
}

func TestValidTokenIsReusedAfterARestart(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	endpoint := newTokenEndpoint(t, grants)
	for range 3 {
		b := startIn(t, folder, keeping(t, filepath.Join(folder, "key"), endpoint, ""))
		b.ask("runs.start", `{"provider":"michelin","kind":"sync","wait":true}`)
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
	}
	if n := endpoint.asked.Load(); n != 1 {
		t.Errorf("the endpoint was asked %d times over three processes, want once", n)
	}
}

func TestFailedAlertIsRetried(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	endpoint := newTokenEndpoint(t, rejectsClient)
	b := startIn(t, folder, keeping(t, filepath.Join(folder, "key"), endpoint, ""))
	file, err := sql.Open("sqlite3", filepath.Join(folder, "orderbeat.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	change := func(statement string) {
		t.Helper()
		if _, err := file.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	change(`CREATE TRIGGER full BEFORE INSERT ON alerts BEGIN SELECT RAISE(ABORT, 'disk full'); END`)
	b.ask("runs.start", `{"provider":"michelin","kind":"sync","wait":true}`)
	endpoint.answers(grants)
	b.request("auth.unlatch", `{"provider":"michelin"}`, nil)
	b.ask("runs.start", `{"provider":"michelin","kind":"sync","wait":true}`)
	if n := b.count("ORDERBEAT_ALERTS"); n != 0 {
		t.Fatalf("got %d messages while nothing can be stored", n)
	}
	change(`DROP TRIGGER full`)
	got := b.alerts(2)
	if got[0].State != alerts.AlertRaised || got[1].State != alerts.AlertResolved {
		t.Errorf("got %+v, want the transitions in order", got)
	}
}

package main // an inside test: a main package cannot be imported

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients"
	"orderbeat/clients/sandbox"
	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/jobs"
)

// alone is a program with one provider of kind michelin.
func alone(t *testing.T, more string) supplier {
	t.Helper()
	folder, s := t.TempDir(), newStand(t, sandbox.Options{})
	return startHere(t, suppliers(t, folder, s.section(t, folder, "michelin", more))).supplier(t, s, "michelin")
}

// TestRejectedTokenIsRenewedOnce rejects a token while two jobs use it.
func TestRejectedTokenIsRenewedOnce(t *testing.T) {
	t.Parallel()
	s := alone(t, "")
	before, during := window(0), window(1)
	s.sync(before, 1)
	release := s.hold()
	s.publish("orderbeat.runs.michelin.sync", during)
	s.eventually("both jobs are asking", func() bool { return len(s.calls(healthy)) == 2 && len(s.calls(struck)) == 2 })
	s.control("POST", "revoke", "")
	release()
	run := s.result(2)
	if run.State != jobs.Succeeded || run.Jobs.Succeeded != 2 || run.Orders.Created == 0 || len(run.Errors) != 0 {
		t.Errorf("got %+v, want nothing left of the refusal", run)
	}
	for _, account := range []string{"detroit", "toledo"} {
		if j := s.job(run, account); j.State != jobs.Succeeded || j.Attempts != 1 || j.Error != "" {
			t.Errorf("got %+v, want one attempt: the transport asks again, not the job", j)
		}
	}
	if d, n := len(s.calls(healthy)), len(s.calls(struck)); d != 3 || n != 3 {
		t.Errorf("got %d and %d calls, want 3: of the second run one that was refused, and one more", d, n)
	}
	if n := s.Requests(sandbox.OpToken); n != 2 {
		t.Errorf("got %d token requests, want one for both who were refused", n-1)
	}
	s.toldOnce()
	s.alarms()
}

// TestNewTokenIsRejectedToo rejects every token for one account.
func TestNewTokenIsRejectedToo(t *testing.T) {
	t.Parallel()
	s := alone(t, "")
	before, during := window(0), window(1)
	s.sync(before, 1)
	known := s.orders("toledo")
	s.fault(fmt.Sprintf(`{"op":"order_status","account":%q,"status":401,"times":-1}`, struck))

	// Two requests with two tokens, and no third one.
	run := s.sync(during, 2)
	first := s.job(run, "toledo")
	if first.State != jobs.Failed || first.Attempts != 1 || first.ErrorCode != clients.CodeUnauthorized || !strings.Contains(first.Hint, "ask the provider") {
		t.Errorf("toledo: got %+v, want it unauthorized", first)
	}
	want := []jobs.RunError{{Account: "toledo", Code: clients.CodeUnauthorized, Message: first.Error, Hint: first.Hint}}
	if diff := cmp.Diff(want, run.Errors); run.State != jobs.Partial || run.Orders.Created == 0 || diff != "" {
		t.Errorf("got %+v, want detroit's orders; errors (-want +got):\n%s", run, diff)
	}
	called := func(when string, detroit, toledo int, tokens int64) {
		t.Helper()
		d, n, asked := len(s.calls(healthy)), len(s.calls(struck)), s.Requests(sandbox.OpToken)
		if d != detroit || n != toledo || asked != tokens {
			t.Errorf("%s: got %d calls for detroit, %d for toledo and %d token requests, want %d, %d and %d", when, d, n, asked, detroit, toledo, tokens)
		}
	}
	called("a token refused, and a fresh one", 2, 3, 2)
	s.alarms("unauthorized toledo raised")

	// Other accounts keep the token; a 401 causes no renewal before the end of the cooldown.
	again := s.start(during)
	var waits time.Time
	s.eventually("toledo's next job waits", func() bool {
		j := s.job(again, "toledo")
		if j.State == jobs.Waiting && j.NextAttemptAt != nil && j.ErrorCode == clients.CodeUnavailable {
			waits = *j.NextAttemptAt
		}
		return !waits.IsZero() && s.job(again, "detroit").State == jobs.Succeeded
	})
	if cooldown := waits.Sub(*first.FinishedAt); cooldown < 29*time.Second {
		t.Errorf("it is tried again %s after the refusal, want 30 s at least", cooldown)
	}
	called("within the cooldown", 3, 4, 2)
	s.alarms("unauthorized toledo raised")
	if diff := cmp.Diff(known, s.orders("toledo")); diff != "" {
		t.Errorf("toledo's orders (-before +after):\n%s", diff)
	}

	s.heal()
	if r := do(t, "--config", s.config, "runs", "cancel", again.ID); r.status != cli.Done {
		t.Errorf("runs cancel: got status %d, %s", r.status, r.stderr)
	}
	if over := s.sync(during, 4); over.State != jobs.Succeeded || over.Orders.Created == 0 {
		t.Errorf("got %+v, want toledo's orders when it is let in", over)
	}
	called("afterwards", 4, 5, 2)
	s.alarms("unauthorized toledo resolved")
	s.toldOnce()
}

// TestRejectedCredentialsSendNoRequests has the token endpoint reject credentials that it
// accepted before, as Michelin and as Shell do. [TestRejectedCredentialsAreTriedThreeTimes]
// checks the limit of three rejections across processes.
func TestRejectedCredentialsSendNoRequests(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	began := time.Now() // Shell reports only the last days, so its time stands still
	one, two := newStand(t, sandbox.Options{}), newStand(t, sandbox.Options{Now: func() time.Time { return began }})
	p := startHere(t, suppliers(t, folder, one.section(t, folder, "michelin", "concurrency = 1")+two.shell(t, folder)))
	for _, c := range []struct {
		supplier
		params      string
		token, call sandbox.Op
		status      string
	}{
		{p.supplier(t, one, "michelin"), window(0), sandbox.OpToken, sandbox.OpOrderStatus, "status 400"},
		{p.supplier(t, two, "shell"), `{"lookback":"6d"}`, sandbox.OpShellToken, sandbox.OpShellOrderCardEnquiry, "status 401"},
	} {
		run := c.sync(c.params, 1)
		if run.State != jobs.Succeeded || run.Orders.Created == 0 {
			t.Fatalf("%s: got %+v, want orders", c.name, run)
		}
		calls := c.Requests(c.call)
		known := c.column("SELECT order_id || ' ' || revision FROM orders WHERE provider = $provider ORDER BY order_id")
		c.control("POST", "revoke", "")
		c.fault(fmt.Sprintf(`{"op":%q,"refuse_client":true,"times":-1}`, c.token))
		for n := range 2 {
			// The first job's call and its login are rejected; other jobs send no request.
			run = c.sync(c.params, 2+n)
			if run.State != jobs.Failed || run.Jobs.Failed != 2 || len(run.Errors) != 2 {
				t.Errorf("%s: got %+v, want both jobs failed", c.name, run)
			}
			for _, e := range run.Errors {
				j := c.job(run, e.Account)
				if j.Attempts != 1 || j.ErrorCode != clients.CodeAuthRejected || !strings.Contains(j.Error, c.status) ||
					j.Hint == "" || e.Code != j.ErrorCode || e.Hint != j.Hint {
					t.Errorf("%s: got %+v and %+v, want the credentials refused", c.name, j, e)
				}
			}
			if got, logins := c.Requests(c.call), c.Requests(c.token); got != calls+1 || logins != 2 {
				t.Errorf("%s: got %d calls and %d logins more, want one of each", c.name, got-calls, logins-1)
			}
			c.alarms("auth_rejected  raised")
		}
		if hint := c.column("SELECT hint FROM alerts WHERE provider = $provider")[0]; !strings.Contains(hint, "orderbeat auth unlatch "+c.name) {
			t.Errorf("%s: got hint %s, want the command that makes another attempt", c.name, hint)
		}
		if diff := cmp.Diff(known, c.column("SELECT order_id || ' ' || revision FROM orders WHERE provider = $provider ORDER BY order_id")); diff != "" {
			t.Errorf("%s: orders (-before +after):\n%s", c.name, diff)
		}

		c.heal()
		if r := do(t, "--config", c.config, "auth", "unlatch", c.name); r.status != cli.Done {
			t.Errorf("auth unlatch: got status %d, %s", r.status, r.stderr)
		}
		if run = c.sync(c.params, 4); run.State != jobs.Succeeded || run.Orders.Created+run.Orders.Changed != 0 {
			t.Errorf("%s: got %+v, want the same orders again", c.name, run)
		}
		if got, logins := c.Requests(c.call), c.Requests(c.token); got != 2*calls+1 || logins != 3 {
			t.Errorf("%s: got %d calls and %d logins in all, want %d and 3", c.name, got, logins, 2*calls+1)
		}
		c.alarms("auth_rejected  resolved")
		c.toldOnce()
	}
}

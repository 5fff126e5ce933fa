package main // an inside test: a main package cannot be imported

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"orderbeat/clients"
	"orderbeat/clients/sandbox"
	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/jobs"
)

// TestThrottledProviderIsPaused responds 429 to the first of two jobs, with each form of
// Retry-After (RFC 9110 section 10.2.3): no request of either is sent before that has passed.
func TestThrottledProviderIsPaused(t *testing.T) {
	t.Parallel()
	until := func(first question) time.Time { return first.ended.Add(time.Second) }
	at := time.Now().Add(4 * time.Second).UTC().Truncate(time.Second)
	cases := []struct {
		name, header string
		until        func(first question) time.Time // when the next call may begin
	}{
		{"seconds", `{"Retry-After":"1"}`, until},
		{"date", `{"Retry-After":"` + at.Format(http.TimeFormat) + `"}`, func(question) time.Time { return at }},
		{"absent", `{}`, func(first question) time.Time { return first.ended }},
	}
	folder := t.TempDir()
	stands := make([]*stand, len(cases))
	var sections strings.Builder
	for i, c := range cases {
		stands[i] = newStand(t, sandbox.Options{})
		sections.WriteString(stands[i].section(t, folder, c.name, "concurrency = 1"))
	}
	p := startHere(t, suppliers(t, folder, sections.String()))
	var all errgroup.Group
	for i, c := range cases {
		all.Go(func() error {
			t.Run(c.name, func(t *testing.T) {
				s := p.supplier(t, stands[i], c.name)
				s.fault(`{"op":"order_status","status":429,"header":` + c.header + `}`)
				run := s.sync(window(0), 1)
				if run.State != jobs.Succeeded || run.Orders.Created == 0 || len(run.Errors) != 0 {
					t.Errorf("got %+v, want every order in the end", run)
				}
				struckFirst, other := s.calls(healthy), s.calls(struck)
				if len(struckFirst) != 2 || len(other) != 1 {
					t.Fatalf("got %d and %d calls, want two for detroit and one for toledo", len(struckFirst), len(other))
				}
				for _, next := range []question{struckFirst[1], other[0]} {
					if may := c.until(struckFirst[0]); next.began.Before(may) {
						t.Errorf("%s is asked about %s too early", next.of, may.Sub(next.began))
					}
				}
				if j := s.job(run, "detroit"); j.State != jobs.Succeeded || j.Attempts != 2 {
					t.Errorf("detroit: got %+v, want it tried twice", j)
				}
				s.alarms()
				s.toldOnce()
			})
			return nil
		})
	}
	_ = all.Wait()
}

// TestLongRetryAfterIsHonoured has a provider respond with Retry-After of an hour: every job
// waits that long without a request and without an alert.
func TestLongRetryAfterIsHonoured(t *testing.T) {
	t.Parallel()
	s := alone(t, "concurrency = 1\nretry = { attempts = 2, for = \"6h\" }")
	s.sync(window(0), 1)
	known := s.orders("detroit")
	s.fault(`{"op":"order_status","status":429,"header":{"Retry-After":"3600"},"times":-1}`)
	began := time.Now()
	for range 2 {
		run := s.start(window(1))
		for _, account := range []string{"detroit", "toledo"} {
			s.eventually(account+"'s job waits", func() bool { return s.job(run, account).State == jobs.Waiting })
			j := s.job(run, account)
			if j.ErrorCode != clients.CodeThrottled || j.Attempts != 1 || j.NextAttemptAt == nil || j.NextAttemptAt.Before(began.Add(time.Hour-time.Second)) {
				t.Errorf("got %+v, want it throttled for an hour", j)
			}
		}
		if got := s.column("SELECT DISTINCT state FROM failed_jobs WHERE provider = $provider"); len(got) != 1 || got[0] != "waiting" {
			t.Errorf("failed_jobs has jobs that are %v, want them to wait", got)
		}
	}
	if d, n := len(s.calls(healthy)), len(s.calls(struck)); d+n != 3 {
		t.Errorf("got %d and %d calls, want two before and one that was throttled", d, n)
	}
	if got := s.orders("detroit"); strings.Join(got, ",") != strings.Join(known, ",") {
		t.Errorf("got orders %v, want them untouched: %v", got, known)
	}
	s.alarms()
	s.toldOnce()
}

// TestBlockedAddressStopsRequests rejects credentials and then lets connections fail: by a
// reset, and by an untrusted certificate, which is never accepted.
func TestBlockedAddressStopsRequests(t *testing.T) {
	t.Parallel()
	folder, elsewhere := t.TempDir(), t.TempDir()
	reset, masked := newStand(t, sandbox.Options{}), newMasked(t, folder, elsewhere)
	config := suppliers(t, folder, reset.section(t, folder, "reset", "")+masked.section(t, folder, "masked", ""))
	var p *program
	start := func() []supplier {
		p = startProcess(t, config, "SSL_CERT_FILE="+masked.trusted)
		return []supplier{p.supplier(t, reset, "reset"), p.supplier(t, masked.stand, "masked")}
	}
	attempts := func() [2]int64 { return [2]int64{reset.Requests(sandbox.OpToken), masked.handshakes.Load()} }

	for _, s := range start() {
		s.fault(`{"op":"token","refuse_client":true}`)
		if run := s.sync(window(0), 1); run.State != jobs.Failed || run.Errors[0].Code != clients.CodeAuthRejected {
			t.Errorf("%s: got %+v, want the credentials refused", s.name, run)
		}
	}
	if code := p.stop(); code != cli.Done {
		t.Errorf("got exit status %d, want %d", code, cli.Done)
	}
	endCooldowns(t, config)

	masked.mask.Store(true)
	before := attempts()
	for _, s := range start() {
		if s.name == "reset" {
			s.fault(`{"op":"token","cut":"reset","times":-1}`)
		}
		for n := range 2 {
			run := s.sync(window(0), 2+n)
			if run.State != jobs.Failed || run.Jobs.Failed != 2 || len(run.Errors) != 2 {
				t.Errorf("%s: got %+v, want both jobs failed", s.name, run)
			}
			for _, e := range run.Errors {
				if j := s.job(run, e.Account); j.ErrorCode != clients.CodeIPBlock || j.Attempts != 1 || j.Hint == "" || e.Code != clients.CodeIPBlock {
					t.Errorf("%s: got %+v, want a block suspected", s.name, j)
				}
			}
		}
		s.alarms("auth_rejected  raised", "suspected_ip_block  raised")
	}
	if after := attempts(); after[0] != before[0]+1 || after[1] != before[1]+1 {
		t.Errorf("got %v attempts after %v, want one of each provider for four jobs in two runs", after, before)
	}
	if n := len(reset.calls(healthy)) + len(masked.calls(healthy)); n != 0 || masked.Requests(sandbox.OpToken) != 1 {
		t.Errorf("got %d calls and %d logins through a connection that cannot be trusted, want none", n, masked.Requests(sandbox.OpToken)-1)
	}

	// An operator ends the cooldown.
	masked.mask.Store(false)
	for _, s := range []supplier{p.supplier(t, reset, "reset"), p.supplier(t, masked.stand, "masked")} {
		s.heal()
		if r := do(t, "--config", config, "auth", "unlatch", s.name); r.status != cli.Done {
			t.Errorf("auth unlatch: got status %d, %s", r.status, r.stderr)
		}
		if run := s.sync(window(0), 4); run.State != jobs.Succeeded || run.Orders.Created == 0 {
			t.Errorf("%s: got %+v, want the orders", s.name, run)
		}
		s.alarms("auth_rejected  resolved", "suspected_ip_block  resolved")
		s.toldOnce()
	}
}

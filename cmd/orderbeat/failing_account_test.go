package main // an inside test: a main package cannot be imported

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"orderbeat/clients"
	"orderbeat/clients/sandbox"
	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/db/runs"
	"orderbeat/jobs"
)

// trouble is a failure of one account of two, and its expected effects.
type trouble struct {
	// name is the name of the provider, which has a server of its own.
	name  string
	fault string // the effect, as POST /_sandbox/fault takes it
	times int    // how often it strikes, -1 until it is switched off
	more  string // keys of the provider's section

	state    jobs.State // of the job
	attempts int
	resent   bool         // where the connection was a kept one, the second call is no other attempt
	code     clients.Code // of the job, and of its entry in the run's result
	says     string       // in the job's error
	hint     string       // in its hint
	alert    clients.Code // "" raises none
}

// refused is a failure that retries do not help against.
func refused(name, fault string, code clients.Code, says, hint string) trouble {
	return trouble{name: name, fault: fault, times: -1, state: jobs.Failed, attempts: 1, code: code, says: says, hint: hint, alert: code}
}

// fleeting is a failure that is over when the job is retried.
func fleeting(name, fault, more string) trouble {
	return trouble{name: name, fault: fault, times: 1, more: more, state: jobs.Succeeded, attempts: 2}
}

// dropped is a connection that is closed before the response: the request is resent on a new one.
func dropped(name, fault string) trouble {
	return trouble{name: name, fault: fault, times: 1, state: jobs.Succeeded, attempts: 2, resent: true}
}

// unreadable is an invalid response body.
func unreadable(name, fault, more, says string) trouble {
	return trouble{
		name: name, fault: fault, times: -1, more: more, state: jobs.Failed, attempts: 2, code: clients.CodeBadResponse,
		says: says, hint: "the response is recorded: select * from exchanges where job_id = '", alert: clients.CodeBadResponse,
	}
}

func troubles() []trouble {
	const html = `"status":200,"header":{"Content-Type":"text/html"},"body":"<html>Sorry, we are closed.</html>"`
	list := []trouble{
		refused("status-403", `"status":403`, clients.CodeForbidden, "has no access", "bill_to must be the Bill-to code"),

		refused("status-400", `"status":400`, clients.CodeInvalid, "rejects the request", "check the account's numbers"),
		refused("status-404", `"status":404`, clients.CodeInvalid, "does not exist at this URL", "check base_url"),
		refused("status-422", `"status":422,"body":"{}"`, clients.CodeInvalid, "rejects the request (status 422)", "check the account's numbers"),
		refused("code-901", `"error_code":"901"`, clients.CodeInvalid, "errorCode 901: a document number", "check the requested order numbers"),
		refused("code-907", `"error_code":"907"`, clients.CodeInvalid, "errorCode 907: the ship-to", "ship_to"),
		refused("code-915", `"error_code":"915"`, clients.CodeInvalid, "errorCode 915: the bill-to", "check the account's bill_to"),
		refused("code-920", `"error_code":"920"`, clients.CodeInvalid, "errorCode 920: the account is not activated", "ask Michelin to activate"),
		refused("code-925", `"error_code":"925"`, clients.CodeInvalid, "errorCode 925: the supplier party", "ask Michelin which party"),
		refused("code-987", `"error_code":"987"`, clients.CodeInvalid, "errorCode 987: a window cannot", "request a date range, or"),

		fleeting("timeout", `"hang":true`, `timeout = "5s"`),
		fleeting("slow", `"delay":"1h"`, `timeout = "5s"`),
		dropped("reset", `"cut":"reset"`),
		dropped("no-answer", `"cut":"before"`),
		dropped("lost-answer", `"cut":"after"`),
		fleeting("cut-off", `"cut":"half"`, ""),
		fleeting("cut-off-json", `"status":200,"body":"{\"documentID\":\"C1\",\"errorHead\":{\"errorCode\":\"0\"},\"referencedOrder\":[","cut":"half"`, ""),
		fleeting("503-retry-after", `"status":503,"header":{"Retry-After":"1"}`, ""),
		fleeting("html-once", html, ""),

		unreadable("html", html, "", "it is not JSON"),
		unreadable("empty-object", `"status":200,"body":"{}"`, "", ""),
		unreadable("empty", `"status":200`, "", ""),
		unreadable("half-a-document", `"status":200,"body":"{\"documentID\":\"C1\",\"referencedOrder\":["`, "", ""),
		unreadable("too-large", `"status":200,"body":"{\"x\":\"`+strings.Repeat("x", 300<<10)+`\"}"`, `max_body = "256KB"`, "larger than"),

		{
			name: "code-1", fault: `"error_code":"1"`, times: 1, state: jobs.Partial, attempts: 1, code: clients.CodeInvalid,
			says: "(code 1)", hint: "The readable orders were stored",
		},
		{
			name: "down", fault: `"status":503`, times: -1, state: jobs.Dead, attempts: 2, code: clients.CodeUnavailable,
			says: "the provider is unavailable (status 503)", alert: "dead_job",
		},
	}
	for _, status := range []int{408, 425, 500, 502, 503, 504} {
		list = append(list, fleeting("status-"+strconv.Itoa(status), `"status":`+strconv.Itoa(status), ""))
	}
	for _, code := range []string{"303", "304", "399", "405", "499", "999"} {
		list = append(list, fleeting("code-"+code, `"error_code":"`+code+`"`, ""))
	}
	return list
}

// TestFailuresOfOneAccountLeaveOthersAlone runs one program with a provider per kind of failure.
// One account of each fails; results, jobs, alerts and exchanges are checked during the failure
// and after it.
func TestFailuresOfOneAccountLeaveOthersAlone(t *testing.T) {
	t.Parallel()
	folder, list := t.TempDir(), troubles()
	stands := make([]*stand, len(list))
	var sections strings.Builder
	for i, c := range list {
		stands[i] = newStand(t, sandbox.Options{})
		sections.WriteString(stands[i].section(t, folder, c.name, `retry = { attempts = 2, for = "10m" }`+"\n"+c.more))
	}
	p := startHere(t, suppliers(t, folder, sections.String()))
	var all errgroup.Group
	all.SetLimit(16) // they mostly wait: more than there are processors
	for i, c := range list {
		all.Go(func() error {
			t.Run(c.name, func(t *testing.T) { c.follow(p.supplier(t, stands[i], c.name)) })
			return nil
		})
	}
	_ = all.Wait()
}

// suppliers is a configuration with these sections of providers.
func suppliers(t *testing.T, folder, sections string) (path string) {
	t.Helper()
	path = filepath.Join(folder, "config.toml")
	text := fmt.Sprintf("[nats]\nlisten = \"127.0.0.1:%s\"\nsync = \"2m\"\n[db]\nsynchronous = \"normal\"\n[web]\nlisten = \"127.0.0.1:0\"\n%s", freePort(t), sections)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// follow checks the states before, during and after the failure.
func (c trouble) follow(s supplier) {
	before, during := window(0), window(1)
	if run := s.sync(before, 1); run.State != jobs.Succeeded || run.Orders.Created == 0 {
		s.t.Fatalf("got %+v, want orders before the trouble", run)
	}
	known := s.orders("toledo")
	s.fault(fmt.Sprintf(`{"op":"order_status","account":%q,"times":%d,%s}`, struck, c.times, c.fault))
	run := s.sync(during, 2)
	c.look(s, run)
	c.called(s, 1, 1)
	s.toldOnce()
	got := s.orders("toledo")
	if gone := c.state == jobs.Failed || c.state == jobs.Dead; gone && !cmp.Equal(known, got) || !gone && len(got) <= len(known) {
		s.t.Errorf("toledo's orders (-before +after): %s", cmp.Diff(known, got))
	}
	if c.times < 0 {
		c.lasts(s, during, run)
	}
}

// lasts starts another run during the failure, and then ends the failure.
func (c trouble) lasts(s supplier, params string, first jobs.Run) {
	run := s.sync(params, 3)
	c.look(s, run)
	c.called(s, 2, 2)
	s.heal()
	if c.state == jobs.Dead {
		c.retry(s, run)
	} else {
		s.publish("orderbeat.runs."+s.name+".sync", params)
	}
	if run = s.result(4); run.State != jobs.Succeeded || len(run.Errors) != 0 || run.Orders.Created == 0 {
		s.t.Errorf("got %+v, want toledo's orders when the trouble is over", run)
	}
	if c.alert == "" {
		s.alarms()
	} else {
		s.alarms(string(c.alert) + " toledo resolved")
	}
	if first.Orders.Created == 0 {
		s.t.Errorf("got %+v, want the other account's orders during the trouble", first)
	}
	s.toldOnce()
}

// retry retries a dead job by the API.
func (c trouble) retry(s supplier, run jobs.Run) {
	id := s.job(run, "toledo").JobID
	if got := s.column("SELECT job_id FROM failed_jobs WHERE provider = $provider AND state = 'dead'"); !slices.Contains(got, id) {
		s.t.Errorf("failed_jobs has %v, want %s", got, id)
	}
	if r := do(s.t, "--config", s.config, "jobs", "retry", id); r.status != cli.Done {
		s.t.Errorf("jobs retry: got status %d, %s%s", r.status, r.stdout, r.stderr)
	}
	if again := s.result(4); again.ID != run.ID {
		s.t.Errorf("got %+v, want the result of run %s once more", again, run.ID)
	}
}

// called checks the number of requests after runs during the failure, of which some were
// rejected.
func (c trouble) called(s supplier, runs, refused int) {
	s.t.Helper()
	if d, t := len(s.calls(healthy)), len(s.calls(struck)); d != 1+runs || t != 1+refused*c.attempts {
		s.t.Errorf("got %d calls for detroit and %d for toledo, want %d and %d", d, t, 1+runs, 1+refused*c.attempts)
	}
	if n := s.Requests(sandbox.OpToken); n != 1 {
		s.t.Errorf("got %d token requests, want 1: nothing was wrong with the token", n)
	}
}

// look checks a run during the failure: its result, its jobs, and the alert.
func (c trouble) look(s supplier, run jobs.Run) {
	s.t.Helper()
	if j := s.job(run, "detroit"); j.State != jobs.Succeeded || j.Attempts != 1 {
		s.t.Errorf("detroit: got %+v, want it untouched by toledo's trouble", j)
	}
	j := s.job(run, "toledo")
	attempts := c.attempts
	if c.resent {
		attempts = min(j.Attempts, c.attempts)
	}
	if j.State != c.state || j.Attempts != attempts || j.NextAttemptAt != nil || j.ErrorCode != c.code ||
		!strings.Contains(j.Error, c.says) || !strings.Contains(j.Hint, c.hint) {
		s.t.Errorf("toledo: got %+v, want %s after %d attempts, %s: %s; hint %s", j, c.state, c.attempts, c.code, c.says, c.hint)
	}
	if c.code == "" {
		if run.State != jobs.Succeeded || len(run.Errors) != 0 || j.Error != "" || j.Hint != "" {
			s.t.Errorf("got %+v and %+v, want nothing left of the trouble", run, j)
		}
	} else {
		want := []jobs.RunError{{Account: "toledo", Code: c.code, Message: j.Error, Hint: j.Hint}}
		if diff := cmp.Diff(want, run.Errors); run.State != jobs.Partial || diff != "" {
			s.t.Errorf("run %s: errors (-as the job's +got):\n%s", run.State, diff)
		}
	}
	if c.code == clients.CodeBadResponse {
		c.kept(s, j)
	}
	if c.alert == "" {
		s.alarms()
	} else {
		s.alarms(string(c.alert) + " toledo raised")
	}
}

// kept checks that 64 KiB of the invalid response are recorded.
func (c trouble) kept(s supplier, j runs.JobRow) {
	s.t.Helper()
	if !strings.Contains(j.Hint, "'"+j.JobID+"'") {
		s.t.Errorf("got hint %s, want it to tell where the answer is", j.Hint)
	}
	var f struct{ Body string }
	s.decode([]byte("{"+c.fault+"}"), &f)
	begin := f.Body[:min(len(f.Body), 60<<10)]
	kept := s.column("SELECT coalesce(response_body, '') FROM exchanges WHERE provider = $provider AND error_code = 'bad_response' AND job_id = '" + j.JobID + "'")
	if len(kept) != c.attempts {
		s.t.Errorf("got %d exchanges kept, want one of each attempt", len(kept))
	}
	for _, body := range kept {
		if !strings.HasPrefix(body, begin) || len(body) > 64<<10 {
			s.t.Errorf("got %d bytes kept, %.100s…, want what came, and no more than 64 KiB of it", len(body), body)
		}
	}
}

package main // an inside test: a main package cannot be imported

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"

	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/jobs"
	"orderbeat/worker/api"
	"orderbeat/worker/bus/natstest"
)

// standInWorker is a fake worker on its own NATS server; it stores nothing.
type standInWorker struct {
	config string // path of a configuration that names the server
	conn   *nats.Conn
	t      *testing.T
}

func newStandInWorker(t *testing.T) standInWorker {
	t.Helper()
	srv := natstest.Start(t, natstest.Options(t))
	conn, err := nats.Connect(srv.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return standInWorker{writeConfig(t, fmt.Sprintf("[nats]\nurl = %q\nprefix = \"test\"\n", srv.ClientURL())), conn, t}
}

// answers replies to an endpoint; a reply that is an api.Error is an error reply.
func (w standInWorker) answers(endpoint string, reply func(request []byte) any) {
	w.t.Helper()
	_, err := w.conn.Subscribe("test.api."+endpoint, func(m *nats.Msg) {
		answer := nats.NewMsg(m.Reply)
		body := reply(m.Data)
		if e, ok := body.(api.Error); ok {
			answer.Header.Set("Nats-Service-Error-Code", "400")
			answer.Header.Set("Nats-Service-Error", e.Message)
			body = map[string]any{"error": e}
		}
		answer.Data, _ = json.Marshal(body)
		_ = m.RespondMsg(answer)
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.conn.Flush(); err != nil {
		w.t.Fatal(err)
	}
}

// runIn is the reply about a run of three jobs.
func runIn(state jobs.State, counts jobs.Counts, errs ...jobs.RunError) any {
	at := time.Date(2026, 11, 18, 12, 0, 0, 0, time.UTC)
	run := jobs.Run{
		ID: "01JRUN", Provider: "michelin", Kind: "sync", State: state, Jobs: counts, Errors: errs, RequestedAt: at,
		Orders: jobs.Tally{Seen: 360, Created: 4, Changed: 31},
	}
	if state.Ended() {
		end := at.Add(1500 * time.Millisecond)
		run.FinishedAt = &end
	}
	return map[string]any{"run": run}
}

func TestSyncWatchesTheRunToItsEnd(t *testing.T) {
	for _, test := range []struct {
		name           string
		state          jobs.State
		counts         jobs.Counts
		errs           []jobs.RunError
		status         int
		stdout, stderr string
	}{
		{
			"succeeded", jobs.Succeeded,
			jobs.Counts{Total: 3, Succeeded: 3},
			nil, cli.Done,
			"michelin sync succeeded in 1.5s: 3 jobs, 360 orders seen, 4 created, 31 changed (run 01JRUN)\n", "",
		},
		{
			"partial", jobs.Partial,
			jobs.Counts{Total: 3, Succeeded: 2, Failed: 1},
			[]jobs.RunError{{Account: "toledo", Code: "forbidden", Message: "not yours", Hint: "check bill_to"}},
			cli.Partial,
			"michelin sync partial in 1.5s: 3 jobs, 360 orders seen, 4 created, 31 changed (run 01JRUN)\n", "toledo: forbidden: not yours\n  check bill_to\n",
		},
		{
			"failed", jobs.Failed,
			jobs.Counts{Total: 3, Failed: 3},
			nil, cli.Failed,
			"michelin sync failed in 1.5s: 3 jobs, 360 orders seen, 4 created, 31 changed (run 01JRUN)\n", "",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newStandInWorker(t)
			var asked atomic.Value
			w.answers("runs.start", func(request []byte) any {
				asked.Store(string(request))
				return runIn(jobs.Queued, jobs.Counts{Total: 3})
			})
			var polls atomic.Int32
			w.answers("runs.get", func([]byte) any {
				switch polls.Add(1) {
				case 1:
					return runIn(jobs.Running, jobs.Counts{Total: 3, Succeeded: 1})
				case 2:
					return api.Error{Code: "busy", Message: "later"}
				default:
					return runIn(test.state, test.counts, test.errs...)
				}
			})
			got := do(t, "sync", "michelin", "--account", "detroit", "--account", "toledo", "--lookback", "30d", "--config", w.config)
			if diff := cmp.Diff(result{test.status, test.stdout, test.stderr}, got, cmp.AllowUnexported(result{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			want := `{"provider":"michelin","kind":"sync","params":{"lookback":"30d"},"accounts":["detroit","toledo"]}`
			if diff := cmp.Diff(want, asked.Load()); diff != "" {
				t.Errorf("the request (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSyncAsJSONPrintsTheRun(t *testing.T) {
	w := newStandInWorker(t)
	w.answers("runs.start", func([]byte) any { return runIn(jobs.Partial, jobs.Counts{Total: 1, Partial: 1}) })
	got := do(t, "sync", "michelin", "--from", "2026-01-01", "--to", "2026-01-31", "--json", "--config", w.config)
	var run jobs.Run
	if err := json.Unmarshal([]byte(got.stdout), &run); err != nil || run.ID != "01JRUN" || got.status != cli.Partial {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestSyncReportsWhyItWasRejected(t *testing.T) {
	w := newStandInWorker(t)
	w.answers("runs.start", func([]byte) any {
		return api.Error{Code: "invalid", Message: `unknown account "paris"`, Hint: "configured: detroit"}
	})
	got := do(t, "sync", "michelin", "--account", "paris", "--config", w.config)
	want := result{cli.Usage, "", "orderbeat: invalid: unknown account \"paris\" (configured: detroit)\n"}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(result{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSyncWithNATSButNoWorker(t *testing.T) {
	got := do(t, "sync", "michelin", "--config", newStandInWorker(t).config)
	if got.status != cli.Failed || !strings.Contains(got.stderr, "no orderbeat worker responds at nats://127.0.0.1:") {
		t.Errorf("got %+v", got)
	}
}

func TestSyncInterruptedLeavesTheRun(t *testing.T) {
	w := newStandInWorker(t)
	ctx, interrupt := context.WithCancel(t.Context())
	w.answers("runs.start", func([]byte) any { return runIn(jobs.Queued, jobs.Counts{Total: 3}) })
	w.answers("runs.get", func([]byte) any {
		interrupt()
		return runIn(jobs.Running, jobs.Counts{Total: 3})
	})
	var stdout, stderr bytes.Buffer
	status := run(ctx, []string{"sync", "michelin", "--config", w.config}, func(string) string { return "" }, &stdout, &stderr)
	if status != cli.Failed || !strings.Contains(stderr.String(), "run 01JRUN continues: see `orderbeat runs 01JRUN`") {
		t.Errorf("status %d: %s", status, stderr.String())
	}
}

func TestSyncStopsWatchingAtItsTimeout(t *testing.T) {
	w := newStandInWorker(t)
	w.answers("runs.start", func([]byte) any { return runIn(jobs.Queued, jobs.Counts{Total: 3}) })
	w.answers("runs.get", func([]byte) any { return runIn(jobs.Running, jobs.Counts{Total: 3}) })
	got := do(t, "sync", "michelin", "--timeout", "300ms", "--config", w.config)
	if got.status != cli.Failed || !strings.Contains(got.stderr, "run 01JRUN continues") {
		t.Errorf("got %+v", got)
	}
}

package main // an inside test: a main package cannot be imported

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"orderbeat/clients"
	"orderbeat/clients/section"
	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/db"
	"orderbeat/db/runs"
	"orderbeat/jobs"
)

// wildTame is the environment variable that makes a [wild] provider behave; wildCalls names the
// file to which it writes the account of every call.
const (
	wildTame  = "ORDERBEAT_TEST_WILD_TAME"
	wildCalls = "ORDERBEAT_TEST_WILD_CALLS"
)

// wild is a misbehaving provider. The account's name selects how: "spins" computes forever and
// ignores its context, "kills" kills the process once another call is running or after a long
// wait, "waits" responds unless the process is about to be killed, and "hangs" responds, but its
// provider cannot be closed.
type wild struct {
	killing atomic.Bool
	calls   atomic.Int32
	hangs   bool
}

func openWild(s section.Section) (clients.Provider, error) {
	w := &wild{}
	for _, a := range s.Accounts {
		w.hangs = w.hangs || a.Name == "hangs"
	}
	return w, nil
}

func (w *wild) Traits() clients.Traits { return clients.Traits{MaxReferences: 10} }

func (w *wild) Close() error { //nolint:unparam // the interface wants an error
	if w.hangs && os.Getenv(asProgram) != "" && w.calls.Load() > 0 {
		select {}
	}
	return nil
}

func (w *wild) Orders(_ context.Context, q clients.Query) (clients.Answer, error) {
	w.calls.Add(1)
	defer w.calls.Add(-1)
	if path := os.Getenv(wildCalls); path != "" {
		file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return clients.Answer{}, err
		}
		fmt.Fprintln(file, q.Account.Name)
		file.Close()
	}
	if os.Getenv(wildTame) != "" {
		return clients.Answer{}, nil
	}
	switch q.Account.Name {
	case "spins":
		for i := 0; ; i++ {
			_ = i * i
		}
	case "kills":
		w.killing.Store(true)
		for until := time.Now().Add(2 * time.Second); w.calls.Load() < 2 && time.Now().Before(until); {
			time.Sleep(10 * time.Millisecond)
		}
		return clients.Answer{}, syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "waits":
		for until := time.Now().Add(2 * time.Second); w.killing.Load() || time.Now().Before(until); {
			time.Sleep(10 * time.Millisecond)
		}
	case "hangs":
		w.calls.Add(1) // from now on, forever
	}
	return clients.Answer{}, nil
}

// wildConfig configures a provider "wild" with these accounts.
func wildConfig(t *testing.T, drain string, accounts ...string) (path string) {
	t.Helper()
	text := fmt.Sprintf(`
[nats]
listen = "127.0.0.1:0"
[web]
listen = ""
[worker]
drain = %q
[providers.wild]
kind = "wild"
base_url = "http://127.0.0.1:1"
allow_insecure_http = true
`, drain)
	for _, a := range accounts {
		text += fmt.Sprintf("[[providers.wild.accounts]]\nname = %q\nbill_to = \"1\"\n", a)
	}
	path = filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// wildJobs are the jobs in the database of a program that runs or not, by account.
func wildJobs(t *testing.T, config string) map[string]runs.JobRow {
	t.Helper()
	d, err := db.OpenReadOnly(t.Context(), filepath.Join(filepath.Dir(config), "data", "orderbeat.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	list, err := d.Jobs(t.Context(), runs.JobFilter{})
	if err != nil {
		t.Fatal(err)
	}
	byAccount := map[string]runs.JobRow{}
	for _, j := range list {
		byAccount[j.Account] = j
	}
	return byAccount
}

// TestJobThatKillsTheProcessIsDeadAfterThreeAttempts runs a job that kills the process and an
// innocent one, and restarts the process as a supervisor would.
func TestJobThatKillsTheProcessIsDeadAfterThreeAttempts(t *testing.T) {
	t.Parallel()
	config := wildConfig(t, "1s", "kills", "waits")
	p := startProcess(t, config)
	p.publish("orderbeat.runs.wild.sync", `{}`)
	<-p.endings
	killed := 1
	for ; killed < 10; killed++ {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "run", "--config", config)
		cmd.Env = append(os.Environ(), asProgram+"=1")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		p.eventually("the process ends, or all jobs", func() bool {
			all := wildJobs(t, config)
			return len(ended) > 0 || all["kills"].State.Ended() && all["waits"].State.Ended()
		})
		if len(ended) == 0 {
			_ = cmd.Process.Signal(syscall.SIGTERM)
			<-ended
			break
		}
	}
	if killed != 3 {
		t.Errorf("the process was killed %d times, want 3", killed)
	}
	all := wildJobs(t, config)
	if j := all["kills"]; j.State != jobs.Dead || j.Error != "the process ended 3 times while this job was running" || j.Crashes != 3 || j.Attempts != 1 {
		t.Errorf("got %+v, want it dead, with the reason", j)
	}
	if j := all["waits"]; j.State != jobs.Succeeded {
		t.Errorf("got %+v, want the job beside it done", j)
	}
	p = startProcess(t, config)
	if r := p.results(1)[0]; r.State != jobs.Partial || r.Jobs.Dead != 1 || r.Jobs.Succeeded != 1 {
		t.Errorf("got %+v, want the run ended", r)
	}
	if n := p.count("alerts WHERE code = 'dead_job' AND state = 'raised' AND account = 'kills'"); n != 1 {
		t.Errorf("got %d alerts, want one of the dead job", n)
	}
}

// TestProcessStopsWhateverAJobDoes stops a process with a job that ignores its context, and one
// with a provider that cannot be closed.
func TestProcessStopsWhateverAJobDoes(t *testing.T) {
	t.Parallel()
	for _, account := range []string{"spins", "hangs"} {
		t.Run(account, func(t *testing.T) {
			t.Parallel()
			config := wildConfig(t, "1s", account)
			calls := filepath.Join(filepath.Dir(config), "calls")
			for stop := range 4 { // more often than a job may end the process
				p := startProcess(t, config, wildCalls+"="+calls)
				if stop == 0 {
					p.publish("orderbeat.runs.wild.sync", `{}`)
				}
				p.eventually("the job is in hand", func() bool {
					made, err := os.ReadFile(calls)
					return err == nil && strings.Count(string(made), account) == stop+1 &&
						(account == "spins" || wildJobs(t, config)[account].State.Ended())
				})
				if code := p.stop(); code != cli.Abandoned {
					t.Fatalf("got exit status %d, want %d", code, cli.Abandoned)
				}
				if !strings.Contains(p.logged.String(), "stopped while jobs were running") {
					t.Error("the log does not say that it gave up")
				}
				if account == "hangs" {
					return
				}
				if !strings.Contains(p.logged.String(), `"msg":"job still running after its cancellation"`) {
					t.Error("the log does not name the job")
				}
			}
			p := startProcess(t, config, wildTame+"=1")
			if r := p.results(1)[0]; r.State != jobs.Succeeded {
				t.Errorf("got %+v, want the job done after the restart", r)
			}
			if j := wildJobs(t, config)[account]; j.Crashes != 0 || j.Attempts != 1 {
				t.Errorf("got %+v, want no stop counted against it", j)
			}
		})
	}
}

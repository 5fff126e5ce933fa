package stricttest_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"orderbeat/auth"
	"orderbeat/db"
)

const (
	// timeout of a token request, in tests that have one time out.
	timeout = 2 * time.Second
	// leased is how long a lease lasts then, when its holder is killed.
	leased = 2*timeout + 5*time.Second
)

// process is a child of the tests that carries out its orders.
type process struct {
	cmd    *exec.Cmd
	stdout bytes.Buffer
}

// launch starts one. It is killed when the test ends before it.
func launch(t *testing.T, o orders) *process {
	t.Helper()
	written, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: exec.CommandContext(t.Context(), os.Args[0])}
	p.cmd.Env = append(os.Environ(), childOrders+"="+string(written))
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, os.Stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// report waits for the process to end.
func (p *process) report(t *testing.T) report {
	t.Helper()
	var r report
	if err := p.cmd.Wait(); err != nil {
		t.Fatalf("a process failed: %v", err)
	}
	if err := json.Unmarshal(p.stdout.Bytes(), &r); err != nil {
		t.Fatalf("a process's report: %v\n%s", err, p.stdout.Bytes())
	}
	return r
}

// killed waits for the process to have been killed.
func (p *process) killed(t *testing.T) {
	t.Helper()
	_ = p.cmd.Wait() // the state tells more
	if s, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || s.Signal() != syscall.SIGKILL {
		t.Fatalf("the process: %v, want it killed", p.cmd.ProcessState)
	}
}

// rig is a server with a proxy before it, and a store that holds johndoe's grant.
type rig struct {
	server server
	proxy  *proxy
	folder string
}

func newRig(t *testing.T, run start, life time.Duration) *rig {
	t.Helper()
	r := &rig{server: run(t, life), folder: t.TempDir()}
	r.proxy = newProxy(t, r.server)
	store, closeStore, err := openStore(t.Context(), r.folder, db.Open)
	if err != nil {
		t.Fatal(err)
	}
	c := r.server.userConfig()
	c.Store, c.TokenURL = store, r.tokenURL()
	source, err := auth.NewSource(c)
	if err != nil {
		t.Fatal(err)
	}
	consent(t, source)
	source.Close()
	if err := closeStore(); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rig) tokenURL() string { return r.proxy.url + r.server.token }

// orders are those of a process that calls now and then, for a while.
func (r *rig) orders(d time.Duration) orders {
	return orders{
		TokenURL: r.tokenURL(), API: r.server.at("/api"), ClientAuth: r.server.clientAuth,
		Folder: r.folder, Callers: 2, Pause: 40 * time.Millisecond, For: d, Timeout: timeout,
	}
}

// fleet runs three processes with the same orders.
func (r *rig) fleet(t *testing.T, o orders) []report {
	t.Helper()
	var processes []*process
	for range 3 {
		processes = append(processes, launch(t, o))
	}
	var reports []report
	for _, p := range processes {
		reports = append(reports, p.report(t))
	}
	return reports
}

//go:build linux && setclock

package main // an inside test: a main package cannot be imported

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"orderbeat/cmd/orderbeat/cli"
)

// settable builds the program with a wall clock that two signals set: SIGUSR1 two hours
// ahead, SIGUSR2 two hours back. Only this process sees it, not the machine. Every package is
// recompiled, SQLite included.
func settable(t *testing.T) (binary string) {
	t.Helper()
	root, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	folder, clock := t.TempDir(), filepath.Join(strings.TrimSpace(string(root)), "src", "time", "time.go")
	text, err := os.ReadFile(clock)
	if err != nil {
		t.Fatal(err)
	}
	const reads = "sec, nsec, mono := runtimeNow()\n\tif mono == 0 {"
	if !strings.Contains(string(text), reads) {
		t.Fatalf("%s reads the clock in another way: this test must learn it", clock)
	}
	changed := strings.Replace(string(text), reads, "sec, nsec, mono := runtimeNow()\n\tsec += wallShift.Load()\n\tif mono == 0 {", 1)
	changed = strings.Replace(changed, "import (\n", "import (\n\t\"sync/atomic\"\n", 1) + `
var wallShift atomic.Int64

// ShiftWall moves the wall clock of this process by so many seconds.
func ShiftWall(seconds int64) { wallShift.Add(seconds) }
`
	const signals = `package main

import (
	"os"
	"os/signal"
	"syscall"
	"time"
)

func init() {
	came := make(chan os.Signal, 1)
	signal.Notify(came, syscall.SIGUSR1, syscall.SIGUSR2)
	go func() {
		for s := range came {
			if s == syscall.SIGUSR1 {
				time.ShiftWall(7200)
			} else {
				time.ShiftWall(-7200)
			}
		}
	}()
}
`
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	replace := map[string]string{clock: filepath.Join(folder, "time.go"), filepath.Join(here, "settable.go"): filepath.Join(folder, "settable.go")}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"time.go": changed, "settable.go": signals, "overlay.json": string(overlay)} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	binary = filepath.Join(folder, "orderbeat")
	begun := time.Now()
	out, err := exec.CommandContext(t.Context(), "go", "build", "-overlay", filepath.Join(folder, "overlay.json"), "-o", binary, ".").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("built in %s", time.Since(begun).Round(time.Second))
	return binary
}

// TestWorkerHandlesClockChanges sets the clock of a working process two hours ahead, and back: nothing
// stands still for two hours, and nothing is there twice. It takes minutes to build, so it
// is there with the build tag setclock only.
func TestWorkerHandlesClockChanges(t *testing.T) {
	binary := settable(t)
	for name, set := range map[string][]syscall.Signal{
		"ahead":          {syscall.SIGUSR1},
		"back":           {syscall.SIGUSR2},
		"ahead and back": {syscall.SIGUSR1, syscall.SIGUSR2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // waits for whole minutes
			setClock(t, binary, set)
		})
	}
}

func setClock(t *testing.T, binary string, set []syscall.Signal) {
	t.Helper()
	o, folder := newOutside(t), t.TempDir()
	config := steady(t, folder, o, fmt.Sprintf("listen = \"127.0.0.1:%s\"", freePort(t)))
	replace(t, config, `"@every 1s"`, `"@every 10s"`)
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	// One that waits for the wall clock, beside the one that counts.
	text = append(text, `
[[schedules]]
name = "minutes"
cron = "* * * * *"
provider = "michelin"
kind = "sync"
params = { lookback = "3d" }
overlap = "allow"
catch_up = "none"
`...)
	if err := os.WriteFile(config, text, 0o600); err != nil {
		t.Fatal(err)
	}
	m := enlistBinary(t, binary, config)
	m.says("run finished", 2)
	started := func(schedule string) int {
		return howMany(t, m, "SELECT count(*) FROM ticks AS t JOIN runs AS r USING (run_id) WHERE t.outcome IN ('started', 'caught_up') AND r.state = 'succeeded' AND t.schedule = '"+schedule+"'")
	}
	within := func(patience time.Duration, what string, holds func() bool) {
		t.Helper()
		for deadline := time.Now().Add(patience); !holds(); time.Sleep(50 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Errorf("waited in vain: %s", what)
				return
			}
		}
	}
	for i, s := range set {
		within(70*time.Second, "a minute begins", func() bool { return started("minutes") > i })
		// A job that is to be tried again soon.
		changed := howMany(t, m, "SELECT count(*) FROM order_events")
		o.post("/_sandbox/fault", `{"op":"order_status","status":503,"times":1}`)
		m.eventually("a job waits", func() bool { return m.value("SELECT count(*) FROM jobs WHERE state = 'waiting'") != "0" })
		m.signal(s)
		m.says("the clock was set", i+1)
		steadily, minutes := started("steady"), started("minutes")
		within(45*time.Second, "the job that waits is done", func() bool {
			return m.value("SELECT count(*) FROM jobs WHERE state IN ('waiting', 'dead', 'failed')") == "0"
		})
		within(45*time.Second, "the schedule that counts goes on", func() bool { return started("steady") >= steadily+3 })
		within(80*time.Second, "the schedule by the wall clock goes on", func() bool { return started("minutes") >= minutes+1 })
		within(60*time.Second, "changes are seen", func() bool { return howMany(t, m, "SELECT count(*) FROM order_events") > changed })
	}
	if status, page := m.get("/readyz"); status != 200 {
		t.Errorf("/readyz: got %d %s", status, page)
	}
	within(30*time.Second, "the outbox is empty", func() bool { return m.value("SELECT count(*) FROM outbox") == "0" })
	toldOnce(t, m)
	if n := m.value("SELECT count(*) FROM (SELECT key FROM runs GROUP BY key HAVING count(*) > 1)"); n != "0" {
		t.Errorf("%s due times became more than one run", n)
	}
	t.Logf("steady %d, minutes %d, of all ticks %s, events %s; %v", started("steady"), started("minutes"), m.value("SELECT count(*) FROM ticks"), m.value("SELECT count(*) FROM order_events"),
		m.value("SELECT json_group_array(schedule || ' ' || due_at || ' ' || outcome || ' ' || coalesce(reason, '')) FROM (SELECT * FROM ticks WHERE schedule = 'minutes' AND outcome = 'started' ORDER BY due_at)"))
	if status := m.stop(); status != cli.Done {
		t.Errorf("got exit status %d, want %d", status, cli.Done)
	}
}

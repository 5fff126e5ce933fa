package main // an inside test: a main package cannot be imported

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"orderbeat/clients/sandbox"
	"orderbeat/worker/bus/natstest"
)

// member is a process of the program; it may follow or fail.
type member struct {
	t      *testing.T
	config string
	cmd    *exec.Cmd
	logged *log
	ended  chan struct{} // closed when the process has ended
}

// enlist starts the program as a process.
func enlist(t *testing.T, config string) *member {
	t.Helper()
	return enlistBinary(t, os.Args[0], config)
}

// enlistBinary starts a binary of the program.
func enlistBinary(t *testing.T, binary, config string) *member {
	t.Helper()
	m := launch(t, binary, config)
	t.Cleanup(m.discharge)
	return m
}

// launch starts a binary of the program, which the caller ends with [member.discharge].
func launch(t *testing.T, binary, config string) *member {
	t.Helper()
	return launchBy(t, config, binary, "run", "--config", config)
}

// launchBy runs a command that becomes the program.
func launchBy(t *testing.T, config, command string, args ...string) *member {
	t.Helper()
	m := &member{t: t, config: config, logged: &log{}, ended: make(chan struct{})}
	m.cmd = exec.CommandContext(context.Background(), command, args...)
	m.cmd.Env = append(os.Environ(), asProgram+"=1")
	logs, err := m.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := m.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { // ends with the process
		defer close(m.ended)
		lines := bufio.NewScanner(logs)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			m.logged.add(lines.Bytes())
		}
		_ = m.cmd.Wait() // tests check the status if they need it
	}()
	return m
}

// discharge kills the process, and prints the end of its log if the test failed.
func (m *member) discharge() {
	m.kill()
	if m.t.Failed() {
		m.t.Logf("%s:\n%s", filepath.Base(filepath.Dir(m.config)), tail(m.logged.String(), 60))
	}
}

// tail returns the last lines of a text, without those about runs.
func tail(text string, lines int) string {
	text = regexp.MustCompile(`(?m)^.*"msg":"run finished".*\n`).ReplaceAllString(text, "")
	all := strings.Split(text, "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

func (m *member) signal(s os.Signal) { _ = m.cmd.Process.Signal(s) } // it may have ended

// kill sends SIGKILL.
func (m *member) kill() {
	m.signal(syscall.SIGKILL)
	<-m.ended
}

// stop stops it gracefully, and returns its exit status.
func (m *member) stop() int {
	m.signal(syscall.SIGTERM)
	select {
	case <-m.ended:
	case <-time.After(60 * time.Second):
		m.t.Fatal("it does not stop")
	}
	return m.cmd.ProcessState.ExitCode()
}

// says waits until it logged a message n times.
func (m *member) says(message string, n int) {
	m.t.Helper()
	m.eventually(fmt.Sprintf("it logs %q for the %d. time", message, n), func() bool { return m.said(message) >= n })
}

func (m *member) said(message string) int {
	return strings.Count(m.logged.String(), `"msg":"`+message)
}

func (m *member) eventually(what string, holds func() bool) {
	m.t.Helper()
	m.eventuallyWithin(time.Minute, what, holds)
}

func (m *member) eventuallyWithin(timeout time.Duration, what string, holds func() bool) {
	m.t.Helper()
	for deadline := time.Now().Add(timeout); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			m.t.Fatalf("waited in vain: %s", what)
		}
	}
}

// get sends a request to the web listener.
func (m *member) get(path string) (status int, page string) {
	m.t.Helper()
	text, err := os.ReadFile(m.config)
	if err != nil {
		m.t.Fatal(err)
	}
	web := regexp.MustCompile(`\[web\]\nlisten = "([^"]+)"`).FindSubmatch(text)
	client := http.Client{Timeout: 10 * time.Second}
	resp, err := client.Get("http://" + string(web[1]) + path)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body)
}

// value reads one value from the database file.
func (m *member) value(query string, args ...any) (value string) {
	m.t.Helper()
	if err := openFile(m.t, m.config).QueryRow(query, args...).Scan(&value); err != nil {
		m.t.Fatalf("%s: %v", query, err)
	}
	return value
}

// depot is an external NATS server that can be stopped and restarted.
type depot struct {
	t       *testing.T
	options *server.Options
	server  *server.Server
}

func newDepot(t *testing.T) *depot {
	t.Helper()
	d := &depot{t: t, options: natstest.Options(t)}
	d.start()
	return d
}

func (d *depot) start() {
	d.t.Helper()
	d.server = natstest.Start(d.t, d.options)
}

func (d *depot) stop() { natstest.Stop(d.server) }

// connect is a connection of the test's own.
func (d *depot) connect(t *testing.T) jetstream.JetStream {
	t.Helper()
	conn, err := nats.Connect(d.server.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// steady configures two accounts at an external sandbox with a schedule that is due every
// second and catches up on all missed due times. nats is the text of its section.
func steady(t *testing.T, folder string, o *outside, nats string) (path string) {
	t.Helper()
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(`
[nats]
%s
%s
[providers.michelin]
kind = "michelin"
base_url = %q
client_id = %q
client_secret = %q
rate = "1000/s"
[[providers.michelin.accounts]]
name = "detroit"
bill_to = "1111111"
[[providers.michelin.accounts]]
name = "toledo"
bill_to = "2222222"
[[schedules]]
name = "steady"
cron = "@every 1s"
provider = "michelin"
kind = "sync"
params = { lookback = "3d" }
overlap = "allow"
catch_up = "all"
`, nats, webOn(t, "127.0.0.1", ""), o.url, writeSecret(t, folder, "id", sandbox.ClientID), writeSecret(t, folder, "secret", sandbox.ClientSecret))
	// Workers that share tokens need the same key.
	data := filepath.Join(folder, "data")
	if err := os.MkdirAll(data, 0o700); err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{filepath.Join(data, "key"): sharedKey, filepath.Join(folder, "config.toml"): text} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(folder, "config.toml")
}

// sharedKey is the content of a key file.
const sharedKey = "c2FtcGxlIHNhbXBsZSBzYW1wbGUgc2FtcGxlIDAwMDA=\n"

// accountsAsked counts the order requests per account.
func (o *outside) accountsAsked() map[string]int {
	o.mu.Lock()
	defer o.mu.Unlock()
	asked := map[string]int{}
	for _, account := range regexp.MustCompile(`(?m)^POST /order/amn/C1_1/status\n(?:.+\n)*\r?\n?.*"(1111111|2222222)"`).FindAllSubmatch(o.wire.Bytes(), -1) {
		asked[string(account[1])]++
	}
	return asked
}

package main // an inside test: a main package cannot be imported

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"orderbeat/clients/sandbox"
	"orderbeat/cmd/orderbeat/cli"
)

// service is `orderbeat run` as started by a service manager, with pipes that the test reads or
// closes.
type service struct {
	t              *testing.T
	cmd            *exec.Cmd
	stdout, stderr *os.File
	web            string
}

func startService(t *testing.T) *service {
	t.Helper()
	folder, stand := t.TempDir(), newStand(t, sandbox.Options{})
	config := suppliers(t, folder, stand.section(t, folder, "michelin", ""))
	s := &service{t: t, cmd: exec.CommandContext(context.Background(), os.Args[0], "run", "--config", config)}
	s.cmd.Env = append(os.Environ(), asProgram+"=1")
	pipe := func(end *io.Writer) *os.File {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		*end = w
		t.Cleanup(func() { r.Close() })
		return r
	}
	s.stdout, s.stderr = pipe(&s.cmd.Stdout), pipe(&s.cmd.Stderr)
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.cmd.Process.Kill() })
	for _, w := range []io.Writer{s.cmd.Stdout, s.cmd.Stderr} {
		w.(*os.File).Close() // the child's alone
	}
	s.line(func(entry map[string]any) bool {
		if entry["msg"] == "orderbeat is running" {
			s.web, _ = entry["web"].(string)
		}
		return s.web != ""
	})
	return s
}

// line reads the log, byte by byte, until a line matches.
func (s *service) line(is func(map[string]any) bool) {
	s.t.Helper()
	if err := s.stderr.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		s.t.Fatal(err)
	}
	var text []byte
	for b := make([]byte, 1); ; {
		if _, err := s.stderr.Read(b); err != nil {
			s.t.Fatalf("%v after %q", err, text)
		}
		if text = append(text, b[0]); b[0] != '\n' {
			continue
		}
		var entry map[string]any
		if json.Unmarshal(text, &entry) == nil && is(entry) {
			return
		}
		s.t.Logf("%s", text)
		text = nil
	}
}

// alive checks that the program is ready.
func (s *service) alive() {
	s.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		resp, err := http.Get(s.web + "/readyz")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("it is not ready: %v, %v", resp, err)
		}
	}
}

// end stops the program, and returns its exit status.
func (s *service) end() syscall.WaitStatus {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	_ = s.cmd.Wait()
	return s.cmd.ProcessState.Sys().(syscall.WaitStatus) //nolint:forcetypeassert // on a system with signals
}

func TestOtherSignalsDoNotEndTheWorker(t *testing.T) {
	t.Parallel()
	s := startService(t)
	for _, signal := range []syscall.Signal{syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGHUP, syscall.SIGPIPE} {
		if err := s.cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		if signal != syscall.SIGPIPE {
			s.line(func(entry map[string]any) bool {
				msg, _ := entry["msg"].(string)
				if signal == syscall.SIGHUP {
					return msg == "configuration reloaded"
				}
				return strings.HasPrefix(msg, "signal ignored") && entry["signal"] == signal.String()
			})
		}
		s.alive()
	}
	if status := s.end(); !status.Exited() || status.ExitStatus() != cli.Done {
		t.Errorf("it ended with %v, want status 0", status)
	}
	last := ""
	for lines := bufio.NewScanner(s.stderr); lines.Scan(); {
		last = lines.Text()
	}
	if !strings.Contains(last, `"msg":"stopped"`) {
		t.Errorf("the last line is %s, want that it has stopped", last)
	}
}

func TestClosedLogDoesNotEndTheWorker(t *testing.T) {
	t.Parallel()
	s := startService(t)
	s.stdout.Close()
	s.stderr.Close()
	for range 5 { // each is a line for the log
		if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		s.alive()
	}
	if status := s.end(); !status.Exited() || status.ExitStatus() != cli.Done {
		t.Errorf("it ended with %v, want status 0: for a service manager a death by SIGPIPE is a clean end", status)
	}
}

// TestFailedStartWithAClosedLogHasItsExitStatus is about `run` only: other commands end by
// SIGPIPE, as usual in a pipe.
func TestFailedStartWithAClosedLogHasItsExitStatus(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	r.Close()
	path := suppliers(t, t.TempDir(), "")
	for _, test := range []struct {
		args     []string
		signaled bool
	}{{[]string{"run", "--config", path + ".none"}, false}, {[]string{"orders", "--config", path + ".none"}, true}} {
		cmd := exec.CommandContext(t.Context(), os.Args[0], test.args...)
		cmd.Env, cmd.Stderr = append(os.Environ(), asProgram+"=1"), w
		_ = cmd.Run()
		status := cmd.ProcessState.Sys().(syscall.WaitStatus) //nolint:forcetypeassert // as above
		if status.Signaled() != test.signaled || !test.signaled && status.ExitStatus() != cli.Usage {
			t.Errorf("%s ended with %v", test.args[0], status)
		}
	}
}

func TestSecondSIGTERMEndsAtOnce(t *testing.T) {
	t.Parallel()
	s := startService(t)
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.line(func(entry map[string]any) bool { return entry["msg"] == "stopping" })
	status := s.end()
	stopped, signaled := status.Exited() && status.ExitStatus() == cli.Done, status.Signaled() && status.Signal() == syscall.SIGTERM
	if !stopped && !signaled {
		t.Errorf("it ended with %v, want by the signal, or because it had stopped", status)
	}
}

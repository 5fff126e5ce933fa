package main // an inside test: a main package cannot be imported

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"orderbeat/cmd/orderbeat/cli"
)

const fleetFolder = "../../docs/deploy/fleet"

// TestFleetExample starts the fleet of docs/deploy/fleet with its script: one store leads, the other
// follows, a run is carried out by fetchers, and after kill -9 of the leader the follower leads.
func TestFleetExample(t *testing.T) {
	t.Parallel() // mostly waits
	f := startFleet(t)
	leader, follower := f.settled()
	ran := func(store string) {
		t.Helper()
		if out, status := f.command(store, "sync", "michelin", "--lookback", "30d"); status != cli.Done || !strings.Contains(out, "succeeded") {
			t.Errorf("%s: sync: got exit status %d and %s", store, status, out)
		}
	}
	ran(leader)
	orders, _ := f.command(leader, "orders", "--limit", "1000", "--json")
	f.eventually("the follower has the same orders", func() bool {
		same, status := f.command(follower, "orders", "--limit", "1000", "--json")
		return status == cli.Done && strings.Count(same, `"order_id"`) >= strings.Count(orders, `"order_id"`)
	})
	f.kill(leader)
	f.eventually("the follower leads", func() bool { return f.ready(follower, "?leader") })
	ran(follower)
	f.eventually("the killed leader follows", func() bool { return f.ready(leader, "") && !f.ready(leader, "?leader") })
	f.stop()
}

// fleet is the example, running.
type fleet struct {
	t      *testing.T
	folder string
	base   int
	cmd    *exec.Cmd
	ended  chan struct{}
	stop   func()
}

func startFleet(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{t: t, folder: t.TempDir(), base: freeHundred(t), ended: make(chan struct{})}
	natsServer := filepath.Join(t.TempDir(), "nats-server")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", natsServer, "github.com/nats-io/nats-server/v2")
	build.Env = append(os.Environ(), "GOFLAGS=") // the race detector would compile everything again
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build nats-server: %v\n%s", err, out)
	}
	var printed bytes.Buffer
	f.cmd = exec.CommandContext(context.Background(), filepath.Join(fleetFolder, "start"), "-b", strconv.Itoa(f.base), "-d", f.folder, os.Args[0], natsServer)
	f.cmd.Env = append(os.Environ(), asProgram+"=1")
	f.cmd.Stdout, f.cmd.Stderr = &printed, &printed
	if err := f.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = f.cmd.Wait(); close(f.ended) }() // its status is checked in stop
	f.stop = sync.OnceFunc(func() {
		_ = f.cmd.Process.Signal(syscall.SIGINT)
		select {
		case <-f.ended:
		case <-time.After(30 * time.Second):
			f.killAll()
			_ = f.cmd.Process.Kill()
			<-f.ended
			t.Error("the script does not stop")
		}
		if status := f.cmd.ProcessState.ExitCode(); status != 0 {
			t.Errorf("start: got exit status %d", status)
		}
		for _, name := range f.names() {
			if pid := f.pid(name); pid > 0 && syscall.Kill(pid, 0) == nil {
				t.Errorf("%s still runs after start has stopped", name)
			}
		}
	})
	t.Cleanup(func() {
		f.stop()
		if t.Failed() {
			t.Logf("start:\n%s", printed.String())
			for _, name := range f.names() {
				text, _ := os.ReadFile(filepath.Join(f.folder, name+".log"))
				t.Logf("%s:\n%s", name, tail(string(text), 25))
			}
		}
	})
	return f
}

func (f *fleet) names() (names []string) {
	files, _ := filepath.Glob(filepath.Join(f.folder, "*.pid"))
	for _, file := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(file), ".pid"))
	}
	return names
}

// pid is the process of a name, 0 if it has none.
func (f *fleet) pid(name string) int {
	text, _ := os.ReadFile(filepath.Join(f.folder, name+".pid"))
	pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return pid
}

func (f *fleet) kill(name string) {
	f.t.Helper()
	if err := syscall.Kill(f.pid(name), syscall.SIGKILL); err != nil {
		f.t.Fatalf("%s: %v", name, err)
	}
}

func (f *fleet) killAll() {
	for _, name := range f.names() {
		_ = syscall.Kill(f.pid(name), syscall.SIGKILL) // it may have ended
	}
}

// settled waits until one store leads and the other follows.
func (f *fleet) settled() (leader, follower string) {
	f.t.Helper()
	f.eventually("one store leads and the other follows", func() bool {
		leader, follower = "store-1", "store-2"
		if f.ready(follower, "?leader") {
			leader, follower = follower, leader
		}
		return f.ready(leader, "?leader") && f.ready(follower, "") && !f.ready(follower, "?leader")
	})
	return leader, follower
}

// ready reports whether /readyz of a process is 200.
func (f *fleet) ready(name, query string) bool {
	f.t.Helper()
	listen := f.environment(name)["ORDERBEAT_WEB_LISTEN"]
	client := http.Client{Timeout: 5 * time.Second}
	resp, err := client.Get("http://" + listen + "/readyz" + query)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode == http.StatusOK
}

// environment reads the environment file of a process.
func (f *fleet) environment(name string) map[string]string {
	text, _ := os.ReadFile(filepath.Join(f.folder, name+".env")) // the script writes it first
	env := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^export (\w+)='?([^'\n]*)'?$`).FindAllStringSubmatch(string(text), -1) {
		env[m[1]] = m[2]
	}
	return env
}

// command runs a command in the environment of a process.
func (f *fleet) command(name string, args ...string) (stdout string, status int) {
	f.t.Helper()
	env := f.environment(name)
	var out, errs bytes.Buffer
	status = run(f.t.Context(), args, func(key string) string { return env[key] }, &out, &errs)
	if status != cli.Done {
		return out.String() + errs.String(), status
	}
	return out.String(), status
}

func (f *fleet) eventually(what string, holds func() bool) {
	f.t.Helper()
	for deadline := time.Now().Add(60 * time.Second); !holds(); time.Sleep(100 * time.Millisecond) {
		select {
		case <-f.ended:
			f.t.Fatalf("the script ended; waited for: %s", what)
		default:
		}
		if time.Now().After(deadline) {
			f.t.Fatalf("timed out waiting: %s", what)
		}
	}
}

// freeHundred is a multiple of 100 whose ports, as far as the example uses them, are free.
func freeHundred(t *testing.T) int {
	t.Helper()
	for base := 12000 + os.Getpid()%180*100; base < 32000; base += 100 {
		if free(t, base) {
			return base
		}
	}
	t.Fatal("there are no free ports")
	return 0
}

func free(t *testing.T, base int) bool {
	t.Helper()
	for port := base; port < base+50; port++ {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return false
		}
		_ = l.Close()
	}
	return true
}

// TestFleetExampleHasTheDocumentedPermissions compares nats.conf with the users of docs/security.md;
// -update writes them.
func TestFleetExampleHasTheDocumentedPermissions(t *testing.T) {
	text, err := os.ReadFile("../../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	accounts := regexp.MustCompile("(?s)```\n(accounts .*?)```").FindSubmatch(text)
	if accounts == nil {
		t.Fatal("docs/security.md has no accounts")
	}
	users := regexp.MustCompile(`(?s)      \{ user: bound,.*?\n      \} \}\n`).ReplaceAll(accounts[1], nil) // no server here has streams beforehand
	users = regexp.MustCompile(`"(\$[A-Z]+)"`).ReplaceAll(users, []byte("$1"))
	users = bytes.Replace(users, []byte("    users: [\n"), []byte("    users: [\n      { user: operator, password: $OPERATOR }\n"), 1)
	file := filepath.Join(fleetFolder, "nats.conf")
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	about, _, _ := bytes.Cut(got, []byte("accounts {"))
	want := append(about, users...)
	if *update {
		if err := os.WriteFile(file, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs from the users of docs/security.md: go test ./cmd/orderbeat -run TestFleetExampleHas -update", file)
	}
}

// TestManifestsAreValidYAML reads the manifests that no test runs.
func TestManifestsAreValidYAML(t *testing.T) {
	files, err := filepath.Glob("../../docs/deploy/*/*.yaml")
	if err != nil || len(files) < 3 {
		t.Fatalf("got %q, %v", files, err)
	}
	for _, file := range append(files, "../../docs/deploy/compose.yaml") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		documents := yaml.NewDecoder(bytes.NewReader(text))
		documents.KnownFields(true)
		for n := 0; ; n++ {
			var document map[string]any
			err := documents.Decode(&document)
			if errors.Is(err, io.EOF) && n > 0 {
				break
			}
			if err != nil {
				t.Errorf("%s: document %d: %v", file, n+1, err)
				break
			}
			if document["kind"] == nil && document["services"] == nil {
				t.Errorf("%s: document %d is neither a Kubernetes object nor a compose file", file, n+1)
			}
		}
	}
}

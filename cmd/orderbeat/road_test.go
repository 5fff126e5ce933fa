package main // an inside test: a main package cannot be imported

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"orderbeat/clients"
	"orderbeat/clients/sandbox"
	"orderbeat/clients/section"
	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/db/outbox"
	"orderbeat/jobs"
	"orderbeat/worker/contracttest"
)

// TestRoad starts the whole program with the shipped configuration on other ports, and follows
// orders from a trigger to their events, through a 401 and a 503.
func TestRoad(t *testing.T) {
	folder := t.TempDir()
	p := startHere(t, shipped(t, folder, "@every 1h"))

	first := p.results(1)[0]
	if first.State != jobs.Succeeded || first.Trigger != "schedule:michelin-recent" || first.Jobs.Total != 3 || first.Orders.Created < 100 {
		t.Fatalf("got %+v, want the run at start: 3 accounts, a few hundred orders", first)
	}
	created := p.events(first.Orders.Created)
	p.inStep(created)

	// All tokens are rejected, and then the API fails once.
	before := p.stats()
	p.sandbox("POST", "/_sandbox/revoke", "")
	p.sandbox("POST", "/_sandbox/fault", `{"op":"order_status","account":"2222222","status":503,"times":1}`)
	p.publish("orderbeat.runs.michelin.sync", `{"lookback":"14d"}`)
	second := p.results(2)[1]
	if second.State != jobs.Succeeded || second.Trigger != "nats" || second.Orders.Seen < first.Orders.Seen {
		t.Errorf("got %+v, want a run that succeeded in spite of a 401 and a 503", second)
	}
	after := p.stats()
	if after.TokenRequests != before.TokenRequests+1 || after.Unauthorized == before.Unauthorized || after.Faults != before.Faults+1 {
		t.Errorf("got %+v after %+v, want one token request for all who were refused, and one 503", after, before)
	}

	// Changes are published, and nothing else.
	all := p.events(first.Orders.Created + second.Orders.Created + second.Orders.Changed)
	p.inStep(all)
	if code := p.stop(); code != cli.Done {
		t.Errorf("got exit status %d, want %d after a stop", code, cli.Done)
	}
	// Commands read the database after the program has stopped.
	if r := do(t, "--config", p.config, "runs", "--json"); r.status != cli.Done || !strings.Contains(r.stdout, second.ID) {
		t.Errorf("orderbeat runs: got status %d, %s%s", r.status, r.stdout, r.stderr)
	}
}

// TestSandboxDaysBecomeChanges lets a few days of the sandbox pass.
func TestSandboxDaysBecomeChanges(t *testing.T) {
	t.Parallel()
	config := shipped(t, t.TempDir(), "@every 1s")
	replace(t, config, `day    = "20s"`, `day    = "1s"`)
	p := startHere(t, config)
	// On a busy machine a tick may find all accounts busy, or two ticks may fall on one day.
	var all jobs.Tally
	for n, days := 1, 0; days < 3; n++ {
		if n > 30 {
			t.Fatalf("got %+v in %d runs, want three that saw changes", all, n)
		}
		run := p.results(n)[n-1].Orders
		if run.Changed > 0 {
			days++
		}
		all.Created, all.Changed, all.Unchanged = all.Created+run.Created, all.Changed+run.Changed, all.Unchanged+run.Unchanged
	}
	if all.Unchanged < all.Changed {
		t.Errorf("got %+v, want most orders unchanged from day to day", all)
	}
	p.inStep(p.events(all.Created + all.Changed))
}

// TestStormOfRejections has a thousand jobs in flight when all tokens are revoked.
func TestStormOfRejections(t *testing.T) {
	const many = 1000
	folder, stand := t.TempDir(), newStand(t, sandbox.Options{})
	config := crowd(t, folder, many)
	replace(t, config, "kind = \"michelin\"\n", fmt.Sprintf("kind = \"michelin\"\nbase_url = %q\nclient_id = %q\nclient_secret = %q\n",
		stand.url, writeSecret(t, folder, "id", sandbox.ClientID), writeSecret(t, folder, "secret", sandbox.ClientSecret)))
	p := startHere(t, config)
	p.request("runs.start", `{"provider":"michelin","kind":"sync","accounts":["shop-1"],"params":{"from":"1999-01-01","to":"1999-01-02"},"wait":true}`)
	before := stand.Stats()
	release := stand.hold()
	p.publish("orderbeat.runs.michelin.sync", `{"from":"1999-01-01","to":"1999-01-02"}`)
	p.eventually("all jobs are in flight", func() bool { return len(stand.calls(healthy)) == 1+many })
	stand.Revoke(sandbox.Revocation{})
	release()
	r := p.results(2)[1]
	after := stand.Stats()
	if r.Jobs.Succeeded != many || r.State != jobs.Succeeded {
		t.Errorf("got %+v, want all %d jobs to succeed", r, many)
	}
	if n := after.TokenRequests - before.TokenRequests; n != 1 || after.Unauthorized-before.Unauthorized != many {
		t.Errorf("got %d token requests for %d refusals, want 1 for %d", n, after.Unauthorized-before.Unauthorized, many)
	}
}

func TestSecondWorkerOnTheSameDatabaseIsRejected(t *testing.T) {
	t.Parallel()
	config := crowd(t, t.TempDir(), 1)
	startHere(t, config)
	if r := do(t, "--config", config, "run"); r.status != cli.Failed || !strings.Contains(r.stderr, "in use by another orderbeat") {
		t.Errorf("got status %d, %s, want it refused", r.status, r.stderr)
	}
}

// program is a running orderbeat.
type program struct {
	t       *testing.T
	config  string
	conn    *nats.Conn
	js      jetstream.JetStream
	stand   string // the sandbox's URL
	web     string // the web listener's URL
	logged  *log   // its log
	stop    func() int
	kill    func()
	hangUp  func()        // sends SIGHUP
	endings chan struct{} // closed when it has ended
}

// log collects the log of a program.
type log struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (l *log) add(line []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(line)
	l.text.WriteByte('\n')
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// startHere runs the program within the test process.
func startHere(t *testing.T, config string) *program {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	logs, w := io.Pipe()
	ended := make(chan int, 1)
	p := &program{t: t, config: config, logged: &log{}, endings: make(chan struct{})}
	go func() {
		ended <- run(ctx, []string{"run", "--config", config}, os.Getenv, io.Discard, w)
		close(p.endings)
		w.Close()
	}()
	p.stop = sync.OnceValue(func() int { cancel(); return <-ended })
	t.Cleanup(func() { p.stop() })
	p.watch(logs)
	return p
}

// startProcess runs the program as a separate process, with env added to the test's
// environment.
func startProcess(t *testing.T, config string, env ...string) *program {
	t.Helper()
	cmd := exec.CommandContext(context.Background(), os.Args[0], "run", "--config", config)
	cmd.Env = append(append(os.Environ(), asProgram+"=1"), env...)
	logs, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &program{t: t, config: config, logged: &log{}, endings: make(chan struct{})}
	end := sync.OnceValue(func() int {
		<-p.endings // its whole log is read
		_ = cmd.Wait()
		return cmd.ProcessState.ExitCode()
	})
	signal := func(s os.Signal) int {
		_ = cmd.Process.Signal(s) // it may have ended
		return end()
	}
	p.stop = func() int { return signal(syscall.SIGTERM) }
	p.kill = func() { p.conn.Close(); signal(os.Kill) }
	p.hangUp = func() {
		if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { signal(os.Kill) })
	p.watch(logs)
	return p
}

// asProgram makes the test binary run as the program.
const asProgram = "ORDERBEAT_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		providers["wild"] = section.Kind{Open: openWild}
		signal.Ignore(syscall.SIGXFSZ) // make the file size limit an error, like a full disk
		main()
	}
	if text := os.Getenv(asNATS); text != "" {
		runNode(text)
	}
	// Most tests wait rather than compute: run more than one per processor, unless -parallel is set.
	if err := flag.Set("test.parallel", "6"); err != nil {
		panic(err)
	}
	// The race detector makes each program that ends wait for a second by default.
	if err := os.Setenv("GORACE", "atexit_sleep_ms=0 "+os.Getenv("GORACE")); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// watch reads the log until the program logs its address, and connects.
func (p *program) watch(logs io.Reader) {
	p.t.Helper()
	running := make(chan string, 1)
	go func() { // ends with the program
		lines := bufio.NewScanner(logs)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			p.logged.add(lines.Bytes())
			var entry struct{ Msg, NATS, Sandbox, Web string }
			_ = json.Unmarshal(lines.Bytes(), &entry)
			switch entry.Msg {
			case "starting":
				p.stand = entry.Sandbox
			case "orderbeat is running":
				p.web = entry.Web
				running <- entry.NATS
			case "run finished":
			default:
				p.t.Logf("%s", lines.Bytes())
			}
		}
		if p.kill != nil {
			close(p.endings)
		}
	}()
	var err error
	select {
	case url := <-running:
		p.conn, err = connectNATS(p.t, p.config, url)
	case <-p.endings:
		p.t.Fatal("the program ended at once")
	case <-time.After(30 * time.Second):
		p.t.Fatal("the program does not start")
	}
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(p.conn.Close)
	if p.js, err = jetstream.New(p.conn, jetstream.WithDefaultTimeout(60*time.Second)); err != nil { // the machine may be busy
		p.t.Fatal(err)
	}
	p.eventually("the streams are there", func() bool {
		_, err := p.js.Consumer(p.t.Context(), "ORDERBEAT_RUNS", "planner")
		return err == nil
	})
}

func (p *program) eventually(what string, holds func() bool) {
	p.t.Helper()
	for deadline := time.Now().Add(60 * time.Second); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Fatalf("waited in vain: %s", what)
		}
	}
}

func (p *program) publish(subject, body string) {
	p.t.Helper()
	if _, err := p.js.Publish(p.t.Context(), subject, []byte(body)); err != nil {
		p.t.Fatal(err)
	}
}

func (p *program) request(endpoint, body string) []byte {
	p.t.Helper()
	msg, err := p.conn.Request("orderbeat.api."+endpoint, []byte(body), 60*time.Second)
	if err != nil || msg.Header.Get("Nats-Service-Error-Code") != "" {
		p.t.Fatalf("%s: %v %+v", endpoint, err, msg)
	}
	contracttest.Reply(p.t, endpoint, false, msg.Data)
	return msg.Data
}

func (p *program) decode(data []byte, v any) {
	p.t.Helper()
	if err := json.Unmarshal(data, v); err != nil {
		p.t.Fatalf("%v in %s", err, data)
	}
}

// fetch waits for the first n messages of a stream, except those about late orders.
func (p *program) fetch(stream string, n int) []jetstream.Msg {
	p.t.Helper()
	consumer, err := p.js.OrderedConsumer(p.t.Context(), stream, jetstream.OrderedConsumerConfig{})
	if err != nil {
		p.t.Fatal(err)
	}
	messages, err := consumer.Messages()
	if err != nil {
		p.t.Fatal(err)
	}
	defer messages.Stop()
	var got []jetstream.Msg
	for len(got) < n {
		msg, err := messages.Next(jetstream.NextMaxWait(60 * time.Second))
		if err != nil {
			p.t.Fatalf("%s has %d messages, want %d: %v", stream, len(got), n, err)
		}
		contracttest.Valid(p.t, msg.Headers().Get("ce-dataschema"), msg.Data())
		if msg.Headers().Get("ce-type") != outbox.TypeOrderLate {
			got = append(got, msg)
		}
	}
	return got
}

func (p *program) results(n int) []jobs.Run {
	p.t.Helper()
	runs := make([]jobs.Run, n)
	for i, msg := range p.fetch("ORDERBEAT_RESULTS", n) {
		p.decode(msg.Data(), &runs[i])
	}
	return runs
}

func (p *program) events(n int) []outbox.EventBody {
	p.t.Helper()
	events := make([]outbox.EventBody, n)
	ids := map[string]bool{}
	for i, msg := range p.fetch("ORDERBEAT_ORDERS", n) {
		p.decode(msg.Data(), &events[i])
		if id := msg.Headers().Get("ce-id"); ids[id] {
			p.t.Errorf("event %s is in the stream twice", id)
		} else {
			ids[id] = true
		}
	}
	return events
}

// inStep checks that the events of each order have consecutive revisions, and that each has
// exactly the differences from the previous one.
func (p *program) inStep(events []outbox.EventBody) {
	p.t.Helper()
	last := map[string]outbox.EventBody{}
	for _, e := range events {
		key := e.Account + "/" + e.OrderID
		before, known := last[key]
		last[key] = e
		if !known {
			if e.Revision != 1 || string(e.Changes) != "[]" {
				p.t.Errorf("%s: its first event is revision %d with changes %s, want 1 and none", key, e.Revision, e.Changes)
			}
			continue
		}
		if e.Revision != before.Revision+1 {
			p.t.Errorf("%s: revision %d follows %d", key, e.Revision, before.Revision)
		}
		want, got := p.plain(clients.Diff(p.order(before), p.order(e), nil)), p.plain(e.Changes)
		if diff := cmp.Diff(want, got); diff != "" || string(e.Changes) == "[]" {
			p.t.Errorf("%s revision %d: changes (-what differs +what is told):\n%s", key, e.Revision, diff)
		}
	}
}

// order returns the document of an event.
func (p *program) order(e outbox.EventBody) *clients.Order {
	p.t.Helper()
	var o clients.Order
	p.decode(p.encode(e.Order), &o)
	return &o
}

// plain returns v as decoded from its JSON.
func (p *program) plain(v any) (plain any) {
	p.t.Helper()
	p.decode(p.encode(v), &plain)
	return plain
}

func (p *program) encode(v any) []byte {
	p.t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		p.t.Fatal(err)
	}
	return data
}

func (p *program) messages(stream string) int {
	p.t.Helper()
	s, err := p.js.Stream(p.t.Context(), stream)
	if err != nil {
		p.t.Fatal(err)
	}
	return int(s.CachedInfo().State.Msgs)
}

// count counts a table's rows in the database file while the program runs.
func (p *program) count(table string) (n int) {
	p.t.Helper()
	file := openFile(p.t, p.config)
	defer file.Close()
	if err := file.QueryRow("SELECT count(*) FROM " + table).Scan(&n); err != nil {
		p.t.Fatal(err)
	}
	return n
}

func (p *program) sandbox(method, path, body string) []byte {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, p.stand+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 300 {
		p.t.Fatalf("%s %s: %s %v %s", method, path, resp.Status, err, answer)
	}
	return answer
}

func (p *program) stats() sandbox.Stats {
	p.t.Helper()
	var d struct{ Stats sandbox.Stats }
	p.decode(p.sandbox("GET", "/_sandbox/", ""), &d)
	return d.Stats
}

// shipped copies the shipped configuration, with free ports and another schedule.
func shipped(t *testing.T, folder, cron string) (path string) {
	t.Helper()
	text, err := os.ReadFile("../../config.toml")
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(folder, "config.toml")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, port := range []string{"4222", "8321", "8322"} {
		replace(t, path, "127.0.0.1:"+port, "127.0.0.1:0")
	}
	replace(t, path, `"@every 20s"`, `"`+cron+`"`)
	return path
}

// crowd configures very many accounts without a schedule.
func crowd(t *testing.T, folder string, many int) (path string) {
	t.Helper()
	var b bytes.Buffer
	fmt.Fprintf(&b, `
[nats]
listen = "127.0.0.1:0"
sync = "2m"
[worker]
concurrency = %d
[web]
listen = ""
[sandbox]
listen = "127.0.0.1:0"
[providers.michelin]
kind = "michelin"
concurrency = %d
rate = "100000/s"
`, many, many)
	for i := range many {
		fmt.Fprintf(&b, "[[providers.michelin.accounts]]\nname = \"shop-%d\"\nbill_to = \"1111111\"\n", i+1)
	}
	path = filepath.Join(folder, "config.toml")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func replace(t *testing.T, path, old, with string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(text, []byte(old)) {
		t.Fatalf("%s does not contain %s", path, old)
	}
	if err := os.WriteFile(path, bytes.ReplaceAll(text, []byte(old), []byte(with)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// openFile opens the database file of a configuration beside the running program.
func openFile(t *testing.T, config string) *sql.DB {
	t.Helper()
	file, err := sql.Open("sqlite3", "file:"+filepath.Join(filepath.Dir(config), "data", "orderbeat.db")+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return file
}

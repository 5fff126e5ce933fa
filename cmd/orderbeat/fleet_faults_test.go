package main // an inside test: a main package cannot be imported

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/worker/bus/natstest"
)

// TestFleetWithFaults has two stores and three fetchers on a cluster of three NATS servers, while requests
// are sent and orders change. Processes and servers are killed, suspended and cut off. Through all faults
// each event and each result is published once, revisions are contiguous, every accepted run has one
// result, the provider never has more requests at once than it allows, and in the end both stores have the
// orders of the provider.
//
// ORDERBEAT_TEST_FAULTS is the number of faults, ORDERBEAT_TEST_SEED the seed of their choice.
func TestFleetWithFaults(t *testing.T) {
	t.Parallel() // mostly waits
	faults := 12
	if text := os.Getenv("ORDERBEAT_TEST_FAULTS"); text != "" {
		var err error
		if faults, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	f := newFaulty(t, seedOf(t))
	for f.kills < faults && !t.Failed() {
		f.strike()
		if f.kills-f.checked >= 20 || f.kills == faults {
			f.quiet()
		}
	}
	t.Logf("%d faults: %v; did %v; %d events of %d orders, %d results, %d logins, %d refresh tokens, at most %d requests at once", f.kills, f.struck, f.did,
		len(f.events), len(f.revisions), f.results, f.book.logins.Load(), len(f.dealers.spent), f.book.most.Load())
}

// certify makes a certificate for the address of the test. It returns a client configuration that trusts it.
func (f *faulty) certify() (trust *tls.Config) {
	f.t.Helper()
	folder := f.t.TempDir()
	_, trust = selfSigned(f.t, folder, f.net.host())
	var err error
	f.ca = filepath.Join(folder, "cert.pem")
	if f.pair, err = tls.LoadX509KeyPair(f.ca, filepath.Join(folder, "key.pem")); err != nil {
		f.t.Fatal(err)
	}
	f.limits += fmt.Sprintf("\ntls = { ca = %q }", f.ca)
	return trust
}

// serve passes on requests to a provider, with TLS and at the address of the test, and returns the URL.
func (f *faulty) serve(url string) string {
	f.t.Helper()
	l := tls.NewListener(f.net.listen(f.t), &tls.Config{Certificates: []tls.Certificate{f.pair}})
	return "https://" + newLink(f.t, l, strings.TrimPrefix(url, "http://")).address
}

// faultyConcurrency is the provider's limit of requests at once.
const faultyConcurrency = 6

// faulty is a fleet with faults.
type faulty struct {
	*killed
	nodes  []*node
	net    *network  // nil for none
	places []*place  // two stores, then three fetchers
	since  time.Time // when it began
	// ca and pair are the certificate of the providers.
	ca      string
	pair    tls.Certificate
	dealers *grantedAccess
}

// place is where a process of the program runs.
type place struct {
	config string
	links  []*wireLink // to each NATS server
	inside string      // its network namespace, "" for none
	m      *member
	logs   []*log // of all its processes
}

func newFaulty(t *testing.T, seed uint64) *faulty {
	t.Helper()
	f := &faulty{killed: blankKilled(t, seed)}
	f.limits = fmt.Sprintf("rate = \"1000/s\"\nconcurrency = %d", faultyConcurrency)
	f.book.delay = 10 * time.Millisecond
	f.pause = 100 * time.Millisecond // so that the other tests have a processor, too
	f.nodes, f.net = newNodes(t, 3), newNetwork(t)
	trust := f.certify()
	f.book.url = f.serve(f.book.url)
	f.dealers = newGrantedAccess(t)
	f.dealers.url = f.serve(f.dealers.url)
	key, secret := filepath.Join(t.TempDir(), "key"), filepath.Join(t.TempDir(), "secret")
	for path, text := range map[string]string{key: sharedKey, secret: "sample-secret"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f.book.tokens, f.since = map[string]time.Time{}, time.Now()
	f.auth = fmt.Sprintf("scheme = \"oauth2\"\ntoken_url = %q\nclient_id = \"file:%s\"\nclient_secret = \"file:%[2]s\"", f.book.url+"/token", secret)
	for _, role := range []string{"store", "store", "fetch", "fetch", "fetch"} {
		p := &place{}
		if f.net != nil {
			p.inside = f.net.join()
		}
		var urls []string
		for _, n := range f.nodes {
			l := newLink(t, f.net.listen(t), n.address)
			p.links = append(p.links, l)
			urls = append(urls, "nats://"+l.address)
		}
		list, err := json.Marshal(urls)
		if err != nil {
			t.Fatal(err)
		}
		web := ""
		if len(f.places) == 0 { // where the user grants access
			web = webOn(t, "127.0.0.1", "")
		}
		p.config = f.configure(fmt.Sprintf("url = %s\nreplicas = 3\n[worker]\nrole = %q\nkey = \"file:%s\"\ndrain = \"2s\"", list, role, key))
		f.addDealers(p.config, web)
		f.places = append(f.places, p)
	}
	t.Cleanup(func() {
		for _, p := range f.places {
			if p.m != nil {
				p.m.discharge()
			}
		}
	})
	var urls []string
	for _, n := range f.nodes {
		urls = append(urls, "nats://"+n.address)
	}
	f.url = strings.Join(urls, ",")
	var err error
	if f.conn, err = nats.Connect(f.url, nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond), nats.RetryOnFailedConnect(true)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.conn.Close)
	if f.js, err = jetstream.New(f.conn); err != nil {
		t.Fatal(err)
	}
	awaitFleet(t, "the cluster works", func() bool {
		_, err := f.js.CreateOrUpdateStream(t.Context(), jetstream.StreamConfig{Name: "REPLIES", Subjects: []string{"replies.>"}, Replicas: 3, Duplicates: time.Hour}) // the next leader may repeat a reply
		return err == nil
	})
	f.grant(trust)
	f.revive()
	f.m, f.config = f.places[0].m, f.places[0].config
	f.leader()
	return f
}

// awaitFleet waits for a condition.
func awaitFleet(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(90 * time.Second); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("timed out waiting: %s", what)
		}
	}
}

// revive starts the processes that have ended, as a service manager does.
func (f *faulty) revive() {
	f.t.Helper()
	for _, p := range f.places {
		if p.m != nil {
			select {
			case <-p.m.ended:
			default:
				continue
			}
		}
		if f.net == nil {
			p.m = launch(f.t, os.Args[0], p.config)
		} else {
			p.m = launchBy(f.t, p.config, "ip", "netns", "exec", p.inside, os.Args[0], "run", "--config", p.config)
		}
		p.logs = append(p.logs, p.m.logged)
	}
	f.m = f.places[0].m
}

// leader waits until a store leads, and returns it.
func (f *faulty) leader() (leads *place) {
	f.t.Helper()
	awaitFleet(f.t, "a store leads", func() bool {
		f.revive()
		kv, err := f.js.KeyValue(f.t.Context(), "ORDERBEAT_WORKER")
		if err != nil {
			return false
		}
		entry, err := kv.Get(f.t.Context(), "store")
		if err != nil {
			return false
		}
		for _, p := range f.places[:2] {
			if strings.Contains(string(entry.Value()), filepath.Dir(p.config)) && p.m.said("orderbeat is running") > 0 {
				leads = p
			}
		}
		return leads != nil
	})
	return leads
}

// strike injects one fault while requests are sent.
func (f *faulty) strike() {
	f.t.Helper()
	ctx, cancel := context.WithCancel(f.t.Context())
	ended := make(chan struct{})
	random := rand.New(rand.NewPCG(f.random.Uint64(), 1)) //nolint:gosec // a test's choices
	go func() {                                           // waited for below
		defer close(ended)
		f.operate(ctx, random)
	}()
	time.Sleep(f.within(time.Second))
	long := f.within(3 * time.Second)
	if f.kills%10 == 3 { // longer than the lease lasts: another store takes over
		long = 20 * time.Second
	}
	at := f.random.IntN(len(f.places))
	if long > 10*time.Second {
		at = slices.Index(f.places, f.leader())
	}
	p := f.places[at]
	kind := pick(f.random, "kill", "kill", "kill", "suspend", "cut off", "kill a NATS server")
	if long > 10*time.Second && kind == "kill a NATS server" {
		kind = "suspend"
	}
	switch kind {
	case "kill":
		p.m.kill()
		time.Sleep(long)
	case "suspend":
		p.m.signal(syscall.SIGSTOP)
		time.Sleep(long)
		p.m.signal(syscall.SIGCONT)
	case "cut off":
		f.cut(p, true)
		time.Sleep(long)
		f.cut(p, false)
	case "kill a NATS server":
		n := f.nodes[f.random.IntN(len(f.nodes))]
		n.kill()
		time.Sleep(long)
		n.start()
	}
	f.kills++
	f.struck[kind]++
	f.revive()
	cancel()
	<-ended
}

// cut cuts or restores the connections of a process to the NATS servers, and if it has a network namespace
// also those to the provider.
func (f *faulty) cut(p *place, off bool) {
	f.t.Helper()
	if f.net != nil {
		f.net.cut(p.inside, off)
		return
	}
	for _, l := range p.links {
		l.cut(off)
	}
}

// quiet waits until everything is done, and compares what was requested, published and stored.
func (f *faulty) quiet() {
	f.t.Helper()
	f.checked = f.kills
	f.t.Logf("%d faults injected", f.kills)
	f.config = f.leader().config
	f.calls("schedules.pause", `{"name":"steady"}`)
	f.calls("schedules.pause", `{"name":"dealers"}`)
	f.settle()
	f.calls("runs.start", `{"provider":"acme","kind":"sync","params":{"lookback":"30d"},"wait":true}`)
	f.settle()
	f.read()
	for deadline := time.Now().Add(30 * time.Second); f.unanswered() > 0 && time.Now().Before(deadline); time.Sleep(time.Second) {
		stream, err := f.js.Stream(f.t.Context(), "REPLIES")
		if err != nil {
			f.t.Log(err)
			continue
		}
		f.t.Logf("%d requests have no reply; the stream: %+v, %+v", f.unanswered(), stream.CachedInfo().State, stream.CachedInfo().Cluster)
		f.read()
	}
	// A live reply and a replay are stated before they are published. A reply may be repeated by the next leader.
	f.acked, f.replays = map[string]int{}, map[string]int{}
	for subject := range f.replies {
		f.replies[subject] = 1
	}
	f.compare()
	f.explain()
	f.ticks()
	for _, p := range f.places[:2] {
		follows(f.t, &member{t: f.t, config: p.config}, &member{t: f.t, config: f.config})
		if r := do(f.t, "--config", p.config, "db", "check"); r.status != cli.Done {
			f.t.Errorf("db check: %s%s", r.stdout, r.stderr)
		}
	}
	// A token is shared by all, is renewed before it ends, and outlives the process that requested it.
	if logins, most := f.book.logins.Load(), 3+int64(2*time.Since(f.since)/bookTokenLife); logins > most {
		f.t.Errorf("%d logins, want at most %d", logins, most)
	}
	// Live requests are no jobs: the operator makes one at a time, and may have given one up.
	if most := f.book.most.Load(); most > faultyConcurrency+2 {
		f.t.Errorf("%d requests at once, want at most %d of jobs", most, faultyConcurrency)
	}
	f.dealers.check(f)
	f.calls("schedules.resume", `{"name":"steady"}`)
	f.calls("schedules.resume", `{"name":"dealers"}`)
}

// unanswered counts the accepted requests without a reply in the stream.
func (f *faulty) unanswered() (n int) {
	for request, attempts := range f.accepted {
		replied := false
		for attempt := range attempts {
			replied = replied || f.replies[fmt.Sprintf("replies.%d.%d", request, attempt)] > 0
		}
		if !replied {
			n++
		}
	}
	return n
}

// explain prints what was logged about runs that were accepted and have no result.
func (f *faulty) explain() {
	f.t.Helper()
	for id := range f.runs {
		if f.resultsOf[id] > 0 {
			continue
		}
		for _, p := range f.places[:2] {
			f.t.Logf("%s: run %s\n%s", filepath.Base(filepath.Dir(p.config)), id, p.mentions(`"starting"|leads|taking over|has led since|open runs|`+id))
		}
	}
}

// mentions returns the log lines of all its processes that match an expression.
func (p *place) mentions(expression string) (lines string) {
	about := regexp.MustCompile(expression)
	for _, l := range p.logs {
		for line := range strings.Lines(l.String()) {
			if about.MatchString(line) {
				lines += line
			}
		}
	}
	return lines
}

// settle waits until every request is accepted, every run has ended and every message is published, as long
// as there is progress.
func (f *faulty) settle() {
	f.t.Helper()
	left, before, deadline, last := "", "", time.Time{}, time.Now().Add(4*time.Minute)
	for ; ; time.Sleep(100 * time.Millisecond) {
		f.config = f.leader().config
		if left = f.left(); left == "" {
			left = f.open()
		}
		if left == "" {
			return
		}
		if left != before {
			before, deadline = left, time.Now().Add(time.Minute)
		}
		if now := time.Now(); now.After(deadline) || now.After(last) {
			f.t.Fatalf("no progress for a minute, or not done in four: %s\n%s", left, f.state())
		}
	}
}

// open describes the open runs in their bucket, "" if there are none. It does not list the keys: if a server is
// killed meanwhile, nats.go v1.55.0 waits for them without a limit.
func (f *faulty) open() string {
	stream, err := f.js.Stream(f.t.Context(), "KV_ORDERBEAT_OPEN_RUNS")
	if err != nil {
		return err.Error()
	}
	info, err := stream.Info(f.t.Context(), jetstream.WithSubjectFilter(">"))
	if err != nil {
		return err.Error()
	}
	keys := slices.Sorted(maps.Keys(info.State.Subjects)) // of entries, and for a second of removed ones
	if len(keys) == 0 {
		return ""
	}
	id, _, _ := strings.Cut(strings.TrimPrefix(keys[0], "$KV.ORDERBEAT_OPEN_RUNS."), ".")
	return fmt.Sprintf("%d open runs, such as %s: %s", len(keys), keys[0], f.value("SELECT coalesce(max(state || ' ' || coalesce(finished_at, '') || ' ' || coalesce(reply_to, '') || ' ' || (SELECT count(*) FROM jobs WHERE jobs.run_id = runs.run_id)), 'unknown') FROM runs WHERE run_id = '"+id+"'"))
}

// state describes what the jobs wait for.
func (f *faulty) state() string {
	text := "jobs: " + f.value("SELECT coalesce(group_concat(n, ', '), '') FROM (SELECT count(*) || ' ' || state || CASE WHEN remote THEN ' remote' ELSE '' END AS n FROM jobs GROUP BY state, remote)")
	for _, name := range [][2]string{{"ORDERBEAT_JOBS", "acme"}, {"ORDERBEAT_OUTCOMES", "leader"}} {
		stream, err := f.js.Stream(f.t.Context(), name[0])
		if err != nil {
			return text + "\n" + err.Error()
		}
		consumer, err := stream.Consumer(f.t.Context(), name[1])
		if err != nil {
			return text + "\n" + err.Error()
		}
		info := consumer.CachedInfo()
		text += fmt.Sprintf("\n%s: %d messages; consumer: %d pending, %d to be acknowledged, %d redelivered, %d waiting requests, delivered %+v, acknowledged %+v",
			name[0], stream.CachedInfo().State.Msgs, info.NumPending, info.NumAckPending, info.NumRedelivered, info.NumWaiting, info.Delivered, info.AckFloor)
	}
	return text
}

// ticks checks that each due time has the result of one run.
func (f *faulty) ticks() {
	f.t.Helper()
	for due, ids := range f.due {
		if len(ids) != 1 {
			f.t.Errorf("due time %s has the results of %v, want one", due, slices.Collect(maps.Keys(ids)))
		}
	}
	runs := 0
	for _, p := range f.places[:2] {
		var list [][2]string
		m := &member{t: f.t, config: p.config}
		if err := json.Unmarshal([]byte(m.value("SELECT json_group_array(json_array(schedule || ' ' || due_at, run_id)) FROM ticks WHERE run_id IS NOT NULL")), &list); err != nil {
			f.t.Fatal(err)
		}
		runs += len(list)
		for _, tick := range list { // if this store led no longer, another may have started another run
			if len(f.due[tick[0]]) == 0 {
				f.t.Errorf("due time %s has no result, want that of %s or of another run", tick[0], tick[1])
				for _, p := range f.places[:2] {
					f.t.Logf("%s:\n%s", filepath.Base(filepath.Dir(p.config)), p.mentions(`"starting"|leads|taking over|has led since|due times|reopened|open runs|`+tick[1]))
				}
			}
		}
	}
	if runs == 0 {
		f.t.Error("nothing was due")
	}
}

// asNATS makes the test binary run as a NATS server with these options, as JSON.
const asNATS = "ORDERBEAT_TEST_AS_NATS"

// node is a NATS server of a cluster, a process of its own.
type node struct {
	t       *testing.T
	address string
	options string
	cmd     *exec.Cmd
}

// newNodes starts a cluster.
func newNodes(t *testing.T, n int) (nodes []*node) {
	t.Helper()
	ports, routes := make([]int, n), ""
	for i := range n {
		ports[i] = natstest.FreePort(t)
		routes += fmt.Sprintf(",nats://127.0.0.1:%d", ports[i])
	}
	for i := range n {
		port := natstest.FreePort(t)
		options, err := json.Marshal(nodeOptions{fmt.Sprint("node", i), port, ports[i], routes[1:], t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, &node{t: t, address: fmt.Sprint("127.0.0.1:", port), options: string(options)})
		nodes[i].start()
	}
	t.Cleanup(func() {
		for _, n := range nodes {
			n.kill()
		}
	})
	return nodes
}

type nodeOptions struct {
	Name          string
	Port, Cluster int
	Routes, Store string
}

// runNode is a NATS server until the process is killed.
func runNode(text string) {
	var o nodeOptions
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		panic(err)
	}
	s, err := server.NewServer(&server.Options{
		ServerName: o.Name, Host: "127.0.0.1", Port: o.Port, JetStream: true, StoreDir: o.Store, NoSigs: true, NoLog: true,
		Cluster: server.ClusterOpts{Name: "fleet", Host: "127.0.0.1", Port: o.Cluster, NoAdvertise: true}, Routes: server.RoutesFromStr(o.Routes),
	})
	if err != nil {
		panic(err)
	}
	s.Start()
	select {}
}

func (n *node) start() {
	n.cmd = exec.CommandContext(context.Background(), os.Args[0])
	n.cmd.Env = append(os.Environ(), asNATS+"="+n.options)
	if err := n.cmd.Start(); err != nil {
		n.t.Error(err)
	}
}

func (n *node) kill() {
	_ = n.cmd.Process.Kill()
	_ = n.cmd.Wait()
}

// wireLink passes connections on, and can be cut.
type wireLink struct {
	address string

	mu    sync.Mutex // guards the rest
	off   bool
	conns []net.Conn
}

func newLink(t *testing.T, listener net.Listener, to string) *wireLink {
	t.Helper()
	l := &wireLink{address: listener.Addr().String()}
	t.Cleanup(func() {
		listener.Close()
		l.cut(true)
	})
	go func() { // ends with the listener
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go l.serve(conn, to)
		}
	}()
	return l
}

// serve copies the bytes of one connection in both directions.
func (l *wireLink) serve(conn net.Conn, to string) {
	defer conn.Close()
	other, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer other.Close()
	l.mu.Lock()
	off := l.off
	l.conns = append(l.conns, conn, other)
	l.mu.Unlock()
	if off {
		return
	}
	go func() { // ends with the connections
		defer other.Close()
		_, _ = io.Copy(other, conn)
	}()
	_, _ = io.Copy(conn, other)
}

// cut cuts or restores the link.
func (l *wireLink) cut(off bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.off = off
	for _, c := range l.conns {
		c.Close()
	}
	l.conns = nil
}

package main // an inside test: a main package cannot be imported

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// TestKilledInEveryMode kills a process (SIGKILL) at random and at chosen moments, in the middle of all
// kinds of work, and restarts it. Now and then it becomes quiet: nothing is lost, nothing was done or
// published twice. It kills 30 times, or $ORDERBEAT_TEST_KILLS; ORDERBEAT_TEST_SEED repeats the choices.
func TestKilledInEveryMode(t *testing.T) {
	t.Parallel() // mostly waits
	kills := 30
	if text := os.Getenv("ORDERBEAT_TEST_KILLS"); text != "" {
		var err error
		if kills, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	seed := seedOf(t)
	stands := []string{"embedded", "embedded, sync = always", "external"}
	for i, name := range stands {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newKilled(t, name, seed+uint64(i))
			share := (kills + len(stands) - 1 - i) / len(stands)
			for k.kills < share && !t.Failed() {
				k.strike()
				if k.kills-k.checked >= 25 {
					k.quiet()
				}
			}
			k.quiet()
			t.Logf("%d kills: %v; did %v; jobs %s; %d events of %d orders, %d replayed, %d results, %d replies", k.kills, k.struck, k.did,
				k.value("SELECT group_concat(n, ', ') FROM (SELECT count(*) || ' ' || state AS n FROM jobs GROUP BY state)"),
				len(k.events), len(k.revisions), k.replayed, k.results, len(k.replies))
		})
	}
}

const (
	killedAccounts = 4
	killedOrders   = 24 // of each account
)

// killed is a worker that is killed again and again, its NATS server and its provider.
type killed struct {
	t         *testing.T
	random    *rand.Rand
	book      *book
	auth      string // how the provider is accessed
	limits    string // of the provider
	config    string
	url       string
	m         *member
	conn      *nats.Conn
	js        jetstream.JetStream
	kills     int
	checked   int // kills at the last check
	struck    map[string]int
	published chan struct{} // receives after a request was accepted

	mu       sync.Mutex // guards what follows, which the operator's goroutine changes
	did      map[string]int
	requests int
	open     map[int]*killedRequest // not known to be accepted
	accepted map[int]int            // attempts of accepted requests, by number
	acked    map[string]int         // revisions that a live reply stated, by account/order
	runs     map[string]bool        // runs that a reply stated
	replays  map[string]int         // events that a reply stated, by replay

	pause time.Duration // between an operator's actions

	// What was found in the streams so far.
	events    map[string]bool   // by ce-id
	ids       map[string]bool   // every Nats-Msg-Id
	revisions map[string]int    // the last one of account/order
	last      map[string]string // the description in it
	replayed  int
	replaysOf map[string]int
	results   int
	resultsOf map[string]int
	due       map[string]map[string]bool // runs with a result, by schedule and due time
	replies   map[string]int             // by subject
	next      map[string]uint64
}

// killedRequest is a request by message, published until it is accepted.
type killedRequest struct {
	subject, body string
	attempts      int
}

// blankKilled has a provider and no worker yet.
func blankKilled(t *testing.T, seed uint64) *killed {
	t.Helper()
	return &killed{
		t: t, random: rand.New(rand.NewPCG(seed, 0)), book: newBook(t), auth: `scheme = "none"`, limits: `rate = "1000/s"`, struck: map[string]int{}, published: make(chan struct{}, 1), //nolint:gosec // a test's choices
		did: map[string]int{}, open: map[int]*killedRequest{}, accepted: map[int]int{}, acked: map[string]int{}, runs: map[string]bool{}, replays: map[string]int{},
		events: map[string]bool{}, ids: map[string]bool{}, revisions: map[string]int{}, last: map[string]string{}, replaysOf: map[string]int{},
		resultsOf: map[string]int{}, due: map[string]map[string]bool{}, replies: map[string]int{}, next: map[string]uint64{},
	}
}

func newKilled(t *testing.T, name string, seed uint64) *killed {
	t.Helper()
	k := blankKilled(t, seed)
	var section string
	switch name {
	case "external":
		k.url = newDepot(t).server.ClientURL()
		section = fmt.Sprintf("url = %q", k.url)
	default:
		port := freePort(t)
		k.url, section = "nats://127.0.0.1:"+port, fmt.Sprintf("listen = \"127.0.0.1:%s\"", port)
		if name == "embedded" {
			section += "\nsync = \"2m\""
		}
	}
	k.config = k.configure(section)
	t.Cleanup(func() {
		if k.m != nil {
			k.m.discharge()
		}
	})
	k.start()
	var err error
	if k.conn, err = connectNATS(t, k.config, k.url, nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond), nats.ReconnectJitter(0, 0)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.conn.Close)
	if k.js, err = jetstream.New(k.conn); err == nil {
		_, err = k.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "REPLIES", Subjects: []string{"replies.>"}})
	}
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// configure writes a configuration with one declared provider and a schedule that is due every second.
func (k *killed) configure(section string) string {
	k.t.Helper()
	text := fmt.Sprintf(`
[nats]
%s
[web]
listen = ""
[providers.acme]
kind = "declared"
base_url = %q
allow_insecure_http = true
%s
%s
exchanges = "full"
map = '.orders[] | {order_id: .id, reference: .po, ordered_on: .day, lines: [{line_id: "1", article_id: "A", description: .version, ordered: 5, open: 5}]}'
[providers.acme.orders]
path = '/\($bill_to)/orders'
query = { from = '\($from)', to = '\($to)' }
window_days = 7
[providers.acme.fetch]
path = '/\($bill_to)/orders/\($order_id)'
empty = [404]
`, section, k.book.url, k.auth, k.limits)
	for n := range killedAccounts {
		text += fmt.Sprintf("[[providers.acme.accounts]]\nname = %q\nbill_to = %[1]q\n", killedAccount(n))
	}
	text += `
[[schedules]]
name = "steady"
cron = "@every 1s"
provider = "acme"
kind = "sync"
params = { lookback = "6d" }
accounts = ["a"]
overlap = "allow"
catch_up = "all"
`
	path := filepath.Join(k.t.TempDir(), "config.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		k.t.Fatal(err)
	}
	return path
}

func killedAccount(n int) string { return string(rune('a' + n)) }

// start starts the process and waits until it runs.
func (k *killed) start() {
	k.t.Helper()
	k.m = launch(k.t, os.Args[0], k.config)
	for deadline := time.Now().Add(60 * time.Second); k.m.said("orderbeat is running") == 0; time.Sleep(2 * time.Millisecond) {
		select {
		case <-k.m.ended:
			k.t.Fatalf("it ended at once:\n%s", k.m.logged)
		default:
		}
		if time.Now().After(deadline) {
			k.t.Fatal("it does not start")
		}
	}
}

// kill kills the process.
func (k *killed) kill(moment string) {
	k.m.kill()
	k.kills++
	k.struck[moment]++
}

// within is a random time.
func (k *killed) within(most time.Duration) time.Duration {
	return time.Duration(k.random.Int64N(int64(most)))
}

// strike lets an operator work, kills the process at one of several moments, and restarts it.
func (k *killed) strike() {
	k.t.Helper()
	ctx, cancel := context.WithCancel(k.t.Context())
	ended := make(chan struct{})
	random := rand.New(rand.NewPCG(k.random.Uint64(), 1)) //nolint:gosec // a test's choices
	go func() {                                           // waited for below
		defer close(ended)
		k.operate(ctx, random)
	}()
	moment := pick(k.random, "at any time", "at any time", "while asking", "after an answer", "before publishing", "before publishing", "after a request", "while stopping")
	const patience = time.Second
	switch moment {
	case "at any time":
		time.Sleep(k.within(400 * time.Millisecond))
	case "while asking":
		k.awaitNth(k.book.asked, 1+k.random.IntN(12), patience)
	case "after an answer":
		k.awaitNth(k.book.answered, 1+k.random.IntN(12), patience)
		time.Sleep(k.within(5 * time.Millisecond)) // before or after the commit
	case "before publishing": // something is committed, and not deleted from the outbox
		time.Sleep(k.within(100 * time.Millisecond))
		k.awaitOutbox(patience)
	case "after a request":
		k.awaitNth(k.published, 1+k.random.IntN(6), patience)
	case "while stopping":
		time.Sleep(k.within(200 * time.Millisecond))
		k.m.signal(syscall.SIGTERM)
		time.Sleep(k.within(100 * time.Millisecond))
	}
	k.kill(moment)
	cancel()
	<-ended
	for k.random.IntN(4) == 0 { // again, while it starts
		k.m = launch(k.t, os.Args[0], k.config)
		time.Sleep(k.within(150 * time.Millisecond))
		k.kill("while starting")
	}
	k.start()
}

// awaitNth waits until a channel received n times.
func (k *killed) awaitNth(c chan struct{}, n int, most time.Duration) {
	late := time.After(most)
	for range n {
		select {
		case <-c:
		case <-late:
			return
		}
	}
}

// awaitOutbox waits until the outbox has messages.
func (k *killed) awaitOutbox(most time.Duration) {
	k.t.Helper()
	file := openFile(k.t, k.config)
	defer file.Close()
	for deadline := time.Now().Add(most); time.Now().Before(deadline); {
		var n int
		if err := file.QueryRowContext(k.t.Context(), "SELECT count(*) FROM (SELECT 1 FROM outbox LIMIT 1)").Scan(&n); err == nil && n > 0 {
			return
		}
	}
}

// operate does at random what users do, until ctx ends.
func (k *killed) operate(ctx context.Context, random *rand.Rand) {
	k.again(ctx)
	actions := []struct {
		name string
		do   func()
	}{
		{"message per job", func() { k.messages(ctx, random, 10) }},
		{"message per job, changed", func() { k.book.change(random, 5); k.messages(ctx, random, 10) }},
		{"run", func() { k.run(ctx, "sync", `{"lookback":"30d"}`) }},
		{"run, changed", func() { k.book.change(random, 20); k.run(ctx, "sync", `{"lookback":"30d"}`) }},
		{"live", func() { k.live(ctx, random) }},
		{"live, changed", func() { k.book.change(random, 40); k.live(ctx, random) }},
		{"replay", func() { k.replay(ctx, random) }},
		{"cancel and retry", func() { k.cancelAndRetry(ctx, random) }},
		{"backfill", func() {
			k.run(ctx, "backfill", fmt.Sprintf(`{"from":%q,"to":%q}`, killedDay(40+random.IntN(60)), killedDay(0)))
		}},
	}
	for ; ctx.Err() == nil; time.Sleep(k.pause) {
		a := actions[random.IntN(len(actions))]
		k.mu.Lock()
		k.did[a.name]++
		k.mu.Unlock()
		a.do()
	}
}

// killedDay is the date so many days ago.
func killedDay(ago int) string { return time.Now().UTC().AddDate(0, 0, -ago).Format(time.DateOnly) }

// messages requests orders by messages, each its own run.
func (k *killed) messages(ctx context.Context, random *rand.Rand, n int) {
	k.mu.Lock()
	for range n {
		account, order := killedAccount(random.IntN(killedAccounts)), random.IntN(killedOrders)
		k.open[k.requests] = &killedRequest{subject: "orderbeat.runs.acme.fetch", body: fmt.Sprintf(`{"accounts":[%q],"order_ids":["%s-%d"]}`, account, account, order)}
		k.requests++
	}
	k.mu.Unlock()
	k.again(ctx)
}

// again publishes the requests that are not known to be accepted.
func (k *killed) again(ctx context.Context) {
	k.mu.Lock()
	waiting := map[int]jetstream.PubAckFuture{}
	for n, r := range k.open {
		// Each attempt has a reply subject of its own: a repeated request is replied, too.
		msg := &nats.Msg{Subject: r.subject, Data: []byte(r.body), Header: nats.Header{
			jetstream.MsgIDHeader: {fmt.Sprint("request-", n)}, "Orderbeat-Reply-To": {fmt.Sprintf("replies.%d.%d", n, r.attempts)},
		}}
		if future, err := k.js.PublishMsgAsync(msg, jetstream.WithRetryAttempts(0)); err == nil {
			r.attempts++
			waiting[n] = future
		}
	}
	k.mu.Unlock()
	late := time.After(2 * time.Second)
	for n, future := range waiting {
		select {
		case <-future.Ok():
			k.mu.Lock()
			k.accepted[n] = k.open[n].attempts
			delete(k.open, n)
			k.mu.Unlock()
			select {
			case k.published <- struct{}{}:
			default:
			}
		case <-future.Err():
		case <-late:
			return
		case <-ctx.Done():
			return
		}
	}
}

// errRejected is returned for a reply that is an error.
var errRejected = errors.New("rejected")

// request calls an operation. Without a reply nothing is known about it.
func (k *killed) request(ctx context.Context, endpoint, body string, reply any) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	msg, err := k.conn.RequestWithContext(ctx, "orderbeat.api."+endpoint, []byte(body))
	switch {
	case err != nil:
		time.Sleep(5 * time.Millisecond) // no worker may respond yet
		return err
	case msg.Header.Get("Nats-Service-Error-Code") != "":
		return fmt.Errorf("%w: %s", errRejected, msg.Data)
	}
	return json.Unmarshal(msg.Data, reply)
}

type killedRun struct {
	Run struct {
		ID string `json:"run_id"`
	}
}

// run starts a run, and returns its id if it was accepted.
func (k *killed) run(ctx context.Context, kind, params string) string {
	var reply killedRun
	if err := k.request(ctx, "runs.start", fmt.Sprintf(`{"provider":"acme","kind":%q,"params":%s}`, kind, params), &reply); err != nil {
		return ""
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.runs[reply.Run.ID] = true
	return reply.Run.ID
}

// live requests an order from the provider and remembers the revision of the reply.
func (k *killed) live(ctx context.Context, random *rand.Rand) {
	account := killedAccount(random.IntN(killedAccounts))
	id := fmt.Sprintf("%s-%d", account, random.IntN(killedOrders))
	var reply struct{ Revision int }
	if err := k.request(ctx, "orders.get", fmt.Sprintf(`{"provider":"acme","account":%q,"order_id":%q,"max_age":"0s"}`, account, id), &reply); err != nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.acked[account+"/"+id] = max(k.acked[account+"/"+id], reply.Revision)
}

// replay republishes the events of one order.
func (k *killed) replay(ctx context.Context, random *rand.Rand) {
	account := killedAccount(random.IntN(killedAccounts))
	var reply struct {
		ID     string `json:"replay_id"`
		Events int
	}
	if err := k.request(ctx, "events.replay", fmt.Sprintf(`{"provider":"acme","account":%q,"order_id":"%[1]s-%d"}`, account, random.IntN(killedOrders)), &reply); err != nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.replays[reply.ID] = reply.Events
}

// cancelAndRetry cancels a run that has begun, and retries its jobs.
func (k *killed) cancelAndRetry(ctx context.Context, random *rand.Rand) {
	run := k.run(ctx, pick(random, "sync", "backfill"), fmt.Sprintf(`{"from":%q,"to":%q}`, killedDay(25+random.IntN(20)), killedDay(0)))
	if run == "" {
		return
	}
	time.Sleep(time.Duration(random.IntN(10)) * time.Millisecond)
	var reply any
	if err := k.request(ctx, "runs.cancel", fmt.Sprintf(`{"run_id":%q}`, run), &reply); err == nil && random.IntN(2) == 0 {
		_ = k.request(ctx, "jobs.retry", fmt.Sprintf(`{"run_id":%q,"state":"cancelled"}`, run), &reply) // it may have ended, or the process
	}
}

// book is a provider with orders that change.
type book struct {
	url             string
	asked, answered chan struct{} // receive when a request for orders arrives and was responded
	delay           time.Duration // of each response
	now, most       atomic.Int64  // requests at once

	logins atomic.Int64

	mu       sync.Mutex // guards versions and tokens
	versions map[string][]int
	tokens   map[string]time.Time // valid until; nil if none are needed
}

func newBook(t *testing.T) *book {
	t.Helper()
	b := &book{versions: map[string][]int{}, asked: make(chan struct{}, 1), answered: make(chan struct{}, 1)}
	for n := range killedAccounts {
		b.versions[killedAccount(n)] = make([]int, killedOrders)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/{account}/orders", func(w http.ResponseWriter, r *http.Request) {
		b.respond(w, r, func(_, day string) bool { return r.FormValue("from") <= day && day <= r.FormValue("to") })
	})
	mux.HandleFunc("/{account}/orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		b.respond(w, r, func(id, _ string) bool { return id == r.PathValue("id") })
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, _ *http.Request) {
		token := fmt.Sprint("token-", b.logins.Add(1))
		b.mu.Lock()
		b.tokens[token] = time.Now().Add(bookTokenLife)
		b.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"access_token":%q,"token_type":"Bearer","expires_in":%d}`, token, int(bookTokenLife.Seconds()))
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	b.url = server.URL
	return b
}

// bookTokenLife is how long a token is valid.
const bookTokenLife = 20 * time.Second

// admits reports whether a request has a valid token, if one is needed.
func (b *book) admits(r *http.Request) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	return b.tokens == nil || time.Now().Before(b.tokens[token])
}

func (b *book) respond(w http.ResponseWriter, r *http.Request, matches func(id, day string) bool) {
	note := func(c chan struct{}) {
		select {
		case c <- struct{}{}:
		default:
		}
	}
	if !b.admits(r) {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	note(b.asked)
	now := b.now.Add(1)
	defer b.now.Add(-1)
	for most := b.most.Load(); now > most && !b.most.CompareAndSwap(most, now); most = b.most.Load() {
	}
	time.Sleep(b.delay)
	account := r.PathValue("account")
	var list []string
	b.mu.Lock()
	for n, version := range b.versions[account] {
		id, day := fmt.Sprintf("%s-%d", account, n), killedDay(n)
		if matches(id, day) {
			list = append(list, fmt.Sprintf(`{"id":%q,"po":"PO-%[1]s","day":%q,"version":"v%d"}`, id, day, version))
		}
	}
	b.mu.Unlock()
	if len(list) == 0 && r.PathValue("id") != "" {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	fmt.Fprintf(w, `{"orders":[%s]}`, strings.Join(list, ","))
	_ = http.NewResponseController(w).Flush()
	note(b.answered)
}

// change changes some orders.
func (b *book) change(random *rand.Rand, n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for range n {
		b.versions[killedAccount(random.IntN(killedAccounts))][random.IntN(killedOrders)]++
	}
}

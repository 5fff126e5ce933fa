package main // an inside test: a main package cannot be imported

import (
	"database/sql"
	"encoding/pem"
	"fmt"
	"io"
	stdlog "log"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"orderbeat/clients/clienttest"
	"orderbeat/clients/sandbox"
	"orderbeat/cmd/orderbeat/cli"
)

// TestOddResponsesAreStoredCorrectly runs providers whose responses vary at random: charsets,
// compressions, formats of dates and numbers, pages that shift or repeat, orders that are
// unreadable or vanish, rejected tokens and requests, failing connections and proxies. After
// each run the stored orders are correct, or the job reports what is missing, and nothing else
// changed. It lasts 8 seconds or $ORDERBEAT_TEST_SIMULATE; ORDERBEAT_TEST_SEED repeats a
// sequence.
func TestOddResponsesAreStoredCorrectly(t *testing.T) {
	t.Parallel() // mostly waits
	lasts, seed := campaign(t, "ORDERBEAT_TEST_SIMULATE", 8*time.Second)
	s := newSimulation(t, seed)
	s.program = startProcess(t, s.configure(t.TempDir()))
	s.file = openFile(t, s.program.config)
	end, rounds := time.Now().Add(lasts), 0
	for ; time.Now().Before(end) && !t.Failed(); rounds++ {
		s.round(true)
	}
	s.outside.stopClock()
	for tries := 0; !s.round(false) && !t.Failed(); tries++ { // a pause or an open breaker may last
		if tries == 30 {
			t.Fatal("providers without faults are not synced")
		}
	}
	s.sameAsSandbox()
	s.published()
	t.Logf("%d rounds, %s jobs; outcomes %v; oddities %v", rounds, s.value("SELECT count(*) FROM jobs"), s.outcomes, s.counted)
}

// simProviders are the declared providers with the names of their accounts.
var simProviders = map[string][]string{"pages": {"a", "b", "c"}, "cursors": {"d", "e", "f"}, "items": {"g", "h", "i"}}

// simulation has the true orders of all providers and serves them.
type simulation struct {
	t        *testing.T
	program  *program
	file     *sql.DB
	server   *httptest.Server
	relay    *clienttest.Relay // to server
	proxy    string            // the URL of the proxy that leads to relay
	michelin *httptest.Server
	outside  *outside
	outcomes map[string]int
	vanished map[string]int // how often an order was stored as one that vanished
	network  simNetwork

	mu       sync.Mutex // guards the rest
	faulty   bool
	random   *rand.Rand // for what belongs to no account
	accounts map[string]*simAccount
	token    string // accepted by the API, "" for none
	tokens   int
	counted  map[string]int
	// causes are the reasons why requests may fail, by provider. They last until none fails: an
	// open breaker or a pause outlives the run.
	causes map[string]map[string]bool
	paused bool // a provider requested a pause that ends with the process
}

func newSimulation(t *testing.T, seed uint64) *simulation {
	t.Helper()
	s := &simulation{
		t: t, outside: newOutside(t), accounts: map[string]*simAccount{}, counted: map[string]int{}, outcomes: map[string]int{},
		vanished: map[string]int{}, causes: map[string]map[string]bool{},
		random: rand.New(rand.NewPCG(seed, 0)), //nolint:gosec // no secret
	}
	for provider, names := range simProviders {
		for _, name := range names {
			s.accounts[name] = &simAccount{provider: provider, name: name, random: rand.New(rand.NewPCG(seed, uint64(name[0])))} //nolint:gosec // no secret
		}
	}
	s.network.failed = func(begin string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if begin == "token" {
			begin = "pages"
		}
		s.cause(begin, "unavailable")
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/token", s.serveToken)
	mux.HandleFunc("/{provider}/{account}/orders", s.serveOrders)
	mux.HandleFunc("/{provider}/{account}/orders/{id}", s.serveItem)
	mux.HandleFunc("/{provider}/{account}/numbers/{id}", s.serveNumber)
	s.server = httptest.NewUnstartedServer(s.network.handler(mux))
	s.server.Config.ConnContext = s.network.number
	s.server.Config.ErrorLog = stdlog.New(io.Discard, "", 0) // of connections that break
	s.server.EnableHTTP2 = true
	s.server.StartTLS()
	t.Cleanup(s.server.Close)
	s.relay = clienttest.NewRelay(t, s.server.Listener.Addr().String())
	s.proxy = clienttest.Proxy(t, s.network.connect)
	s.michelin = httptest.NewServer(http.HandlerFunc(s.serveMichelin))
	t.Cleanup(s.michelin.Close)
	return s
}

const (
	simNone = `["TBD", "2099-12-31"]`
	simNot  = `[-1, "n/a"]`
	simMap  = `{order_id: .no, reference: .po, status: (if .state == "" then null else .state end), ordered_on: (.placed | date(` + simNone + `)), lines: [.lines[] | {
  line_id: .pos, article_id: .sku, description: .text, ordered: (.qty | number(` + simNot + `)), shipped: (.sent | number(` + simNot + `)),
  open: ((.qty | number(` + simNot + `)) as $q | (.sent | number(` + simNot + `)) as $s | if $q == null then null else $q - ($s // 0) end), promised_on: (.due | date(` + simNone + `))}]}`
	simOrders = "[orders]\npath = '/\\($bill_to)/orders'\nempty = [204]\n"
	simFetch  = "[fetch]\npath = '/\\($bill_to)/numbers/\\($order_id)'\nempty = [404, 410]\nmap = '''" + simMap + "'''\n"
)

// simDeclarations are the list operations of the declared providers.
var simDeclarations = map[string]string{
	"pages": "scheme = \"oauth2\"\ntoken_field = \"data.access_token\"\ntoken_type = \"JWT\"\ntoken_params = { audience = \"api\" }\n" + simOrders +
		"query = { page = '\\($page)' }\nmap = '''.orders[] | " + simMap + "'''\npaging = { by = \"page\", more = \".more\" }\n" +
		simFetch + "[[failures]]\nstatus = [302]\ncode = \"unauthorized\"\n",
	"cursors": "scheme = \"none\"\n" + simOrders +
		"query = { cursor = '\\($cursor)' }\nmap = '''.orders[] | " + simMap + "'''\npaging = { by = \"cursor\", next = \".next\" }\n" + simFetch,
	"items": "scheme = \"none\"\n" + simOrders +
		"map = '''" + simMap + "'''\npaging = { by = \"link\", next_url = '.\"@odata.nextLink\"', follow = \"path\" }\n" +
		"[orders.each]\nitems = '.orders[]'\npath = '/\\($bill_to)/orders/\\($item.no)'\nempty = [404]\n" + simFetch,
}

// configure writes a configuration of all providers.
func (s *simulation) configure(folder string) (path string) {
	s.t.Helper()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.server.Certificate().Raw})
	files := map[string]string{"ca.pem": string(ca)}
	text := fmt.Sprintf("[nats]\nlisten = \"127.0.0.1:%s\"\nsync = \"2m\"\n[web]\nlisten = \"\"\n", freePort(s.t))
	const limits = "rate = \"1000/s\"\ntimeout = \"5s\"\nretry = { attempts = 3, for = \"20s\" }\n"
	at := "https://" + s.relay.Addr().String()
	for _, p := range slices.Sorted(maps.Keys(simProviders)) {
		text += fmt.Sprintf("[providers.%[1]s]\nkind = \"declared\"\ndeclaration = \"%[1]s.toml\"\nbase_url = \"%[2]s/%[1]s\"\ntls = { ca = \"ca.pem\" }\n%[3]s", p, at, limits)
		switch p {
		case "pages":
			text += fmt.Sprintf("token_url = \"%s/token?tenant=x\"\nclient_id = %q\nclient_secret = %q\n", at, writeSecret(s.t, folder, "id", "sim"), writeSecret(s.t, folder, "secret", "sim-secret"))
		case "items": // new connections often, so that the proxy matters
			text += fmt.Sprintf("proxy = %q\nmax_conn_age = \"2s\"\n", writeSecret(s.t, folder, "proxy", s.proxy))
		}
		for _, name := range simProviders[p] {
			text += fmt.Sprintf("[[providers.%s.accounts]]\nname = %q\nbill_to = %q\ntimezone = \"Europe/Paris\"\n", p, name, name)
		}
		files[p+".toml"] = simDeclarations[p]
	}
	text += fmt.Sprintf("[providers.michelin]\nkind = \"michelin\"\nbase_url = %q\nclient_id = %q\nclient_secret = %q\n%s[[providers.michelin.accounts]]\nname = \"detroit\"\nbill_to = \"1111111\"\n[[providers.michelin.accounts]]\nname = \"toledo\"\nbill_to = \"2222222\"\n",
		s.michelin.URL, writeSecret(s.t, folder, "m-id", sandbox.ClientID), writeSecret(s.t, folder, "m-secret", sandbox.ClientSecret), limits)
	files["config.toml"] = text
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
	return filepath.Join(folder, "config.toml")
}

// michelinRuns are the kinds of runs of Michelin in every round.
var michelinRuns = map[string]string{"sync": `{"lookback":"3d"}`, "despatch": `{"lookback":"4d"}`, "invoice": `{"lookback":"29d"}`}

// round changes orders, syncs every provider, tracks its open orders, and compares. It reports
// whether all jobs succeeded.
func (s *simulation) round(faulty bool) (whole bool) {
	s.t.Helper()
	s.mu.Lock()
	s.faulty = faulty
	if faulty && s.random.IntN(5) == 0 {
		s.token = "" // revoked
	}
	if faulty && s.random.IntN(3) == 0 {
		s.disturb(s.random, true)
	}
	for _, name := range slices.Sorted(maps.Keys(s.accounts)) {
		s.accounts[name].begin(faulty)
	}
	s.mu.Unlock()
	synced := map[string]string{}
	for p := range simProviders {
		synced[p] = s.start(p, "sync", fmt.Sprintf(`{"lookback":"%dd"}`, simWindow))
	}
	var asked []string
	for kind, params := range michelinRuns {
		asked = append(asked, s.start("michelin", kind, params))
	}
	whole = s.ended(slices.Concat(slices.Collect(maps.Values(synced)), asked))
	s.mu.Lock()
	for p, run := range synced {
		s.judge(p, run)
	}
	for _, run := range asked {
		s.judgeMichelin(run)
	}
	s.mu.Unlock()

	tracked := map[string]string{}
	for p := range simProviders {
		tracked[p] = s.start(p, "track", fmt.Sprintf(`{"older_than":"%dd"}`, simWindow+1))
	}
	whole = s.ended(slices.Collect(maps.Values(tracked))) && whole
	s.mu.Lock()
	defer s.mu.Unlock()
	for p, run := range tracked {
		s.judgeTracked(p, run)
	}
	all := map[string][]string{"michelin": asked}
	for p, run := range tracked {
		all[p] = []string{run, synced[p]}
	}
	s.forgetCauses(all)
	if s.paused {
		s.paused = false
		s.restart()
	}
	return whole
}

// restart stops the program gracefully and restarts it, which clears pauses.
func (s *simulation) restart() {
	s.t.Helper()
	if code := s.program.stop(); code != cli.Done {
		s.t.Errorf("got exit status %d, want %d", code, cli.Done)
	}
	s.counted["restart"]++
	s.program = startProcess(s.t, s.program.config)
}

// start starts a run.
func (s *simulation) start(provider, kind, params string) (run string) {
	s.t.Helper()
	var reply struct {
		Run struct {
			ID string `json:"run_id"`
		}
	}
	s.program.decode(s.program.request("runs.start", fmt.Sprintf(`{"provider":%q,"kind":%q,"params":%s}`, provider, kind, params)), &reply)
	return reply.Run.ID
}

// ended waits for the end of runs, and reports whether all of them succeeded. A run with a job
// that waits for an absurd time is cancelled.
func (s *simulation) ended(runs []string) (whole bool) {
	s.t.Helper()
	const stamp = "2006-01-02T15:04:05.000Z"
	whole = true
	for _, run := range runs {
		state := ""
		for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
			if state = s.value("SELECT state FROM runs WHERE run_id = ?", run); state != "queued" && state != "running" {
				break
			}
			if s.value("SELECT count(*) FROM jobs WHERE run_id = ? AND state = 'waiting' AND next_attempt_at > ?", run, time.Now().Add(time.Minute).UTC().Format(stamp)) != "0" {
				if s.value("SELECT count(*) FROM jobs WHERE run_id = ? AND next_attempt_at > ?", run, time.Now().Add(simLongest).UTC().Format(stamp)) != "0" {
					s.t.Errorf("a job of the run %s waits for more than %s", run, simLongest)
				}
				s.program.request("runs.cancel", fmt.Sprintf(`{"run_id":%q}`, run))
			}
			if time.Now().After(deadline) {
				s.t.Fatalf("the run %s is %s for 3 minutes: %v", run, state, s.texts("SELECT job_id, state || ' until ' || coalesce(next_attempt_at, 'now') || coalesce(': ' || error, '') FROM jobs WHERE run_id = ?", run))
			}
		}
		whole = whole && state == "succeeded"
	}
	return whole
}

func (s *simulation) value(query string, args ...any) (value string) {
	s.t.Helper()
	if err := s.file.QueryRowContext(s.t.Context(), query, args...).Scan(&value); err != nil {
		s.t.Fatalf("%s: %v", query, err)
	}
	return value
}

// rows calls use with the columns of every row, as texts.
func (s *simulation) rows(query, arg string, use func(columns []string)) {
	s.t.Helper()
	rows, err := s.file.QueryContext(s.t.Context(), query, arg)
	if err != nil {
		s.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		names, _ := rows.Columns()
		columns, into := make([]string, len(names)), make([]any, len(names))
		for i := range columns {
			into[i] = &columns[i]
		}
		if err := rows.Scan(into...); err != nil {
			s.t.Fatal(err)
		}
		use(columns)
	}
	if err := rows.Err(); err != nil {
		s.t.Fatal(err)
	}
}

// texts returns the rows of a query with two columns, by the first.
func (s *simulation) texts(query, arg string) map[string]string {
	s.t.Helper()
	texts := map[string]string{}
	s.rows(query, arg, func(c []string) { texts[c[0]] = c[1] })
	return texts
}

// cause records a reason why requests to a provider may fail from now on.
func (s *simulation) cause(provider, code string) {
	if s.causes[provider] == nil {
		s.causes[provider] = map[string]bool{}
	}
	s.causes[provider][code] = true
}

// noted formats the faults of an account, for test failures.
func noted(faults map[string]bool) string {
	return strings.Join(slices.Sorted(maps.Keys(faults)), ",")
}

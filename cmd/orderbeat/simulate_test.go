package main // an inside test: a main package cannot be imported

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"database/sql"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/andybalholm/brotli"
	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"orderbeat/clients"
	"orderbeat/clients/sandbox"
)

// TestOddProvidersAreStoredAsMeant has providers tell orders that change in every odd way at
// random: charsets, compressions, spellings of dates and numbers, pages that shift or repeat,
// orders that cannot be read, refused tokens, refusals and broken connections. After each run
// what is stored is what was meant, or the job says what is missing, and nothing else changed.
// It lasts 20 seconds, or as long as ORDERBEAT_TEST_SIMULATE says; ORDERBEAT_TEST_SEED repeats
// a sequence.
func TestOddProvidersAreStoredAsMeant(t *testing.T) {
	t.Parallel() // mostly waits
	lasts, seed := campaign(t, "ORDERBEAT_TEST_SIMULATE", 20*time.Second)
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
	t.Logf("%d rounds, %s jobs; outcomes %v; faults %v", rounds, s.value("SELECT count(*) FROM jobs"), s.outcomes, s.counted)
}

// simProviders are the ways in which the declared ones speak.
var simProviders = []string{"pages", "cursors", "items"}

// simulation is the outside world: what is meant, and how it is told.
type simulation struct {
	t        *testing.T
	program  *program
	file     *sql.DB
	server   *httptest.Server
	michelin *httptest.Server
	outside  *outside
	outcomes map[string]int

	mu       sync.Mutex // guards the rest
	faulty   bool
	random   *rand.Rand // of what no account has
	accounts map[string]*simAccount
	token    string // that the API accepts, "" for none
	tokens   int
	counted  map[string]int
}

// simAccount is one account's orders, in the order in which they are told. Its random
// numbers are its own, so that a sequence does not depend on what others do.
type simAccount struct {
	provider, name string
	random         *rand.Rand
	orders         []*simOrder
	made           int
	// Of the run under way:
	bad    map[string]bool // orders that cannot be read
	paging bool            // the last page leads to one that came before
	faults map[string]bool // that were told
	calls  int
	last   []string // what the last page held
	stored map[string]string
}

type simOrder struct {
	id, reference string
	placed        string
	stated        string // status of the order, "" for none
	lines         []simLine
}

type simLine struct {
	id, article, text string
	ordered, shipped  int64
	due               string // "" for none
}

func newSimulation(t *testing.T, seed uint64) *simulation {
	t.Helper()
	s := &simulation{
		t: t, outside: newOutside(t), accounts: map[string]*simAccount{}, counted: map[string]int{}, outcomes: map[string]int{},
		random: rand.New(rand.NewPCG(seed, 0)), //nolint:gosec // no secret
	}
	for i, p := range simProviders {
		for j, name := range []string{"a", "b", "c"} {
			s.accounts[p+"/"+name] = &simAccount{provider: p, name: name, random: rand.New(rand.NewPCG(seed, uint64(10*i+j+1)))} //nolint:gosec // no secret
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/token", s.serveToken)
	mux.HandleFunc("/{provider}/{account}/orders", s.serveOrders)
	mux.HandleFunc("/{provider}/{account}/orders/{id}", s.serveItem)
	s.server = httptest.NewUnstartedServer(mux)
	s.server.EnableHTTP2 = true
	s.server.Config.ErrorLog = nil
	s.server.StartTLS()
	t.Cleanup(s.server.Close)
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
)

// configure writes a configuration of all providers.
func (s *simulation) configure(folder string) (path string) {
	s.t.Helper()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.server.Certificate().Raw})
	files := map[string]string{"ca.pem": string(ca)}
	text := fmt.Sprintf("[nats]\nlisten = \"127.0.0.1:%s\"\nsync = \"2m\"\n[web]\nlisten = \"\"\n", freePort(s.t))
	const limits = "rate = \"1000/s\"\ntimeout = \"5s\"\nretry = { attempts = 3, for = \"20s\" }\n"
	for _, p := range simProviders {
		text += fmt.Sprintf("[providers.%[1]s]\nkind = \"declared\"\ndeclaration = \"%[1]s.toml\"\nbase_url = \"%[2]s/%[1]s\"\ntls = { ca = \"ca.pem\" }\n%[3]s", p, s.server.URL, limits)
		if p == "pages" {
			text += fmt.Sprintf("token_url = \"%s/token?tenant=x\"\nclient_id = %q\nclient_secret = %q\n", s.server.URL, writeSecret(s.t, folder, "id", "sim"), writeSecret(s.t, folder, "secret", "sim-secret"))
		}
		for _, name := range []string{"a", "b", "c"} {
			text += fmt.Sprintf("[[providers.%s.accounts]]\nname = %q\nbill_to = %q\ntimezone = \"Europe/Paris\"\n", p, name, name)
		}
	}
	text += fmt.Sprintf("[providers.michelin]\nkind = \"michelin\"\nbase_url = %q\nclient_id = %q\nclient_secret = %q\n%s[[providers.michelin.accounts]]\nname = \"detroit\"\nbill_to = \"1111111\"\n[[providers.michelin.accounts]]\nname = \"toledo\"\nbill_to = \"2222222\"\n",
		s.michelin.URL, writeSecret(s.t, folder, "m-id", sandbox.ClientID), writeSecret(s.t, folder, "m-secret", sandbox.ClientSecret), limits)
	const orders = "[orders]\npath = '/\\($bill_to)/orders'\nempty = [204]\n"
	files["config.toml"] = text
	files["pages.toml"] = "scheme = \"oauth2\"\ntoken_field = \"data.access_token\"\ntoken_type = \"JWT\"\ntoken_params = { audience = \"api\" }\n" + orders +
		"query = { page = '\\($page)' }\nmap = '''.orders[] | " + simMap + "'''\npaging = { by = \"page\", more = \".more\" }\n[[failures]]\nstatus = [302]\ncode = \"unauthorized\"\n"
	files["cursors.toml"] = "scheme = \"none\"\n" + orders + "query = { cursor = '\\($cursor)' }\nmap = '''.orders[] | " + simMap + "'''\npaging = { by = \"cursor\", next = \".next\" }\n"
	files["items.toml"] = "scheme = \"none\"\n" + orders + "map = '''" + simMap + "'''\npaging = { by = \"link\", next_url = '.\"@odata.nextLink\"', follow = \"path\" }\n" +
		"[orders.each]\nitems = '.orders[]'\npath = '/\\($bill_to)/orders/\\($item.no)'\nempty = [404]\n"
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
	return filepath.Join(folder, "config.toml")
}

// round changes what is meant, has every provider synced, and compares. It reports whether
// all jobs succeeded.
func (s *simulation) round(faulty bool) (whole bool) {
	s.t.Helper()
	s.mu.Lock()
	s.faulty = faulty
	if faulty && s.random.IntN(5) == 0 {
		s.token = "" // revoked
	}
	for _, a := range s.accounts {
		a.begin(faulty)
	}
	s.mu.Unlock()
	runs := map[string]string{}
	for _, p := range append(slices.Clone(simProviders), "michelin") {
		var reply struct {
			Run struct {
				ID string `json:"run_id"`
			}
		}
		s.program.decode(s.program.request("runs.start", `{"provider":"`+p+`","kind":"sync","params":{"lookback":"3d"}}`), &reply)
		runs[p] = reply.Run.ID
	}
	whole = true
	for p, run := range runs {
		state := ""
		for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
			if state = s.value("SELECT state FROM runs WHERE run_id = ?", run); state != "queued" && state != "running" {
				break
			}
			if time.Now().After(deadline) {
				s.t.Fatalf("the run %s of %s is %s for 3 minutes", run, p, state)
			}
		}
		whole = whole && state == "succeeded"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for p, run := range runs {
		s.judge(p, run)
	}
	return whole
}

// begin decides what the next run is told.
func (a *simAccount) begin(faulty bool) {
	a.bad, a.faults, a.paging, a.calls, a.last = map[string]bool{}, map[string]bool{}, false, 0, nil
	for range a.random.IntN(4) {
		a.evolve()
	}
	if !faulty || len(a.orders) < 2 {
		return
	}
	if a.random.IntN(4) == 0 {
		a.bad[a.orders[a.random.IntN(len(a.orders))].id] = true
	}
	a.paging = a.random.IntN(8) == 0
}

func (a *simAccount) evolve() {
	if len(a.orders) == 0 || len(a.orders) < 9 && a.random.IntN(3) == 0 {
		a.made++
		o := &simOrder{id: fmt.Sprintf("Mül-%s%d", a.name, a.made), reference: fmt.Sprintf("PÖ %d", a.made), placed: a.day()}
		o.grow(a)
		a.orders = slices.Insert(a.orders, a.random.IntN(len(a.orders)+1), o)
		return
	}
	at := a.random.IntN(len(a.orders))
	switch o := a.orders[at]; a.random.IntN(8) {
	case 0:
		o.grow(a)
	case 1:
		o.stated = pick(a.random, "", "cancelled", "delivered", "open")
	case 2:
		if len(a.orders) > 3 { // the provider forgets it
			a.orders = slices.Delete(a.orders, at, at+1)
		}
	default:
		l := &o.lines[a.random.IntN(len(o.lines))]
		l.shipped = a.random.Int64N(l.ordered + 1)
		if l.due = a.day(); a.random.IntN(4) == 0 {
			l.due = ""
		}
	}
}

func (o *simOrder) grow(a *simAccount) {
	n := len(o.lines) + 1
	l := simLine{id: strconv.Itoa(10 * n), article: fmt.Sprintf("S-%d", n), text: "Räder ½", ordered: 1 + a.random.Int64N(5000), due: a.day()}
	if a.provider == "cursors" {
		l.id = "" // its position is its id
	}
	o.lines = append(o.lines, l)
}

func (a *simAccount) day() string {
	return time.Date(2026, 1, 1+a.random.IntN(700), 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
}

// meant is the order as it is to be stored.
func (o *simOrder) meant(a *simAccount) string {
	order := clients.Order{Provider: a.provider, Account: a.name, OrderID: o.id, Reference: clients.Text(o.reference), OrderedOn: clients.Date(o.placed), Status: clients.Status(o.stated)}
	for _, l := range o.lines {
		line := clients.Line{LineID: l.id, ArticleID: clients.Text(l.article), Description: clients.Text(l.text), Ordered: clients.Pieces(l.ordered), PromisedOn: clients.Date(l.due)}
		line.Shipped, line.Open = clients.Pieces(l.shipped), clients.Pieces(l.ordered-l.shipped)
		order.Lines = append(order.Lines, line)
	}
	order.Normalize()
	text, err := json.Marshal(order)
	if err != nil {
		panic(err) // it has nothing that JSON has not
	}
	return string(text)
}

// judge compares the jobs of a run, and what is stored, with what was told.
func (s *simulation) judge(provider, run string) {
	s.t.Helper()
	documents := map[string]map[string]string{}
	s.rows("SELECT account, order_id, document FROM orders WHERE provider = ?", provider, func(c []string) {
		if documents[c[0]] == nil {
			documents[c[0]] = map[string]string{}
		}
		documents[c[0]][c[1]] = c[2]
	})
	s.rows("SELECT account, state, coalesce(error_code, ''), coalesce(error, '') FROM jobs WHERE run_id = ?", run, func(c []string) {
		account, state, code, message := c[0], c[1], c[2], c[3]
		s.outcomes[provider+" "+state+" "+code]++
		a := s.accounts[provider+"/"+account]
		if a == nil {
			if state != "succeeded" && state != "partial" && !slices.Contains([]string{"unavailable", "throttled", "bad_response"}, code) {
				s.t.Errorf("%s/%s: %s %s: %s", provider, account, state, code, message)
			}
			return
		}
		if a.calls > 60 {
			s.t.Errorf("%s/%s: %d calls for pages of %d orders", provider, account, a.calls, len(a.orders))
		}
		stored := documents[account]
		for id := range stored { // what the provider has forgotten stays
			if _, before := a.stored[id]; !before && !slices.ContainsFunc(a.orders, func(o *simOrder) bool { return o.id == id }) {
				s.t.Errorf("%s/%s: an order %q is stored that nobody meant", provider, account, id)
			}
		}
		where := fmt.Sprintf("%s/%s: %s %s %q after %v", provider, account, state, code, message, a.faults)
		for id, before := range a.stored {
			if gone := !slices.ContainsFunc(a.orders, func(o *simOrder) bool { return o.id == id }); (gone || state != "succeeded" && state != "partial") && !sameJSON(before, stored[id]) {
				s.t.Errorf("%s: %s changed: %s", where, id, cmp.Diff(before, stored[id]))
			}
		}
		for _, o := range a.orders {
			switch same := sameJSON(o.meant(a), stored[o.id]); {
			case state == "succeeded" && !same:
				s.t.Errorf("%s: %s is not as meant (-want +got):\n%s\n%s", where, o.id, o.meant(a), stored[o.id])
			case state == "partial" && a.bad[o.id] && (!strings.Contains(message, o.id) || !sameJSON(a.stored[o.id], stored[o.id])) && !a.faults["paging"]:
				s.t.Errorf("%s: %s cannot be read, and is not named or was touched:\n%s\n%s", where, o.id, a.stored[o.id], stored[o.id])
			case state == "partial" && !a.bad[o.id] && !same && (!a.faults["paging"] || !sameJSON(a.stored[o.id], stored[o.id])):
				s.t.Errorf("%s: %s is neither as meant nor named:\n%s\n%s", where, o.id, o.meant(a), stored[o.id])
			}
		}
		switch {
		case state == "succeeded" && len(a.bad) == 0:
		case state == "succeeded":
			s.t.Errorf("%s: want partial for %v", where, a.bad)
		case state == "partial" && (len(a.bad) > 0 && strings.Contains(message, "orders[") || len(a.bad) > 0 && a.provider == "items" || a.faults["paging"] && strings.Contains(message, "paging") || a.faults["item"]):
		case state == "partial":
			s.t.Errorf("%s: partial for no reason, or without the path", where)
		case code == "bad_response" && len(a.bad) == 0 && !a.faults["bad_response"] && !a.faults["paging"]:
			s.t.Errorf("%s: nothing was wrong with the answers", where)
		case !slices.Contains([]string{"bad_response", "unavailable", "throttled", "invalid"}, code):
			s.t.Errorf("%s: no such failure was simulated", where)
		case code == "invalid" && !a.faults["login"]:
			s.t.Errorf("%s: nobody was redirected", where)
		case !s.faulty && code == "bad_response":
			s.t.Errorf("%s: without faults", where)
		}
		a.stored = stored
	})
}

func sameJSON(a, b string) bool {
	var x, y any
	if a == b {
		return true
	}
	return json.Unmarshal([]byte(a), &x) == nil && json.Unmarshal([]byte(b), &y) == nil && cmp.Equal(x, y)
}

// sameAsSandbox compares Michelin's orders with those that a new worker gets without oddities.
func (s *simulation) sameAsSandbox() {
	s.t.Helper()
	fresh := enlist(s.t, steady(s.t, s.t.TempDir(), s.outside, fmt.Sprintf("listen = \"127.0.0.1:%s\"", freePort(s.t))))
	fresh.says("run finished", 1)
	fresh.stop()
	want := map[string]string{}
	if err := json.Unmarshal([]byte(fresh.value("SELECT json_group_object(account || ' ' || order_id, document) FROM orders")), &want); err != nil {
		s.t.Fatal(err)
	}
	got := map[string]string{}
	s.rows("SELECT account || ' ' || order_id, document FROM orders WHERE provider = ?", "michelin", func(c []string) { got[c[0]] = c[1] })
	for id, document := range want {
		if !sameJSON(document, got[id]) {
			s.t.Errorf("michelin %s (-want +got):\n%s\n%s", id, document, got[id])
		}
	}
	if len(want) < 5 {
		s.t.Errorf("got %d orders of Michelin", len(want))
	}
}

func (s *simulation) value(query string, args ...any) (value string) {
	s.t.Helper()
	if err := s.file.QueryRowContext(s.t.Context(), query, args...).Scan(&value); err != nil {
		s.t.Fatalf("%s: %v", query, err)
	}
	return value
}

// rows hands the columns of every row on, as texts.
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

// pick is one of several.
func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// serveToken grants tokens, in words of all kinds.
func (s *simulation) serveToken(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.FormValue("audience") != "api" || r.URL.Query().Get("tenant") != "x" {
		s.t.Errorf("the token request has %v", r.Form)
	}
	if s.faulty && s.random.IntN(12) == 0 {
		s.counted["token 503"]++
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	s.tokens++
	s.token = fmt.Sprintf("sim-token-%d", s.tokens)
	bom, extra, told := "", "", s.token
	if s.faulty {
		bom = pick(s.random, "", "\ufeff")
		extra = pick(s.random, "", `"error":null,`, `"error":false,`, `"error":"",`, `"error":{},`)
		told = pick(s.random, s.token, "Bearer "+s.token, " "+s.token+"\\n")
		w.Header().Set("Content-Type", pick(s.random, "application/json", "text/plain"))
	}
	w.WriteHeader(pick(s.random, 200, 201, 202))
	fmt.Fprintf(w, `%s{%s"data":{"access_token":"%s","expires_in":%s,"token_type":"%s"}}`, bom, extra, told, pick(s.random, "3600", `"3600"`), pick(s.random, "Bearer", "bearer", "JWT"))
}

// account finds whose orders are asked for, and refuses the call at random.
func (s *simulation) account(w http.ResponseWriter, r *http.Request) *simAccount {
	a := s.accounts[r.PathValue("provider")+"/"+r.PathValue("account")]
	if a == nil {
		w.WriteHeader(http.StatusNotFound)
		return nil
	}
	if a.provider == "pages" && (s.token == "" || r.Header.Get("Authorization") != "Bearer "+s.token) {
		s.counted["token refused"]++
		switch a.random.IntN(3) {
		case 0:
			w.WriteHeader(http.StatusUnauthorized)
		case 1:
			w.Header().Set("WWW-Authenticate", `Bearer realm="x", error="invalid_token"`)
			w.WriteHeader(http.StatusForbidden)
		default:
			w.Header().Set("Location", "/login")
			w.WriteHeader(http.StatusFound)
		}
		return nil
	}
	if s.faulty && a.random.IntN(14) == 0 && s.refuse(w, a.random, a.fault, a.provider != "pages") {
		return nil
	}
	return a
}

func (a *simAccount) fault(name string) { a.faults[name] = true }

// refuse answers in one of the ways in which a call fails.
func (s *simulation) refuse(w http.ResponseWriter, r *rand.Rand, note func(string), login bool) bool {
	soon := time.Now().Add(2 * time.Second)
	wait := pick(r, "1", "0.5", "1s", "500ms", strconv.FormatInt(soon.Unix(), 10), soon.UTC().Format("Mon, 02 Jan 2006 15:04:05 UTC"), soon.UTC().Format(http.TimeFormat), soon.Format(time.RFC1123Z), "")
	kind := pick(r, "429", "429", "503", "500", "reset", "html", "truncated", "bytes", "login")
	s.counted[kind]++
	switch kind {
	case "429":
		w.Header().Set(pick(r, "Retry-After", "RateLimit-Reset", "X-RateLimit-Reset"), pick(r, wait, "1"))
		w.WriteHeader(http.StatusTooManyRequests)
	case "503":
		w.Header().Set("Retry-After", wait)
		w.WriteHeader(http.StatusServiceUnavailable)
	case "500":
		w.WriteHeader(http.StatusInternalServerError)
	case "reset":
		panic(http.ErrAbortHandler)
	case "truncated":
		_, _ = io.WriteString(w, `{"orders":[`)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case "html":
		note("bad_response")
		_, _ = io.WriteString(w, "<html>Maintenance</html>")
	case "bytes":
		note("bad_response")
		w.Header().Set("Content-Type", pick(r, "application/json", "application/json; charset=utf-8"))
		_, _ = io.WriteString(w, "{\"orders\":[{\"no\":\"M\xfcl\"}]}")
	default:
		if !login {
			return false
		}
		note("login")
		w.Header().Set("Location", "/login")
		w.WriteHeader(http.StatusFound)
	}
	return true
}

const simPage = 3

// serveOrders tells a page: of orders, or of what is to be asked about.
func (s *simulation) serveOrders(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.account(w, r)
	if a == nil {
		return
	}
	a.calls++
	if len(a.orders) == 0 {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	page := 1
	for _, text := range []string{r.URL.Query().Get("page"), strings.TrimPrefix(r.URL.Query().Get("cursor"), "c"), r.URL.Query().Get("p")} {
		if n, err := strconv.Atoi(text); err == nil {
			page = n
		}
	}
	last := (len(a.orders) + simPage - 1) / simPage
	circle := a.paging && last > 1 && page >= last // the last page leads to another one
	again := page > last && a.last != nil          // the provider tells its last page once more
	if page = min(page, last); circle {
		a.faults["paging"] = true
		s.counted["paging"]++
	}
	begin, end := (page-1)*simPage, min(page*simPage, len(a.orders))
	more, following := circle || page < last, page+1
	if circle {
		following = 1 + a.random.IntN(last)
	} else if page > 1 && begin+1 < end && a.random.IntN(3) == 0 {
		begin-- // rows have moved
		s.counted["shift"]++
	}
	var items []string
	for _, o := range a.orders[begin:end] {
		if a.provider == "items" {
			items = append(items, fmt.Sprintf(`{"no":%q}`, o.id))
			continue
		}
		items = append(items, a.tell(o, s.faulty))
		if a.random.IntN(6) == 0 && !a.bad[o.id] {
			items = append(items, items[len(items)-1])
		}
	}
	if again {
		items = a.last
	} else if page == last {
		a.last = items
	}
	next := "null"
	if more {
		next = fmt.Sprintf(`"c%d"`, following)
	}
	link := fmt.Sprintf("http://orders.internal:8080/items/%s/orders?p=%d", a.name, following)
	if !more {
		link = ""
	}
	s.write(w, a.random, fmt.Sprintf(`{"at":%d,"orders":[%s],"more":%t,"next":%s,"@odata.nextLink":%q}`, time.Now().UnixNano(), strings.Join(items, ","), more, next, link))
}

// serveItem tells one order.
func (s *simulation) serveItem(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.accounts[r.PathValue("provider")+"/"+r.PathValue("account")]
	if a == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	at := slices.IndexFunc(a.orders, func(o *simOrder) bool { return o.id == r.PathValue("id") })
	if at < 0 {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if o := a.orders[at]; a.bad[o.id] && a.random.IntN(2) == 0 {
		s.counted["item"]++
		switch a.random.IntN(3) {
		case 0:
			w.WriteHeader(http.StatusInternalServerError)
		case 1:
			w.WriteHeader(http.StatusGone)
		default:
			_, _ = io.WriteString(w, "<html>")
		}
		return
	}
	s.write(w, a.random, a.tell(a.orders[at], s.faulty))
}

// tell spells an order in one of many ways, none of which changes its meaning, unless it is
// one that cannot be read.
func (a *simAccount) tell(o *simOrder, odd bool) string {
	r := a.random
	date, number := func(d string) string { return spellDate(r, d, odd) }, func(n int64) string { return spellNumber(r, n, odd) }
	broken := -1
	if a.bad[o.id] {
		broken = r.IntN(len(o.lines))
	}
	var lines []string
	for i, l := range o.lines {
		qty, due := number(l.ordered), date(l.due)
		if i == broken && r.IntN(2) == 0 {
			qty = pick(r, `"several"`, `"4.5"`, `-4`, `"1,20"`, `true`, `1e99`)
		} else if i == broken {
			due = pick(r, `"31.02.2026"`, `"2026-02-30"`, `"soon"`, `{}`, `"01/02/2026"`, `"2026-01-32T00:00:00Z"`)
		}
		pos := pick(r, l.id, strconv.Quote(l.id))
		if l.id == "" {
			pos = "null"
		}
		line := fmt.Sprintf(`{"pos":%s,"sku":%q,"text":%s,"qty":%s,"sent":%s,"due":%s}`, pos, l.article, pick(r, strconv.Quote(l.text), `"R\u00e4der \u00bd"`, strconv.Quote("  "+l.text)), qty, number(l.shipped), due)
		lines = append(lines, line)
	}
	if odd && broken < 0 && r.IntN(4) == 0 {
		lines = append(lines, lines...) // told twice
	}
	return fmt.Sprintf(`{"no":%q,"po":%q,"state":%q,"placed":%s,"lines":[%s]}`, o.id, o.reference, o.stated, date(o.placed), strings.Join(lines, ","))
}

func spellDate(r *rand.Rand, day string, odd bool) string {
	if !odd {
		if day == "" {
			return "null"
		}
		return strconv.Quote(day)
	}
	if day == "" {
		return pick(r, `null`, `""`, `"  "`, `"0000-00-00"`, `"0001-01-01"`, `"1900-01-01T00:00:00"`, `"9999-12-31"`, `"TBD"`, `"31.12.2099"`, `"00.00.0000"`, `"0000-00-00T00:00:00Z"`, `"00000000"`, `"/Date(-62135596800000)/"`)
	}
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		panic(err)
	}
	layout := pick(r, "2006-01-02", "2006-01-02", "20060102", "02.01.2006", "2.1.2006", "2006/1/2", "02-Jan-2006", "Jan 2, 2006", "Mon, 02 Jan 2006", "", "n", "ms")
	written := t.Format(layout)
	switch layout {
	case "":
		written = fmt.Sprintf("/Date(%d)/", t.UnixMilli())
	case "n":
		return strconv.FormatInt(t.Unix(), 10)
	case "ms":
		return strconv.FormatInt(t.UnixMilli(), 10)
	case "2006-01-02":
		written += pick(r, "", "T24:00:00", "T10:00:00.000+0000", "T23:59:59-05:00", " 10:00:00", "Z", "+01:00")
	case "20060102":
	default:
		written += pick(r, "", " 10:00", " 23:59:59 GMT")
	}
	return strconv.Quote(written)
}

func spellNumber(r *rand.Rand, n int64, odd bool) string {
	if !odd {
		return strconv.FormatInt(n, 10)
	}
	format := pick(r, `%d`, `"%d"`, `%d.0`, `%d.0e0`, `"%d.00"`, `" %d "`, `"+%d"`, `"%d+"`, ",", "'")
	if len(format) > 1 {
		return fmt.Sprintf(format, n)
	}
	if n < 1000 {
		return strconv.FormatInt(n, 10)
	}
	return fmt.Sprintf(`"%d%s%03d"`, n/1000, format, n%1000)
}

// write sends a document in any charset and compression, with headers that may lie.
func (s *simulation) write(w http.ResponseWriter, r *rand.Rand, text string) {
	if !s.faulty {
		_, _ = io.WriteString(w, text)
		return
	}
	body, contentType := text, "application/json"
	latin := !strings.ContainsFunc(text, func(c rune) bool { return c > 0xff || c >= 0x80 && c < 0xa0 })
	switch n := r.IntN(7); {
	case n == 0:
		body = "\ufeff" + body
	case n == 1 && latin:
		body, contentType = encodedAs(charmap.ISO8859_1, text), "application/json;charset=ISO-8859-1"
	case n == 2 && latin:
		body, contentType = encodedAs(charmap.Windows1252, text), `text/json; charset="windows-1252"`
	case n == 3:
		body = encodedAs(unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), text)
	case n == 4:
		body, contentType = encodedAs(unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), text), "application/json; charset=utf-16"
	case n == 5:
		contentType = "application/json; charset=UTF8"
	}
	name := pick(r, "", "", "gzip", "deflate", "raw", "br", "zstd")
	body = squeezed(name, body)
	if name == "raw" {
		name = "deflate"
	}
	switch { // headers that lie
	case name == "" && utf8.ValidString(body):
		name = pick(r, "", "", "gzip", "br", "deflate", "UTF-8")
	case name == "gzip" || name == "zstd":
		name = pick(r, name, name, "", "br")
	}
	if name != "" {
		w.Header().Set("Content-Encoding", name)
	}
	w.Header().Set("Content-Type", contentType)
	s.counted["encoded "+name]++
	_, _ = io.WriteString(w, body)
}

func encodedAs(e encoding.Encoding, text string) string {
	body, err := e.NewEncoder().String(text)
	if err != nil {
		panic(err)
	}
	return body
}

func squeezed(name, text string) string {
	var b bytes.Buffer
	var w io.WriteCloser
	switch name {
	case "gzip":
		w = gzip.NewWriter(&b)
	case "deflate":
		w = zlib.NewWriter(&b)
	case "raw":
		w, _ = flate.NewWriter(&b, flate.BestSpeed)
	case "br":
		w = brotli.NewWriter(&b)
	case "zstd":
		w, _ = zstd.NewWriter(&b)
	default:
		return text
	}
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return b.String()
}

// serveMichelin passes calls on to the sandbox, and what it answers back, oddly.
func (s *simulation) serveMichelin(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	req, err := http.NewRequestWithContext(r.Context(), r.Method, s.outside.url+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		panic(err)
	}
	req.Header = r.Header.Clone()
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer resp.Body.Close()
	body, _ = io.ReadAll(resp.Body)
	if resp.Header.Get("Content-Encoding") == "gzip" {
		if z, err := gzip.NewReader(bytes.NewReader(body)); err == nil {
			body, _ = io.ReadAll(z)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if orders := strings.Contains(r.URL.Path, "/order/"); orders && resp.StatusCode == http.StatusOK {
		if !s.faulty || s.random.IntN(8) > 0 || !s.refuse(w, s.random, func(string) {}, false) {
			s.write(w, s.random, string(body))
		}
		return
	}
	w.Header().Set("Content-Type", resp.Header.Get("Content-Type"))
	w.WriteHeader(resp.StatusCode)
	_, _ = w.Write(body)
}

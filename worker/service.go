package worker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
	"golang.org/x/sync/semaphore"

	"orderbeat/auth"
	"orderbeat/auth/mask"
	"orderbeat/clients"
	"orderbeat/db"
	"orderbeat/worker/scheduler"
)

const (
	// defaultPatience is a caller's deadline when it names none.
	defaultPatience = 30 * time.Second
	maxPatience     = 10 * time.Minute
)

// headerTimeout names a caller's deadline, such as "5s".
const headerTimeout = "Orderbeat-Timeout"

// service answers questions over NATS request/reply, as the micro service
// "orderbeat". The library calls an endpoint's handler for one request at a time,
// so each request gets a goroutine, as many as the endpoint allows; one more is
// told at once that it is too many.
type service struct {
	db          *db.DB
	planner     *planner
	finished    *finished
	providers   map[string]Provider
	order       []string // of the providers, as configured
	schedules   []Schedule
	credentials *credentials
	tokens      *auth.Sealed
	inHand      *inHand
	clock       *scheduler.Scheduler
	public      string // URL of the web listener, "" without one
	again       *words
	names       subjects
	keep        db.Retention
	responses   *clients.Memory // for what providers answer
	conn        *nats.Conn
	maxReply    func() int64
	memory      *semaphore.Weighted // for replies that may be large
	mask        *mask.Set
	log         *slog.Logger

	micro    micro.Service
	working  sync.WaitGroup            // one for each request in hand
	stopping chan struct{}             // closed when the program stops
	stats    map[string]*endpointStats // by name; nothing is added once the service is there, which reads it at any time
}

func newService(c Config, b *bus, p *planner, f *finished, h *inHand, creds *credentials, clock *scheduler.Scheduler, public string, again *words) *service {
	s := &service{
		db: c.DB, planner: p, finished: f, inHand: h, clock: clock, public: public, again: again, providers: byName(c.Providers), schedules: c.Schedules,
		credentials: creds, tokens: c.Tokens, responses: c.Memory, keep: c.Retention, names: subjects{c.NATS.Prefix}, conn: b.conn, maxReply: b.maxBody,
		memory: newReplyMemory(), mask: c.Mask, log: c.Log, stopping: make(chan struct{}), stats: map[string]*endpointStats{},
	}
	for _, provider := range c.Providers {
		s.order = append(s.order, provider.Name)
	}
	for _, e := range s.endpoints() {
		s.stats[e.microName()] = &endpointStats{}
	}
	return s
}

// endpoint is one question of the public contract.
type endpoint struct {
	name   string
	atOnce int
	about  string
	answer func(ctx context.Context, r *request) (any, error)
}

// microName is the endpoint's name in the micro service, which may have no dots.
func (e endpoint) microName() string { return strings.ReplaceAll(e.name, ".", "-") }

func (s *service) endpoints() []endpoint {
	return []endpoint{
		{"orders.get", 256, "one order, stored or asked for live", s.getOrder},
		{"orders.list", 64, "stored orders", s.listOrders},
		{"orders.history", 64, "the events of one order", s.orderHistory},
		{"runs.start", 256, "start a run, and wait for it if asked to", s.startRun},
		{"runs.get", 64, "one run", s.getRun},
		{"runs.list", 64, "the latest runs", s.listRuns},
		{"runs.cancel", 16, "end a run, with its jobs that have not ended", s.cancelRun},
		{"runs.pause", 16, "keep back what is left of a run of low priority, with a note that says why", s.pauseRun},
		{"runs.resume", 16, "let a paused run go on", s.resumeRun},
		{"jobs.get", 64, "one job", s.getJob},
		{"jobs.list", 64, "the latest jobs", s.listJobs},
		{"jobs.retry", 16, "retry a job, or those of a run, a provider, a state or a time", s.retryJobs},
		{"jobs.cancel", 16, "end a job", s.cancelJob},
		{"schedules.list", 16, "schedules, when they are due next and what became of the last time", s.listSchedules},
		{"schedules.pause", 16, "have a schedule start nothing, with a note that says why", s.pauseSchedule},
		{"schedules.resume", 16, "end a schedule's pause", s.resumeSchedule},
		{"schedules.trigger", 16, "start a schedule's run now", s.triggerSchedule},
		{"events.replay", 2, "tell events of the history again, asking no provider", s.replayEvents},
		{"exchanges.remap", 2, "map kept answers again, asking no provider", s.remapExchanges},
		{"providers.list", 64, "providers, their tokens and how fresh their accounts are", s.listProviders},
		{"auth.status", 64, "the state of every credential", s.authStatus},
		{"auth.introspect", 4, "what a provider says of the token in hand", s.authIntrospect},
		{"auth.authorize", 4, "a link, good once, through which a user grants access, also one who has", s.authAuthorize},
		{"auth.logout", 4, "drop a credential's tokens, and revoke them where that can be done", s.authLogout},
		{"auth.unlatch", 4, "let refused credentials be tried again", s.authUnlatch},
		{"auth.rekey", 1, "seal all tokens with a new key", s.authRekey},
		{"db.prune", 1, "remove what is over for longer than it is kept", s.pruneDatabase},
	}
}

// open begins to answer. work is the context of the answers.
func (s *service) open(work context.Context, names subjects, version string) (err error) {
	s.micro, err = micro.AddService(s.conn, micro.Config{
		Name: "orderbeat", Version: semver(version), Description: "where is order X?",
		StatsHandler: func(e *micro.Endpoint) any { return s.stats[e.Name].snapshot() },
	})
	if err != nil {
		return fmt.Errorf("request/reply service: %w", err)
	}
	api := s.micro.AddGroup(names.of("api"))
	for _, e := range s.endpoints() {
		stats, free := s.stats[e.microName()], make(chan struct{}, e.atOnce)
		handler := micro.HandlerFunc(func(r micro.Request) {
			select {
			case free <- struct{}{}:
			default:
				stats.count(0, true)
				s.refuse(r, busy(e.atOnce))
				return
			}
			s.working.Go(func() { s.handle(work, e, r, stats, func() { <-free }) })
		})
		if err := api.AddEndpoint(e.microName(), handler, micro.WithEndpointSubject(e.name),
			micro.WithEndpointMetadata(map[string]string{"about": e.about})); err != nil {
			return fmt.Errorf("endpoint %s: %w", e.name, err)
		}
	}
	s.announce(work)
	return nil
}

// announce waits until the server knows the endpoints, if it is there: who reads in the
// log that the worker runs may ask at once.
func (s *service) announce(ctx context.Context) {
	if !s.conn.IsConnected() {
		return // it is told when it comes
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if err := s.conn.FlushWithContext(ctx); err != nil {
		s.log.Warn("the request/reply service is not known to the server yet", "err", err)
	}
}

// run answers until ctx ends, and then finishes the requests in hand.
func (s *service) run(ctx context.Context) error {
	<-ctx.Done()
	close(s.stopping)
	err := s.micro.Stop()
	s.working.Wait()
	return err
}

// request is one question.
type request struct {
	micro.Request
	reserved func() // gives back what the reply reserved of [service.memory], nil for nothing
}

// free gives back what the request reserved.
func (r *request) free() {
	if r.reserved != nil {
		r.reserved()
		r.reserved = nil
	}
}

// decode reads the body strictly into v; an empty body is an empty object.
func (r *request) decode(v any) error {
	if len(r.Data()) == 0 {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(r.Data()))
	dec.DisallowUnknownFields()
	err := dec.Decode(v)
	if err == nil && dec.More() {
		err = errors.New("it goes on after its JSON object")
	}
	if err != nil {
		return invalid(fmt.Sprintf("the request is not understood: %.200s", strings.TrimPrefix(err.Error(), "json: ")), "send one JSON object with the documented members")
	}
	return nil
}

// handle answers a request, and makes room for another before the reply goes out: who
// asks one after the other must not find their own last request in the way.
func (s *service) handle(ctx context.Context, e endpoint, asked micro.Request, stats *endpointStats, room func()) {
	began := time.Now()
	r := &request{Request: asked}
	defer r.free()
	reply, err := s.answer(ctx, e, r)
	room()
	if err == nil {
		err = s.respond(r, reply)
	}
	if err != nil {
		s.refuse(r, asAPIError(err))
	}
	stats.count(time.Since(began), err != nil)
}

// respond sends a reply that fits into one message.
func (s *service) respond(r micro.Request, reply any) error {
	body, err := json.Marshal(reply)
	if err != nil {
		return err
	}
	if int64(len(body)) > s.maxReply() {
		return &apiError{
			status: 500, Code: clients.CodeInternal, Message: fmt.Sprintf("the reply has %d bytes, which is more than NATS takes", len(body)),
			Hint: "raise nats.max_payload, or read it with `orderbeat order`",
		}
	}
	return s.reply(r, nil, body)
}

// refuse sends an error reply.
func (s *service) refuse(r micro.Request, e *apiError) {
	masked := *e
	masked.Message, masked.Hint = s.mask.Text(e.Message), s.mask.Text(e.Hint)
	body, err := json.Marshal(map[string]*apiError{"error": &masked})
	if err != nil {
		body = nil
	}
	header := nats.Header{micro.ErrorCodeHeader: {strconv.Itoa(e.status)}, micro.ErrorHeader: {oneLine(masked.Message)}}
	_ = s.reply(r, header, body) // the caller is gone, or the connection; it will ask again
}

// reply answers a request without the library's own Respond and Error: these write
// into the request what the library reads when the handler returned, which here is
// before the answer.
func (s *service) reply(r micro.Request, header nats.Header, body []byte) error {
	if r.Reply() == "" {
		return nil // nobody listens
	}
	return s.conn.PublishMsg(&nats.Msg{Subject: r.Reply(), Header: header, Data: body})
}

func (s *service) answer(ctx context.Context, e endpoint, r *request) (reply any, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("a request made the program panic", "endpoint", e.name, "panic", p)
			err = fmt.Errorf("panic in %s", e.name)
		}
	}()
	patience, err := patienceOf(nats.Header(r.Headers()))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return e.answer(ctx, r)
}

// patienceOf reads how long the caller will wait.
func patienceOf(h nats.Header) (time.Duration, error) {
	text := h.Get(headerTimeout)
	if text == "" {
		return defaultPatience, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, invalid(fmt.Sprintf("%s %.40q is not a length of time", headerTimeout, text), `write it like "5s"`)
	}
	return min(d, maxPatience), nil
}

// semver is version where the micro protocol takes it, else a placeholder it takes.
func semver(version string) string {
	v := strings.TrimPrefix(version, "v")
	parts := strings.SplitN(v, ".", 3)
	if len(parts) != 3 {
		return "0.0.0"
	}
	for _, p := range parts[:2] {
		if _, err := strconv.Atoi(p); err != nil {
			return "0.0.0"
		}
	}
	return v
}

// endpointStats counts what an endpoint did. The library's own figures end when
// its handler returns, which is before the work begins.
type endpointStats struct {
	mu       sync.Mutex // guards the rest
	requests int
	errors   int
	spent    time.Duration
}

func (s *endpointStats) count(d time.Duration, failed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	s.spent += d
	if failed {
		s.errors++
	}
}

// snapshot is what `nats micro stats` shows as the endpoint's data.
func (s *endpointStats) snapshot() any {
	s.mu.Lock()
	defer s.mu.Unlock()
	average := time.Duration(0)
	if s.requests > 0 {
		average = s.spent / time.Duration(s.requests)
	}
	return map[string]any{"answered": s.requests, "errors": s.errors, "average": average.String()}
}

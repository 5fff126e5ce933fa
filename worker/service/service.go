package service

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
	"orderbeat/auth/seal"
	"orderbeat/clients"
	"orderbeat/db"
	"orderbeat/jobs"
	"orderbeat/worker/api"
	"orderbeat/worker/bus"
	"orderbeat/worker/settings"
)

const (
	// defaultPatience is a caller's deadline when it names none.
	defaultPatience = 30 * time.Second
	maxPatience     = 10 * time.Minute
)

// headerTimeout names a caller's deadline, such as "5s".
const headerTimeout = "Orderbeat-Timeout"

// Config is what a service is made of.
type Config struct {
	DB        *db.DB
	Conn      *bus.Conn
	Subjects  bus.Subjects
	Providers []settings.Provider // in the order of the configuration
	Schedules []settings.Schedule
	// Start plans a request and stores the run with its jobs; one that cannot be planned is
	// stored as a failed run.
	Start func(context.Context, jobs.Request) (jobs.Run, error)
	// StartIf is as Start, but stores nothing when the request cannot be planned, or when accept,
	// which is called with the planned run, returns an error.
	StartIf func(ctx context.Context, r jobs.Request, accept func(jobs.Run, []jobs.Job) error) (jobs.Run, error)
	// Live plans a request for one job and performs it before ctx ends.
	Live func(context.Context, jobs.Request) error
	// Cancel stops those of the jobs that are in flight.
	Cancel  func(jobIDs []string)
	Waiters *RunWaiters
	// NextDue is when a schedule with this watermark is due next, false if never.
	NextDue func(settings.Schedule, db.Watermark) (time.Time, bool)
	// Sources are the sources of tokens of a provider, or of one of its users.
	Sources func(provider, user string) []*auth.Source
	Tokens  *seal.Store
	// ConsentLink makes a link, good once, through which a user grants access; nil without a
	// web listener.
	ConsentLink func(provider, user string) (link string, until time.Time)
	// Prune removes from the database what is older than its retention.
	Prune     func(context.Context, db.Retention) (db.Pruned, error)
	Retention db.Retention
	Version   string
	Mask      *mask.Set // the secrets that no reply may have
	Log       *slog.Logger
}

// Service answers requests over NATS request/reply, as the micro service "orderbeat". Each
// request gets a goroutine, as many as the endpoint allows; one more is refused at once.
type Service struct {
	Config
	providers map[string]settings.Provider
	conn      *nats.Conn
	maxReply  func() int64
	memory    *semaphore.Weighted // for replies that may be large

	micro    *microService
	working  sync.WaitGroup // one for each request in hand
	stopping chan struct{}  // closed when the program stops
}

// New makes a service, which receives nothing before [Service.Open].
func New(c Config) *Service {
	return &Service{
		Config: c, providers: settings.ByName(c.Providers), conn: c.Conn.NATS, maxReply: c.Conn.MaxBody,
		memory: semaphore.NewWeighted(replyMemory), stopping: make(chan struct{}),
	}
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

func (s *Service) endpoints() []endpoint {
	return []endpoint{
		{"orders.get", 256, "one order, stored or asked for live", with(s.getOrder)},
		{"orders.list", 64, "stored orders", with(s.listOrders)},
		{"orders.history", 64, "the events of one order", with(s.orderHistory)},
		{"runs.start", 256, "start a run, and wait for it if asked to", with(s.startRun)},
		{"runs.get", 64, "one run", with(s.getRun)},
		{"runs.list", 64, "the latest runs", with(s.listRuns)},
		{"runs.cancel", 16, "end a run, with its jobs that have not ended", with(s.cancelRun)},
		{"runs.pause", 16, "keep back what is left of a run of low priority, with a note that says why", with(s.pauseRun)},
		{"runs.resume", 16, "let a paused run go on", with(s.resumeRun)},
		{"jobs.get", 64, "one job", with(s.getJob)},
		{"jobs.list", 64, "the latest jobs", with(s.listJobs)},
		{"jobs.retry", 16, "retry a job, or those of a run, a provider, a state or a time", with(s.retryJobs)},
		{"jobs.cancel", 16, "end a job", with(s.cancelJob)},
		{"schedules.list", 16, "schedules, when they are due next and what became of the last time", with(s.listSchedules)},
		{"schedules.pause", 16, "have a schedule start nothing, with a note that says why", with(s.pauseSchedule)},
		{"schedules.resume", 16, "end a schedule's pause", with(s.resumeSchedule)},
		{"schedules.trigger", 16, "start a schedule's run now", with(s.triggerSchedule)},
		{"events.replay", 2, "tell events of the history again, asking no provider", with(s.replayEvents)},
		{"exchanges.remap", 2, "map kept answers again, asking no provider", with(s.remapExchanges)},
		{"providers.list", 64, "providers, their tokens and how fresh their accounts are", with(s.listProviders)},
		{"auth.status", 64, "the state of every credential", with(s.authStatus)},
		{"auth.introspect", 4, "what a provider says of the token in hand", with(s.authIntrospect)},
		{"auth.authorize", 4, "a link, good once, through which a user grants access, also one who has", with(s.authAuthorize)},
		{"auth.logout", 4, "drop a credential's tokens, and revoke them where that can be done", with(s.authLogout)},
		{"auth.unlatch", 4, "let refused credentials be tried again", with(s.authUnlatch)},
		{"auth.rekey", 1, "seal all tokens with a new key", with(s.authRekey)},
		{"db.prune", 1, "remove what is over for longer than it is kept", with(s.pruneDatabase)},
	}
}

// with reads a request's body for a handler.
func with[Q any](answer func(ctx context.Context, r *request, q Q) (any, error)) func(context.Context, *request) (any, error) {
	return func(ctx context.Context, r *request) (any, error) {
		var q Q
		if err := r.decode(&q); err != nil {
			return nil, err
		}
		return answer(ctx, r, q)
	}
}

// Open subscribes to the endpoints. work is the context of the requests.
func (s *Service) Open(work context.Context) (err error) {
	s.micro = newMicroService(s.conn, s.Version, "where is order X?")
	for _, e := range s.endpoints() {
		free := make(chan struct{}, e.atOnce)
		err = s.micro.add(e.microName(), s.Subjects.Of("api."+e.name), e.about, func(msg *nats.Msg, count counter) {
			select {
			case free <- struct{}{}:
			default:
				err := busy(e.atOnce)
				count(0, err.Message)
				s.refuse(msg, err)
				return
			}
			s.working.Go(func() { s.handle(work, e, msg, count, func() { <-free }) })
		})
		if err != nil {
			return fmt.Errorf("endpoint %s: %w", e.name, err)
		}
	}
	if err = s.micro.discoverable(); err != nil {
		return fmt.Errorf("request/reply service: %w", err)
	}
	s.announce(work)
	return nil
}

// announce waits until the server knows the endpoints, if it is there: who reads in the
// log that the worker runs may ask at once.
func (s *Service) announce(ctx context.Context) {
	if !s.conn.IsConnected() {
		return // it is told when it comes
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if err := s.conn.FlushWithContext(ctx); err != nil {
		s.Log.Warn("request/reply service not registered yet", "err", err)
	}
}

// Run answers until ctx ends, and then finishes the requests in hand.
func (s *Service) Run(ctx context.Context) error {
	<-ctx.Done()
	close(s.stopping)
	err := s.micro.stop()
	s.working.Wait()
	return err
}

// request is one question.
type request struct {
	*nats.Msg
	reserved func() // gives back what the reply reserved of [Service.memory], nil for nothing
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
	if len(r.Data) == 0 {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(r.Data))
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

// handle answers a request. It makes room for another and counts this one before the reply goes
// out: who asks one after the other must not find their own last request in the way, nor miss it
// in the statistics.
func (s *Service) handle(ctx context.Context, e endpoint, msg *nats.Msg, count counter, room func()) {
	began := time.Now()
	r := &request{Msg: msg}
	defer r.free()
	reply, err := s.answer(ctx, e, r)
	var body []byte
	if err == nil {
		body, err = s.encode(reply)
	}
	room()
	if err != nil {
		failed := asAPIError(err)
		count(time.Since(began), s.Mask.Text(failed.Message))
		s.refuse(msg, failed)
		return
	}
	count(time.Since(began), "")
	_ = s.reply(msg, nil, body) // as for refuse
}

// encode makes a reply that fits into one message.
func (s *Service) encode(reply any) ([]byte, error) {
	body, err := json.Marshal(reply)
	if err != nil {
		return nil, err
	}
	if int64(len(body)) > s.maxReply() {
		return nil, &api.Error{
			Status: 500, Code: clients.CodeInternal, Message: fmt.Sprintf("the reply has %d bytes, which is more than NATS takes", len(body)),
			Hint: "raise nats.max_payload, or read it with `orderbeat order`",
		}
	}
	return body, nil
}

// refuse sends an error reply.
func (s *Service) refuse(msg *nats.Msg, e *api.Error) {
	masked := *e
	masked.Message, masked.Hint = s.Mask.Text(e.Message), s.Mask.Text(e.Hint)
	body, err := json.Marshal(map[string]*api.Error{"error": &masked})
	if err != nil {
		body = nil
	}
	header := nats.Header{micro.ErrorCodeHeader: {strconv.Itoa(e.Status)}, micro.ErrorHeader: {bus.OneLine(masked.Message)}}
	_ = s.reply(msg, header, body) // the caller is gone, or the connection; it will ask again
}

func (s *Service) reply(msg *nats.Msg, header nats.Header, body []byte) error {
	if msg.Reply == "" {
		return nil // nobody listens
	}
	return s.conn.PublishMsg(&nats.Msg{Subject: msg.Reply, Header: header, Data: body})
}

func (s *Service) answer(ctx context.Context, e endpoint, r *request) (reply any, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.Log.Error("panic in a request", "endpoint", e.name, "panic", p)
			err = fmt.Errorf("panic in %s", e.name)
		}
	}()
	patience, err := patienceOf(r.Header)
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

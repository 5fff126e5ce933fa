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
	// defaultTimeout is a caller's deadline without the header.
	defaultTimeout = 30 * time.Second
	maxTimeout     = 10 * time.Minute
)

// headerTimeout is the header of a caller's deadline, such as "5s".
const headerTimeout = "Orderbeat-Timeout"

// Config has a service's dependencies.
type Config struct {
	DB        *db.DB
	Conn      *bus.Conn
	Subjects  bus.Subjects
	Providers []settings.Provider // in the order of the configuration
	Schedules []settings.Schedule
	// Start plans a request and stores the run with its jobs; an invalid request is stored as a
	// failed run.
	Start func(context.Context, jobs.Request) (jobs.Run, error)
	// StartIf is like Start, but stores nothing if the request cannot be planned or if accept,
	// which is called with the planned run, returns an error.
	StartIf func(ctx context.Context, r jobs.Request, accept func(jobs.Run, []jobs.Job) error) (jobs.Run, error)
	// Live plans a request for one job and performs it before ctx ends.
	Live func(context.Context, jobs.Request) error
	// Cancel cancels those of the jobs that are in flight.
	Cancel  func(jobIDs []string)
	Waiters *RunWaiters
	// NextDue is the next due time of a schedule with this watermark, false if there is none.
	NextDue func(settings.Schedule, db.Watermark) (time.Time, bool)
	// Sources are the sources of tokens of a provider, or of one of its users.
	Sources func(provider, user string) []*auth.Source
	Tokens  *seal.Store
	// ConsentLink creates a single-use link through which a user grants access; nil without a web
	// listener.
	ConsentLink func(provider, user string) (link string, until time.Time)
	// Prune deletes what is older than its retention from the database.
	Prune     func(context.Context, db.Retention) (db.Pruned, error)
	Retention db.Retention
	Version   string
	Mask      *mask.Set // secrets that are masked in replies
	Log       *slog.Logger
}

// Service responds to requests over NATS request/reply, as the micro service "orderbeat". Each
// request has a goroutine, up to the endpoint's limit; one more is rejected at once.
type Service struct {
	Config
	providers map[string]settings.Provider
	conn      *nats.Conn
	maxReply  func() int64
	memory    *semaphore.Weighted // for replies that may be large

	micro    *microService
	working  sync.WaitGroup // the requests in flight
	stopping chan struct{}  // closed at shutdown
}

// New returns a service, which receives nothing before [Service.Open].
func New(c Config) *Service {
	return &Service{
		Config: c, providers: settings.ByName(c.Providers), conn: c.Conn.NATS, maxReply: c.Conn.MaxBody,
		memory: semaphore.NewWeighted(replyMemory), stopping: make(chan struct{}),
	}
}

// endpoint is one endpoint of the public contract.
type endpoint struct {
	name   string
	atOnce int
	about  string
	handle func(ctx context.Context, r *request) (any, error)
}

// microName is the endpoint's name in the micro service, which may not have dots.
func (e endpoint) microName() string { return strings.ReplaceAll(e.name, ".", "-") }

func (s *Service) endpoints() []endpoint {
	return []endpoint{
		{"orders.get", 256, "get an order, stored or live", with(s.getOrder)},
		{"orders.list", 64, "list stored orders", with(s.listOrders)},
		{"orders.history", 64, "list the events of an order", with(s.orderHistory)},
		{"runs.start", 256, "start a run, optionally wait until it ends", with(s.startRun)},
		{"runs.get", 64, "get a run", with(s.getRun)},
		{"runs.list", 64, "list the latest runs", with(s.listRuns)},
		{"runs.cancel", 16, "cancel a run and its unfinished jobs", with(s.cancelRun)},
		{"runs.pause", 16, "pause a low-priority run, with an optional note", with(s.pauseRun)},
		{"runs.resume", 16, "resume a paused run", with(s.resumeRun)},
		{"jobs.get", 64, "get a job", with(s.getJob)},
		{"jobs.list", 64, "list the latest jobs", with(s.listJobs)},
		{"jobs.retry", 16, "retry a job, or the jobs of a run, a provider, a state or since a time", with(s.retryJobs)},
		{"jobs.cancel", 16, "cancel a job", with(s.cancelJob)},
		{"schedules.list", 16, "list schedules with their next due time and last tick", with(s.listSchedules)},
		{"schedules.pause", 16, "pause a schedule, with an optional note", with(s.pauseSchedule)},
		{"schedules.resume", 16, "resume a schedule", with(s.resumeSchedule)},
		{"schedules.trigger", 16, "start a schedule's run now", with(s.triggerSchedule)},
		{"events.replay", 2, "republish events of the history, without provider calls", with(s.replayEvents)},
		{"exchanges.remap", 2, "re-run the mapping over recorded responses, without provider calls", with(s.remapExchanges)},
		{"providers.list", 64, "list providers with limits, credentials and account freshness", with(s.listProviders)},
		{"auth.status", 64, "list the states of credentials", with(s.authStatus)},
		{"auth.introspect", 4, "introspect the current token at the provider", with(s.authIntrospect)},
		{"auth.authorize", 4, "create a single-use link through which a user grants access", with(s.authAuthorize)},
		{"auth.logout", 4, "delete a credential's tokens, and revoke them if possible", with(s.authLogout)},
		{"auth.unlatch", 4, "let rejected credentials be tried again", with(s.authUnlatch)},
		{"auth.rekey", 1, "reseal all tokens with a new key", with(s.authRekey)},
		{"db.prune", 1, "delete what is older than its retention", with(s.pruneDatabase)},
	}
}

// with decodes a request's body for a handler.
func with[Q any](handle func(ctx context.Context, r *request, q Q) (any, error)) func(context.Context, *request) (any, error) {
	return func(ctx context.Context, r *request) (any, error) {
		var q Q
		if err := r.decode(&q); err != nil {
			return nil, err
		}
		return handle(ctx, r, q)
	}
}

// Open subscribes to the endpoints. work is the context of the requests.
func (s *Service) Open(work context.Context) (err error) {
	s.micro = newMicroService(s.conn, s.Version, "order status of suppliers")
	for _, e := range s.endpoints() {
		free := make(chan struct{}, e.atOnce)
		err = s.micro.add(e.microName(), s.Subjects.Of("api."+e.name), e.about, func(msg *nats.Msg, count counter) {
			select {
			case free <- struct{}{}:
			default:
				err := busy(e.atOnce)
				count(0, err.Message)
				s.sendError(msg, err)
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

// announce waits until the server has registered the endpoints, if it is connected: clients may
// call as soon as the log says that the worker is running.
func (s *Service) announce(ctx context.Context) {
	if !s.conn.IsConnected() {
		return // registered when it connects
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if err := s.conn.FlushWithContext(ctx); err != nil {
		s.Log.Warn("request/reply service not registered yet", "err", err)
	}
}

// Run waits until ctx ends, and then finishes the requests in flight.
func (s *Service) Run(ctx context.Context) error {
	<-ctx.Done()
	close(s.stopping)
	err := s.micro.stop()
	s.working.Wait()
	return err
}

// request is one request.
type request struct {
	*nats.Msg
	reserved func() // releases what the reply reserved of [Service.memory], or nil
}

// free releases what the request reserved.
func (r *request) free() {
	if r.reserved != nil {
		r.reserved()
		r.reserved = nil
	}
}

// decode decodes the body strictly into v; an empty body is an empty object.
func (r *request) decode(v any) error {
	if len(r.Data) == 0 {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(r.Data))
	dec.DisallowUnknownFields()
	err := dec.Decode(v)
	if err == nil && dec.More() {
		err = errors.New("unexpected data after the JSON object")
	}
	if err != nil {
		return invalid(fmt.Sprintf("invalid request: %.200s", strings.TrimPrefix(err.Error(), "json: ")), "Send one JSON object with the documented members.")
	}
	return nil
}

// handle processes a request. It frees the slot and counts the request before the reply is sent:
// a caller that sends requests one after another must not be rejected for its previous one, nor
// miss it in the statistics.
func (s *Service) handle(ctx context.Context, e endpoint, msg *nats.Msg, count counter, done func()) {
	start := time.Now()
	r := &request{Msg: msg}
	defer r.free()
	reply, err := s.call(ctx, e, r)
	var body []byte
	if err == nil {
		body, err = s.encode(reply)
	}
	done()
	if err != nil {
		failed := asAPIError(err)
		count(time.Since(start), s.Mask.Text(failed.Message))
		s.sendError(msg, failed)
		return
	}
	count(time.Since(start), "")
	_ = s.reply(msg, nil, body) // as in sendError
}

// encoded is a reply as JSON.
type encoded []byte

// encode encodes a reply that fits into one message.
func (s *Service) encode(reply any) (body []byte, err error) {
	if text, ok := reply.(encoded); ok {
		body = text
	} else if body, err = json.Marshal(reply); err != nil {
		return nil, err
	}
	if int64(len(body)) > s.maxReply() {
		return nil, &api.Error{
			Status: 500, Code: clients.CodeInternal, Message: fmt.Sprintf("the reply has %d bytes, more than NATS accepts", len(body)),
			Hint: "Raise nats.max_payload, or read the order with \"orderbeat order\".",
		}
	}
	return body, nil
}

// sendError sends an error reply.
func (s *Service) sendError(msg *nats.Msg, e *api.Error) {
	masked := s.masked(e)
	body, err := json.Marshal(map[string]*api.Error{"error": masked})
	if err != nil {
		body = nil
	}
	header := nats.Header{micro.ErrorCodeHeader: {strconv.Itoa(e.Status)}, micro.ErrorHeader: {bus.OneLine(masked.Message)}}
	_ = s.reply(msg, header, body) // on failure the caller or the connection is gone; it will retry
}

func (s *Service) reply(msg *nats.Msg, header nats.Header, body []byte) error {
	if msg.Reply == "" {
		return nil // no reply is expected
	}
	return s.conn.PublishMsg(&nats.Msg{Subject: msg.Reply, Header: header, Data: body})
}

// call calls an endpoint's handler within the caller's deadline.
func (s *Service) call(ctx context.Context, e endpoint, r *request) (reply any, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.Log.Error("panic in a request", "endpoint", e.name, "panic", p)
			err = fmt.Errorf("panic in %s", e.name)
		}
	}()
	timeout, err := timeoutOf(r.Header)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return e.handle(ctx, r)
}

// timeoutOf reads the caller's deadline.
func timeoutOf(h nats.Header) (time.Duration, error) {
	text := h.Get(headerTimeout)
	if text == "" {
		return defaultTimeout, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, invalid(fmt.Sprintf("%s %.40q is not a duration", headerTimeout, text), `Write it like "5s".`)
	}
	return min(d, maxTimeout), nil
}

// semver is version if the micro protocol accepts it, else a placeholder.
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

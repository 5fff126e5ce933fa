package service

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"

	"orderbeat/auth"
	"orderbeat/auth/mask"
	"orderbeat/auth/seal"
	"orderbeat/clients"
	"orderbeat/db"
	"orderbeat/db/retention"
	"orderbeat/db/schedules"
	"orderbeat/docs"
	"orderbeat/jobs"
	"orderbeat/worker/api"
	"orderbeat/worker/bus"
	"orderbeat/worker/metrics"
	"orderbeat/worker/settings"
	"orderbeat/worker/telemetry"
)

const (
	// defaultTimeout is the timeout of requests without the timeout header.
	defaultTimeout = 30 * time.Second
	maxTimeout     = 10 * time.Minute
)

// Config has a service's dependencies.
type Config struct {
	DB       *db.DB
	Conn     *bus.Conn
	Settings *settings.Live
	// Start plans a request and stores the run with its jobs; an invalid request is stored as a
	// failed run.
	Start func(context.Context, jobs.Request) (jobs.Run, error)
	// StartIf is like Start, but stores nothing if the request cannot be planned or if accept,
	// which is called with the planned run, returns an error.
	StartIf func(ctx context.Context, r jobs.Request, accept func(jobs.Run, []jobs.Job) error) (jobs.Run, error)
	// Live plans a request for one job and performs it before ctx ends.
	Live func(context.Context, jobs.Request) error
	// Cancel stops the jobs among jobIDs that are in flight.
	Cancel  func(jobIDs []string)
	Waiters *RunWaiters
	// SchedulePaused and RunPaused tell other processes that an operator paused a schedule or run or,
	// with a nil pause or time, resumed it.
	SchedulePaused func(ctx context.Context, schedule string, p *schedules.Pause)
	RunPaused      func(ctx context.Context, runID string, at *time.Time, note string)
	// Schedule returns the state of a schedule.
	Schedule func(context.Context, settings.Schedule) (api.Schedule, error)
	// Fleet lists the processes that share the NATS prefix, and Process is the id of this one.
	Fleet   func() []api.Process
	Process string
	Host    string
	// Follows reports whether this process is a follower.
	Follows func() bool
	// Sources returns the token sources of a provider, or of one of its users.
	Sources func(provider, user string) []*auth.Source
	Tokens  *seal.Store
	// ConsentLink creates a single-use link with which a user grants access; nil without a web
	// listener.
	ConsentLink func(provider, user string) (link string, until time.Time)
	// Prune deletes data older than its retention from the database.
	Prune     func(context.Context, retention.Periods) (retention.Pruned, error)
	Retention func() retention.Periods
	// Reload reads the configuration again and applies it.
	Reload func(context.Context) (api.Reloaded, error)
	// Loaded returns the state of the configuration.
	Loaded  func() api.Configuration
	Version string
	Place   string    // where the database is, for display
	Mask    *mask.Set // secrets that are masked in replies
	Trace   *telemetry.Tracer
	Log     *slog.Logger
}

// Service responds to requests over NATS request/reply, as the micro service "orderbeat". Each
// request has a goroutine, up to the endpoint's limit; further requests are rejected immediately.
type Service struct {
	Config
	maxReply  func() int64
	memory    *semaphore.Weighted // for replies that may be large
	durations *prometheus.HistogramVec

	micro    *microService
	working  sync.WaitGroup // the requests in flight
	stopping chan struct{}  // closed at shutdown
}

// New returns a service. It receives no requests until [Service.Open] is called.
func New(c Config) *Service {
	return &Service{
		Config: c, maxReply: c.Conn.MaxBody, memory: semaphore.NewWeighted(replyMemory), stopping: make(chan struct{}),
		durations: metrics.NewHistogram("api_request_duration_seconds", "Duration of requests to the API, by endpoint and result.", "endpoint", "result"),
	}
}

// endpoint is one endpoint of the public contract.
type endpoint struct {
	api.Endpoint
	handler
}

// handler handles the requests of one endpoint, at most atOnce concurrently.
type handler struct {
	atOnce  int
	replies repliers
	request reflect.Type // of the decoded body
	handle  func(ctx context.Context, r *request) (any, error)
}

// repliers are the processes that reply to an endpoint.
type repliers int

const (
	leaderOnly    repliers = iota
	withCurrent            // leader and followers that are not far behind
	withFollowers          // leader and all followers
)

// microName returns the endpoint's name in the micro service, where names cannot contain dots.
func (e endpoint) microName() string { return strings.ReplaceAll(e.Name, ".", "-") }

// metadata returns the endpoint's metadata for the reply to $SRV.INFO. The schemas are in docs/schemas/api.json.
func (e endpoint) metadata() map[string]string {
	return map[string]string{
		"about":          e.About,
		"request_schema": docs.APISchema + "#" + e.Name + ".request",
		"reply_schema":   docs.APISchema + "#" + e.Name + ".reply",
		"error_schema":   docs.APISchema + "#error",
	}
}

func (s *Service) endpoints() []endpoint {
	handlers := s.handlers()
	list := make([]endpoint, len(api.Endpoints))
	for i, e := range api.Endpoints {
		list[i] = endpoint{e, handlers[e.Name]}
	}
	return list
}

func (s *Service) handlers() map[string]handler {
	return map[string]handler{
		"orders.get":        follows(with(256, s.getOrder), withCurrent),
		"orders.list":       follows(with(64, s.listOrders), withCurrent),
		"orders.history":    follows(with(64, s.orderHistory), withCurrent),
		"runs.start":        with(256, s.startRun),
		"runs.get":          with(64, s.getRun),
		"runs.list":         with(64, s.listRuns),
		"runs.cancel":       with(16, s.cancelRun),
		"runs.pause":        with(16, s.pauseRun),
		"runs.resume":       with(16, s.resumeRun),
		"jobs.get":          with(64, s.getJob),
		"jobs.list":         with(64, s.listJobs),
		"jobs.retry":        with(16, s.retryJobs),
		"jobs.cancel":       with(16, s.cancelJob),
		"schedules.list":    with(16, s.listSchedules),
		"schedules.pause":   with(16, s.pauseSchedule),
		"schedules.resume":  with(16, s.resumeSchedule),
		"schedules.trigger": with(16, s.triggerSchedule),
		"events.replay":     with(2, s.replayEvents),
		"exchanges.remap":   with(2, s.remapExchanges),
		"providers.list":    with(64, s.listProviders),
		"fleet.list":        follows(with(16, s.listFleet), withFollowers),
		"auth.status":       with(64, s.authStatus),
		"auth.introspect":   with(4, s.authIntrospect),
		"auth.authorize":    with(4, s.authAuthorize),
		"auth.logout":       with(4, s.authLogout),
		"auth.unlatch":      with(4, s.authUnlatch),
		"auth.rekey":        with(1, s.authRekey),
		"db.prune":          with(1, s.pruneDatabase),
		"config.get":        with(16, s.configuration),
		"config.reload":     with(4, s.reloadConfiguration),
	}
}

// with returns a handler that decodes the body of a request and calls handle.
func with[Q any](atOnce int, handle func(ctx context.Context, r *request, q Q) (any, error)) handler {
	return handler{atOnce, leaderOnly, reflect.TypeFor[Q](), func(ctx context.Context, r *request) (any, error) {
		var q Q
		if err := r.decode(&q); err != nil {
			return nil, invalid("invalid request: "+err.Error(), "Send one JSON object with "+membersOf(reflect.TypeFor[Q]())+".")
		}
		return handle(ctx, r, q)
	}}
}

// follows returns the handler with the processes that reply to it, besides the leader.
func follows(h handler, which repliers) handler {
	h.replies = which
	return h
}

// Counters returns the service's metrics.
func (s *Service) Counters() []prometheus.Collector { return []prometheus.Collector{s.durations} }

// Open subscribes to the endpoints. work is the context of the requests.
func (s *Service) Open(work context.Context) (err error) {
	if s.micro, err = s.open(work, s.endpoints(), nil); err != nil {
		return err
	}
	s.announce(work)
	return nil
}

// open subscribes to endpoints as an instance of the micro service. asOf is nil for a leader: see
// [Service.Follow].
func (s *Service) open(work context.Context, list []endpoint, asOf func() (time.Time, bool)) (m *microService, err error) {
	m = newMicroService(s.Conn.NATS, s.Version, s.Process, s.Host, asOf)
	defer func() {
		if err != nil {
			err = errors.Join(err, m.stop())
		}
	}()
	for _, e := range list {
		free := make(chan struct{}, e.atOnce)
		receive := func(msg *nats.Msg, counted counter) {
			count := func(took time.Duration, failed string) {
				counted(took, failed)
				result := "ok"
				if failed != "" {
					result = "error"
				}
				s.durations.WithLabelValues(e.Name, result).Observe(took.Seconds())
			}
			select {
			case free <- struct{}{}:
			default:
				err := busy(e.atOnce)
				count(0, err.Message)
				s.sendError(msg, err)
				return
			}
			s.working.Go(func() { s.handle(work, e, msg, asOf, count, func() { <-free }) })
		}
		if err = m.add(e.microName(), s.Conn.Of("api."+e.Name), e.metadata(), receive); err == nil && asOf == nil && e.replies == withCurrent {
			err = m.listen(s.leaderSubject(e), func(msg *nats.Msg) { receive(msg, func(time.Duration, string) {}) })
		}
		if err != nil {
			return nil, fmt.Errorf("endpoint %s: %w", e.Name, err)
		}
	}
	if err = m.discoverable(); err != nil {
		return nil, fmt.Errorf("request/reply service: %w", err)
	}
	return m, nil
}

// announce waits until the server has registered the endpoints, if it is connected: clients may
// call as soon as the log says that the worker is running.
func (s *Service) announce(ctx context.Context) {
	if !s.Conn.NATS.IsConnected() {
		return // registered when it connects
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if err := s.Conn.NATS.FlushWithContext(ctx); err != nil {
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
	follower bool   // this process is a follower, so the handler may return [errLeader]
	reserved func() // releases the memory that the reply reserved in [Service.memory], or nil
}

// free releases the memory that the request reserved.
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
	if err := dec.Decode(v); err != nil {
		return errors.New(jobs.JSONError(err))
	}
	if dec.More() {
		return errors.New("unexpected data after the JSON object")
	}
	return nil
}

// membersOf returns the member names of a request, for a hint.
func membersOf(t reflect.Type) string {
	names := make([]string, 0, t.NumField())
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		names = append(names, name)
	}
	if len(names) == 0 {
		return "no members, or an empty body"
	}
	return "these members: " + strings.Join(names, ", ")
}

// handle processes a request. It frees the slot and counts the request before the reply is sent:
// a caller that sends requests one after another must not be rejected for its previous one, nor
// miss it in the statistics.
func (s *Service) handle(ctx context.Context, e endpoint, msg *nats.Msg, asOf func() (time.Time, bool), count counter, done func()) {
	start := time.Now()
	r := &request{Msg: msg, follower: asOf != nil}
	defer r.free()
	ctx, span := s.Trace.Call(ctx, e.Name, msg.Header.Get("traceparent"))
	var at time.Time
	if asOf != nil { // read before the data, so that the reply is at least as recent as at
		at, _ = asOf()
	}
	reply, err := s.call(ctx, e, r)
	if errors.Is(err, errLeader) {
		r.free()
		s.forward(ctx, e, msg)
		done()
		span.Replied(0, "", "")
		count(time.Since(start), "")
		return
	}
	var body []byte
	if err == nil {
		body, err = s.encode(reply)
	}
	if err == nil && asOf != nil && e.replies == withCurrent {
		body = withAsOf(body, at)
	}
	done()
	if err != nil {
		failed := asAPIError(err)
		span.Replied(failed.Status, failed.Code, failed.Message)
		if failed.Message == internalError {
			s.Log.ErrorContext(ctx, "request failed", "endpoint", e.Name, "err", err)
		}
		count(time.Since(start), s.Mask.Text(failed.Message))
		s.sendError(msg, failed)
		return
	}
	span.Replied(0, "", "")
	count(time.Since(start), "")
	_ = s.reply(msg, nil, body) // as in sendError
}

// encoded is a reply as JSON.
type encoded []byte

// encode encodes a reply. It returns an error if the reply does not fit into one message.
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
	body, _ := json.Marshal(api.ErrorReply{Error: *masked}) // cannot fail: has only text members
	header := nats.Header{micro.ErrorCodeHeader: {strconv.Itoa(e.Status)}, micro.ErrorHeader: {bus.OneLine(masked.Message)}}
	_ = s.reply(msg, header, body) // on failure the caller or the connection is gone; it will retry
}

func (s *Service) reply(msg *nats.Msg, header nats.Header, body []byte) error {
	if msg.Reply == "" {
		return nil // no reply is expected
	}
	if header == nil {
		header = nats.Header{}
	}
	header.Set(api.HeaderWorker, bus.OneLine(s.Place))
	return s.Conn.NATS.PublishMsg(&nats.Msg{Subject: msg.Reply, Header: header, Data: body})
}

// call calls an endpoint's handler within the caller's deadline.
func (s *Service) call(ctx context.Context, e endpoint, r *request) (reply any, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.Log.ErrorContext(ctx, "panic in a request", "endpoint", e.Name, "panic", p)
			err = fmt.Errorf("panic in %s", e.Name)
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
	text := h.Get(api.HeaderTimeout)
	if text == "" {
		return defaultTimeout, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, invalid(fmt.Sprintf("%s %.40q is not a duration", api.HeaderTimeout, text), `Write it like "5s".`)
	}
	return min(d, maxTimeout), nil
}

// Call handles a request of this process itself, such as one of the operator's page, like a request over
// NATS: with the same validation, deadline and masking. A follower sends requests that need the leader
// to the leader. Call decodes the reply into reply. Its errors are of type [*api.Error].
func (s *Service) Call(ctx context.Context, endpoint string, q, reply any) error {
	body, err := json.Marshal(q)
	if err != nil {
		return s.masked(err)
	}
	r := &request{Msg: &nats.Msg{Data: body}}
	defer r.free()
	for _, e := range s.endpoints() {
		if e.Name != endpoint {
			continue
		}
		var text []byte
		if s.Follows() && e.replies == leaderOnly {
			text, err = s.requestLeader(ctx, e, body)
		} else {
			text, err = s.answer(ctx, e, r)
		}
		if err == nil {
			err = json.Unmarshal(text, reply)
		}
		if err != nil {
			return s.masked(err)
		}
		return nil
	}
	return s.masked(fmt.Errorf("no endpoint %s", endpoint))
}

// answer handles a request in this process and returns the encoded reply.
func (s *Service) answer(ctx context.Context, e endpoint, r *request) ([]byte, error) {
	reply, err := s.call(ctx, e, r)
	if err != nil {
		return nil, err
	}
	return json.Marshal(reply)
}

// masked returns the error reply for an error, with secrets masked.
func (s *Service) masked(err error) *api.Error {
	e := *asAPIError(err)
	e.Message, e.Hint = s.Mask.Text(e.Message), s.Mask.Text(e.Hint)
	return &e
}

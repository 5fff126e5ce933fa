package fetcher

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"orderbeat/auth/mask"
	"orderbeat/clients"
	"orderbeat/clients/memory"
	"orderbeat/db/outbox"
	"orderbeat/jobs"
	"orderbeat/worker/bus"
	"orderbeat/worker/problems"
	"orderbeat/worker/settings"
	"orderbeat/worker/slots"
	"orderbeat/worker/telemetry"
	"orderbeat/worker/wait"
	"orderbeat/worker/wire"
)

const (
	// idleCheck is how often the fetcher checks for which providers it must receive jobs.
	idleCheck = 500 * time.Millisecond
	// roomCheck is how often a receiver without a free slot checks for one: an attempt of another provider
	// may free a slot, or the limit may rise.
	roomCheck = 20 * time.Millisecond
	// publishRetry is the pause before an outcome is published again.
	publishRetry = time.Second
	// maxBatch limits the jobs of one fetch request.
	maxBatch = 64
	// After fewDeliveries a job fails if its account is not configured here or it cannot be decoded. After
	// maxDeliveries every job fails: no process that received it has published an outcome.
	fewDeliveries, maxDeliveries = 5, 10
	// shortDelay and longDelay are the minimum and maximum delay before a rejected job is redelivered.
	shortDelay, longDelay = time.Second, 30 * time.Second
)

// Config has a fetcher's dependencies.
type Config struct {
	Streams  *bus.Streams
	Settings *settings.Live
	Slots    *slots.Slots // shared by the whole process
	Memory   *memory.Pool
	Blobs    *wire.Blobs
	// Active reports whether jobs of a provider may arrive. While it returns false, no jobs are received.
	Active func(provider string) bool
	// Limit returns how many attempts at jobs of a provider this process makes at once: its share of the
	// provider's concurrency.
	Limit   func(provider string) int
	Version string
	Host    string
	Process string    // id of this process in the fleet
	Mask    *mask.Set // secrets that are masked in outcomes
	Trace   *telemetry.Tracer
	Log     *slog.Logger
}

// Fetcher receives jobs and makes attempts at them. It is safe for concurrent use.
type Fetcher struct {
	Config
	attempts *attempts
	held     *bus.InFlight
	changed  wait.Signal // the settings were replaced
	working  sync.WaitGroup
}

// New returns a fetcher.
func New(c Config) *Fetcher {
	return &Fetcher{Config: c, attempts: newAttempts(), held: c.Streams.NewInFlight(), changed: wait.NewSignal()}
}

// Activity returns the activity of receiving a provider's jobs.
func Activity(set *problems.Set, provider string) *problems.Activity {
	return set.Activity("receive jobs " + outbox.Token(provider))
}

// InFlight returns the number of attempts in flight.
func (f *Fetcher) InFlight() int { return f.attempts.count() }

// Changed applies new settings after a reload.
func (f *Fetcher) Changed() { f.changed.Set() }

// Run receives jobs until ctx ends, and then waits for the attempts in flight. work is their context.
func (f *Fetcher) Run(ctx, work context.Context) error {
	cancels, err := f.Streams.NATS.Subscribe(wire.CancelSubject(f.Streams.Subjects, "*"), f.cancelled)
	if err != nil {
		return fmt.Errorf("cancellations: %w", err)
	}
	defer func() { _ = cancels.Unsubscribe() }()
	live := newLive(work, f)
	f.receiveAll(ctx, work, live)
	live.stop()
	live.working.Wait()
	f.working.Wait()
	return nil
}

// receiveAll runs one receiver for each active provider, until ctx ends.
func (f *Fetcher) receiveAll(ctx, work context.Context, live *live) {
	type receiver struct{ stop func() }
	receivers := map[string]receiver{}
	var ended sync.WaitGroup
	defer ended.Wait()
	tick := time.NewTicker(idleCheck)
	defer tick.Stop()
	for ctx.Err() == nil {
		now, active := f.Settings.Now(), map[string]bool{}
		for _, p := range now.Providers {
			active[p.Name] = f.Active(p.Name)
			if _, ok := receivers[p.Name]; ok || !active[p.Name] {
				continue
			}
			own, cancel := context.WithCancel(ctx)
			done := make(chan struct{})
			receivers[p.Name] = receiver{func() { cancel(); <-done }}
			ended.Go(func() {
				defer close(done)
				defer cancel()
				f.receive(own, work, p.Name)
			})
		}
		for name, r := range receivers {
			if !active[name] {
				r.stop()
				delete(receivers, name)
				Activity(f.Streams.Problems, name).OK()
			}
		}
		live.serve(active) //nolint:contextcheck // requests use the context work
		select {
		case <-ctx.Done():
		case <-f.changed:
		case <-tick.C:
		}
	}
}

// receive receives jobs of one provider until ctx ends. It requests no more jobs than this process can start
// immediately, so that it holds no jobs that an idle process could start.
func (f *Fetcher) receive(ctx, work context.Context, provider string) {
	busy, ended := atomic.Int64{}, wait.NewSignal()
	r := bus.Receiver{
		Streams: f.Streams, Activity: Activity(f.Streams.Problems, provider), Stream: f.Streams.Stream("jobs"), Shared: true,
		Config: jetstream.ConsumerConfig{Durable: wire.Consumer(provider)},
		Room: func(ctx context.Context) int {
			for {
				room := min(f.Slots.Free(), f.Limit(provider)-int(busy.Load()))
				switch {
				case ctx.Err() != nil:
					return 0
				case room > 0:
					return min(room, max(1, f.Slots.Free()/max(1, len(f.Settings.Providers()))), maxBatch)
				}
				wait.Until(ctx, ended, roomCheck)
			}
		},
		InFlight: func() int { return int(busy.Load()) },
		Handle: func(ctx context.Context, msg jetstream.Msg) {
			if !f.held.Add(msg) {
				return // redelivered while in flight
			}
			busy.Add(1)
			f.working.Go(func() {
				defer func() {
					f.held.Remove(msg)
					busy.Add(-1)
					ended.Set()
				}()
				// Receivers of other providers may have taken the free slots since the request.
				if !f.Slots.Acquire(ctx) {
					_ = msg.Nak() // not started: redelivered immediately, to any process
					return
				}
				defer f.Slots.Release()
				f.handle(work, msg)
			})
		},
	}
	r.Run(ctx)
}

// cancelled handles the cancellation of a job.
func (f *Fetcher) cancelled(m *nats.Msg) {
	if id, err := wire.ReadAttempt(m.Header); err == nil {
		f.attempts.cancel(id)
	}
}

// handle makes an attempt at a job and publishes the outcome. A job that this process cannot perform is
// redelivered, with a delay, so that another process can.
func (f *Fetcher) handle(ctx context.Context, msg jetstream.Msg) {
	deliveries := 1
	if meta, err := msg.Metadata(); err == nil {
		deliveries = int(meta.NumDelivered) //nolint:gosec // no message is delivered as often
	}
	job, err := wire.DecodeJob(msg.Headers(), msg.Data())
	if err != nil {
		f.unreadable(ctx, msg, deliveries, err)
		return
	}
	ctx, span := f.Trace.Job(f.Trace.Remote(ctx, msg.Headers().Get(wire.HeaderTrace)), job)
	out, err := f.attempt(ctx, job, deliveries)
	defer func() { span.End(err) }()
	switch {
	case errors.Is(err, errCancelled):
		_ = msg.Ack() // the job has ended, or another of its messages is in flight
	case errors.Is(err, errElsewhere):
		f.Streams.Problems.Activity("read jobs").Noticed("this process cannot perform the job, leaving it to other processes", err, "provider", job.Provider, "account", job.Account)
		_ = msg.NakWithDelay(delay(deliveries))
	case err != nil: // the process is stopping
		_ = msg.Nak()
	default:
		f.publish(ctx, msg, &out)
	}
}

// errElsewhere means that another process may be able to make the attempt, but not this one.
var errElsewhere = errors.New("this process cannot make the attempt")

// attempt makes an attempt. It fails with [errCancelled] or [errElsewhere], or if ctx ended.
func (f *Fetcher) attempt(ctx context.Context, job jobs.Job, deliveries int) (jobs.Outcome, error) {
	attemptCtx, end, ok := f.attempts.begin(ctx, wire.AttemptOf(&job))
	defer end()
	if !ok {
		return jobs.Outcome{}, errCancelled
	}
	if deliveries > maxDeliveries {
		return f.undeliverable(job, deliveries), nil
	}
	p, release, ok := f.Settings.Hold(job.Provider)
	defer release()
	account, known := p.Account(job.Account)
	if _, kind := jobs.Kinds[job.Kind]; !ok || !known || !kind {
		what := fmt.Sprintf("its configuration has no account %q of %s, or it does not know the kind %q", job.Account, job.Provider, job.Kind)
		if deliveries <= fewDeliveries {
			return jobs.Outcome{}, fmt.Errorf("%w: %s", errElsewhere, what)
		}
		return failed(job, jobs.Failed, &clients.Error{
			Provider: job.Provider, Op: "request", Code: clients.CodeInvalid, Message: "the fetcher on " + f.Host + " cannot make the attempt: " + what,
			Hint: "Give all processes of the fleet the same configuration, then run \"orderbeat jobs retry\".",
		}), nil
	}
	attemptCtx, free := f.Memory.Budget(attemptCtx, job.Provider)
	defer free()
	return jobs.Perform(attemptCtx, p.Provider, account, job, p.Retry)
}

// undeliverable returns the outcome of a job that was delivered too often.
func (f *Fetcher) undeliverable(job jobs.Job, deliveries int) jobs.Outcome {
	return failed(job, jobs.Dead, &clients.Error{
		Provider: job.Provider, Op: "run", Code: clients.CodeInternal,
		Message: fmt.Sprintf("the job was delivered to fetchers %d times, and none returned an outcome", deliveries-1),
		Hint:    "Check the logs of the fetchers for crashes. After fixing the cause, run \"orderbeat jobs retry\".",
	})
}

func failed(job jobs.Job, state jobs.State, err *clients.Error) jobs.Outcome {
	now := time.Now()
	return jobs.Outcome{Job: job, State: state, AskedAt: now, FinishedAt: now, Err: err}
}

// unreadable handles a message that is not a job, or a job in another version of the encoding. Another process may
// be able to read it.
func (f *Fetcher) unreadable(ctx context.Context, msg jetstream.Msg, deliveries int, err error) {
	id, unknown := wire.ReadAttempt(msg.Headers())
	if unknown != nil {
		f.Log.Warn("message removed from the jobs stream, because it is not a job", "subject", msg.Subject(), "err", unknown)
		_ = msg.TermWithReason("not a job")
		return
	}
	if errors.Is(err, wire.ErrVersion) || deliveries <= fewDeliveries {
		f.Streams.Problems.Activity("read jobs").Noticed("failed to read a job, leaving it to other processes", err, "job_id", id.JobID)
		_ = msg.NakWithDelay(delay(deliveries))
		return
	}
	out := failed(jobs.Job{ID: id.JobID, Attempt: id.Number}, jobs.Failed, &clients.Error{
		Op: "request", Code: clients.CodeInternal, Message: fmt.Sprintf("the fetcher on %s cannot read the job: %v", f.Host, err), Hint: "Run \"orderbeat jobs retry\".",
	})
	f.publish(ctx, msg, &out)
}

// delay returns the delay of the next delivery, which doubles up to longDelay.
func delay(deliveries int) time.Duration {
	return min(shortDelay<<min(deliveries-1, 8), longDelay)
}

// publish publishes an outcome, retrying until it is in its stream or ctx ends, and then
// acknowledges its job. If the acknowledgement is lost, the job is redelivered, and the stream drops
// the second outcome by its message id.
func (f *Fetcher) publish(ctx context.Context, msg jetstream.Msg, out *jobs.Outcome) {
	activity := f.Streams.Problems.Activity("publish outcomes")
	m, err := f.encode(out)
	if err != nil {
		f.Log.ErrorContext(ctx, "failed to encode an outcome", "job_id", out.ID, "err", err)
		large := failed(out.Job, jobs.Failed, &clients.Error{Provider: out.Provider, Op: "request", Code: clients.CodeBadResponse, Message: err.Error(), Hint: "Request less data at once: a shorter window or smaller pages."})
		if m, err = f.encode(&large); err != nil {
			return // the job is redelivered
		}
	}
	m.Subject = wire.OutcomeSubject(f.Streams.Subjects, &out.Job)
	if id := msg.Headers().Get(nats.MsgIdHdr); id != "" { // one outcome for each message of a job
		m.Header.Set(nats.MsgIdHdr, id)
	}
	if span := f.Trace.Context(ctx); span != "" {
		m.Header.Set(wire.HeaderTrace, span)
	}
	for again := false; ; again = true {
		duplicate, err := f.send(ctx, m)
		if err == nil {
			if duplicate && !again { // another process published first, with its own object
				f.Blobs.Delete(ctx, m.Header)
			}
			activity.OK()
			_ = msg.Ack()
			return
		}
		if ctx.Err() != nil {
			return
		}
		activity.Failed("failed to publish an outcome, will retry", f.Streams.Explain(err), "stream", f.Streams.Stream("outcomes"))
		if !wait.For(ctx, publishRetry) {
			return
		}
	}
}

// encode masks secrets in an outcome and encodes it.
func (f *Fetcher) encode(out *jobs.Outcome) (*nats.Msg, error) {
	if f.Mask != nil {
		out.Mask(f.Mask.Text)
	}
	return wire.EncodeOutcome(out)
}

// send publishes an outcome. duplicate reports that the stream already has an outcome of the attempt.
func (f *Fetcher) send(ctx context.Context, m *nats.Msg) (duplicate bool, err error) {
	if err := f.Blobs.Shrink(ctx, m); err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*bus.Timeout)
	defer cancel()
	ack, err := f.Streams.JS.PublishMsg(ctx, m)
	if err != nil {
		return false, err
	}
	return ack.Duplicate, nil
}

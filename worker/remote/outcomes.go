package remote

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"orderbeat/clients"
	"orderbeat/clients/memory"
	"orderbeat/db/runs"
	"orderbeat/jobs"
	"orderbeat/worker/bus"
	"orderbeat/worker/problems"
	"orderbeat/worker/wait"
	"orderbeat/worker/wire"
)

const (
	// maxAtOnce limits the outcomes that are decoded and committed concurrently: they share
	// transactions.
	maxAtOnce = 64
	// maxUnreadable is the number of deliveries after which an attempt with an unreadable outcome fails.
	maxUnreadable = 6
	// An unreadable outcome is delivered again after firstDelay, which doubles up to lastDelay.
	firstDelay, lastDelay = 2 * time.Second, time.Minute
	// commitRetry is the delay after an outcome could not be committed.
	commitRetry = 5 * time.Second
	// idleCheck is how often Active is checked.
	idleCheck = 500 * time.Millisecond
)

// Committer commits outcomes.
type Committer interface {
	// Outcome commits an outcome. The error is [runs.ErrUnknown] if its job is not in this database.
	Outcome(ctx context.Context, out jobs.Outcome) error
	// Unreadable ends an attempt whose outcome cannot be read.
	Unreadable(ctx context.Context, jobID string, attempt int, cause *clients.Error) error
}

// Outcomes receives outcomes and commits them.
type Outcomes struct {
	*Remote
	Committer Committer
	Memory    *memory.Pool
	// Active reports whether outcomes may arrive. While it returns false, nothing is received.
	Active func() bool

	unknown prometheus.Counter
}

// NewOutcomes returns a copy of o with its metrics.
func NewOutcomes(o Outcomes) *Outcomes {
	o.unknown = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "orderbeat_unknown_outcomes_total", Help: "Outcomes of jobs that are not in this database: they were planned by an earlier leader.",
	})
	return &o
}

// Counters returns the metrics.
func (o *Outcomes) Counters() []prometheus.Collector { return []prometheus.Collector{o.unknown} }

// Activity returns the activity of receiving outcomes.
func Activity(set *problems.Set) *problems.Activity { return set.Activity("receive outcomes") }

// Run receives outcomes until ctx ends, then waits until the received ones are committed.
func (o *Outcomes) Run(ctx context.Context) {
	for wait.For(ctx, idleCheck) {
		if !o.Active() {
			continue
		}
		own, stop := context.WithCancel(ctx)
		var watching sync.WaitGroup
		watching.Go(func() {
			for wait.For(own, idleCheck) {
				if !o.Active() {
					stop()
				}
			}
		})
		if _, err := o.Blobs.Open(own); err != nil && own.Err() == nil { // fetchers have no permission to create it
			o.Streams.Problems.Activity("read outcomes").Noticed("failed to open the object store of large outcomes", err)
		}
		o.receive(own)
		stop()
		watching.Wait()
	}
}

// receive receives outcomes until ctx ends.
func (o *Outcomes) receive(ctx context.Context) {
	held, free := o.Streams.NewInFlight(), make(chan struct{}, maxAtOnce)
	var working sync.WaitGroup
	config := bus.ConsumerConfig("leader", o.Streams.Of("outcomes.>"), 2*maxAtOnce)
	if o.Streams.AckWait > 0 {
		config.AckWait = o.Streams.AckWait
	}
	r := bus.Receiver{
		Streams: o.Streams, Activity: Activity(o.Streams.Problems), Stream: o.Streams.Stream("outcomes"), Config: config,
		Room: func(ctx context.Context) int {
			for len(free) == maxAtOnce {
				if !wait.For(ctx, time.Millisecond) {
					return 0
				}
			}
			if ctx.Err() != nil {
				return 0
			}
			return maxAtOnce - len(free)
		},
		InFlight: held.Count,
		Handle: func(ctx context.Context, msg jetstream.Msg) {
			if !held.Add(msg) {
				return // redelivered while it is committed
			}
			free <- struct{}{} // does not block: Room found a free slot
			working.Go(func() {
				defer func() { <-free }()
				defer held.Remove(msg)
				o.handle(ctx, msg)
			})
		},
	}
	r.Run(ctx)
	working.Wait()
}

// handle decodes an outcome, commits it and acknowledges its message.
func (o *Outcomes) handle(ctx context.Context, msg jetstream.Msg) {
	h := msg.Headers()
	id, err := wire.ReadAttempt(h)
	if err != nil {
		o.Log.Warn("invalid message removed from the outcomes stream", "subject", msg.Subject(), "err", err)
		_ = msg.TermWithReason("not an outcome")
		return
	}
	out, free, err := o.decode(ctx, msg)
	defer free()
	if err != nil && ctx.Err() != nil {
		_ = msg.Nak()
		return
	}
	ctx = context.WithoutCancel(ctx) // a decoded outcome is committed even during shutdown
	switch {
	case err == nil:
		ctx = o.Trace.Remote(ctx, h.Get(wire.HeaderTrace))
		err = o.Committer.Outcome(ctx, out)
	case errors.Is(err, errTemporary):
	default:
		o.unreadable(ctx, msg, id, err)
		return
	}
	activity := o.Streams.Problems.Activity("commit outcomes")
	switch {
	case errors.Is(err, runs.ErrUnknown):
		o.unknown.Inc()
		o.Log.Debug("outcome of an unknown job dropped", "job_id", id.JobID, "attempt", id.Number)
		fallthrough
	case err == nil:
		activity.OK()
		o.done(ctx, msg)
	default:
		activity.Failed("failed to commit an outcome, will retry", err, "job_id", id.JobID)
		_ = msg.NakWithDelay(commitRetry)
	}
}

// done acknowledges an outcome and deletes its object from the object store. If the acknowledgement is lost, the outcome is
// redelivered without effect; its object may then be missing.
func (o *Outcomes) done(ctx context.Context, msg jetstream.Msg) {
	ctx, cancel := context.WithTimeout(ctx, bus.Timeout)
	defer cancel()
	if msg.Headers().Get(wire.HeaderObject) == "" {
		_ = msg.Ack()
		return
	}
	if msg.DoubleAck(ctx) == nil {
		o.Blobs.Delete(ctx, msg.Headers())
	}
}

// errTemporary means that an outcome cannot be read now, but may be readable later.
var errTemporary = errors.New("failed to read an outcome")

// decode reads an outcome within the memory budget of this process. free releases that memory.
func (o *Outcomes) decode(ctx context.Context, msg jetstream.Msg) (out jobs.Outcome, free func(), err error) {
	h, free := msg.Headers(), func() {}
	if err := wire.CheckVersion(h); err != nil {
		return out, free, err
	}
	body, err := o.Blobs.Body(ctx, h, msg.Data())
	if errors.Is(err, wire.ErrGone) {
		return out, free, err
	}
	if err != nil {
		return out, free, fmt.Errorf("%w: %w", errTemporary, o.Streams.Explain(err))
	}
	size, err := wire.Size(body)
	if err != nil {
		return out, free, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	budgeted, free := o.Memory.Budget(ctx, o.Streams.Tokens(msg.Subject())[1])
	const decoded = 2 // the JSON text and the decoded values
	if err := memory.BudgetOf(budgeted).Charge(budgeted, decoded*size); err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("%w: %w", errTemporary, err)
		}
		return out, free, err
	}
	out, err = wire.DecodeOutcome(h, body)
	return out, free, err
}

// unreadable requests redelivery of an outcome that cannot be read, because a leader with another version may be
// able to read it. After maxUnreadable deliveries, the attempt fails.
func (o *Outcomes) unreadable(ctx context.Context, msg jetstream.Msg, id wire.Attempt, cause error) {
	hint := "Check the log of the fetchers, and whether objects were deleted from " + o.Streams.Stream("blobs") + "."
	if errors.Is(cause, wire.ErrVersion) {
		hint = "Run the same version of Orderbeat on the leader and on the fetchers."
	}
	deliveries := uint64(1)
	if meta, err := msg.Metadata(); err == nil {
		deliveries = meta.NumDelivered
	}
	activity := o.Streams.Problems.Activity("read outcomes")
	if deliveries < maxUnreadable {
		activity.Noticed("outcome cannot be read and stays in the stream", cause, "job_id", id.JobID, "attempt", id.Number, "hint", hint)
		_ = msg.NakWithDelay(min(firstDelay<<(deliveries-1), lastDelay))
		return
	}
	err := o.Committer.Unreadable(ctx, id.JobID, id.Number, &clients.Error{
		Op: "outcome", Code: clients.CodeBadResponse, Message: "the outcome of the fetcher cannot be read: " + cause.Error(), Hint: hint,
	})
	if err != nil && !errors.Is(err, runs.ErrUnknown) {
		activity.Failed("failed to end an attempt whose outcome cannot be read", err, "job_id", id.JobID)
		_ = msg.NakWithDelay(commitRetry)
		return
	}
	o.Log.Warn("attempt failed because its outcome cannot be read", "job_id", id.JobID, "attempt", id.Number, "err", cause, "hint", hint)
	_ = msg.Ack()
}

package worker

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"orderbeat/clients"
	"orderbeat/db"
	"orderbeat/jobs"
	"orderbeat/worker/bus"
	"orderbeat/worker/metrics"
	"orderbeat/worker/settings"
)

// storeRetry is how long a message waits when the database could not take its outcome.
const storeRetry = 5 * time.Second

// consumers take the jobs of all providers and do them.
type consumers struct {
	db        *db.DB
	providers map[string]Provider
	finished  *finished
	slots     *slots // one for each job at once in this process
	suspects  *suspects
	held      *bus.InFlight
	inHand    *inHand
	foreign   *prometheus.CounterVec
	unread    *prometheus.CounterVec
	memory    *clients.Memory
	log       *slog.Logger

	working sync.WaitGroup // one for each job in hand
}

func newConsumers(c Config, f *finished) *consumers {
	providers := settings.ByName(c.Providers)
	names := slices.Sorted(maps.Keys(providers))
	return &consumers{
		db: c.DB, providers: providers, finished: f,
		slots: newSlots(c.Concurrency), suspects: newSuspects(), held: bus.NewInFlight(), inHand: newInHand(),
		foreign: metrics.NewCounter("foreign_jobs_total", "Jobs that this process got, and ended, because another database knows them.", "provider", names),
		unread:  metrics.NewCounter("unread_orders_total", "Orders that stood in answers of a provider and could not be read; the others of the answer were stored.", "provider", names),
		memory:  c.Memory, log: c.Log,
	}
}

// consume takes the jobs of one provider until ctx ends, no more than the
// provider's concurrency over the whole fleet, and only while this process has a
// free slot. work is the context of the jobs themselves: it outlives ctx, so that
// jobs in hand can finish.
func (c *consumers) consume(ctx, work context.Context, q *bus.Streams, p Provider) {
	token := db.Token(p.Name)
	r := bus.Receiver{
		Streams: q, Activity: receivingJobs(q.Problems, p), Stream: q.Stream("jobs"), Config: bus.ConsumerConfig(token, q.Of("jobs."+token+".>"), p.Concurrency),
		Room:     c.room,
		InFlight: func() int { return c.held.Count(q.Of("jobs." + token + ".")) },
		Handle:   func(ctx context.Context, msg jetstream.Msg) { c.take(ctx, work, msg) },
	}
	r.Run(ctx)
}

// room waits until there is a free slot and counts them, without keeping any:
// while there is no job here, another provider may have one.
func (c *consumers) room(ctx context.Context) int {
	if !c.slots.acquire(ctx) {
		return 0
	}
	c.slots.release()
	return c.slots.free()
}

// take hands a message to a goroutine with a slot.
func (c *consumers) take(ctx, work context.Context, msg jetstream.Msg) {
	if !c.held.Add(msg) {
		return // NATS was away for longer than it waits: this is in hand already, and acknowledged with it
	}
	if !c.slots.acquire(ctx) {
		c.held.Remove(msg)
		_ = msg.Nak() // not begun: another worker may have it at once
		return
	}
	c.working.Go(func() {
		defer c.slots.release()
		defer c.held.Remove(msg)
		c.handle(work, msg)
	})
}

// handle does one job: ask, commit, acknowledge. Nothing is acknowledged that is
// not committed, and what is committed already is acknowledged without asking again.
func (c *consumers) handle(ctx context.Context, msg jetstream.Msg) {
	var job jobs.Job
	if err := json.Unmarshal(msg.Data(), &job); err != nil {
		c.log.Error("a message on the jobs stream is not a job", "subject", msg.Subject(), "err", err)
		_ = msg.TermWithReason("not a job")
		return
	}
	switch err := c.perform(ctx, job); {
	case errors.Is(err, context.Canceled):
		_ = msg.Nak() // the program stops; the attempt did not happen
	case errors.Is(err, db.ErrUnknown):
		// Left in the stream it would come again for ever, and keep others from their turn.
		c.log.Error("a job belongs to another database: it is ended here, and goes on when an orderbeat with that database works again",
			"job_id", job.ID, "run_id", job.RunID, "provider", job.Provider, "account", job.Account)
		c.foreign.WithLabelValues(job.Provider).Inc()
		_ = msg.TermWithReason("it belongs to another database")
	case err != nil:
		c.log.Error("a job's outcome could not be kept; the job comes again", "job_id", job.ID, "provider", job.Provider, "account", job.Account, "err", err)
		_ = msg.NakWithDelay(storeRetry)
	default:
		_ = msg.Ack() // lost: it comes again, and is found done
	}
}

func (c *consumers) perform(ctx context.Context, job jobs.Job) error {
	asking, end, free := c.inHand.begin(ctx, job)
	if !free {
		return nil // it was published twice; what comes of it is kept with the other message
	}
	defer end()
	if c.suspects.has(job.ID) {
		defer c.slots.alone(asking)()
	}
	asking, release := c.memory.Budget(asking, job.Provider)
	defer release() // what was reported is held until it is committed
	begun, err := c.db.BeginJob(ctx, job)
	if err != nil || !begun {
		return err
	}
	out, err := c.ask(asking, job)
	if err != nil {
		return err
	}
	// What the provider answered is kept even when the program is stopping.
	committed, err := c.db.Commit(context.WithoutCancel(ctx), out)
	if errors.Is(err, db.ErrOutcome) {
		out = unstorable(out, err)
		committed, err = c.db.Commit(context.WithoutCancel(ctx), out)
	}
	if err != nil {
		return err
	}
	if !committed.Repeated {
		c.unread.WithLabelValues(job.Provider).Add(float64(out.Unread))
	}
	if out.State.Ended() {
		c.suspects.remove(job.ID)
	}
	c.log.Debug("job", "job_id", job.ID, "provider", job.Provider, "account", job.Account, "attempt", job.Attempt,
		"state", out.State, "orders", committed.Tally.Seen, "changed", committed.Tally.Changed, "err", out.Err)
	if committed.Run != nil {
		c.finished.tell(ctx, *committed.Run)
	}
	return nil
}

// prepare ends the jobs of providers that are gone, and learns which are to run alone.
func (c *consumers) prepare(ctx context.Context) error {
	if err := c.abandon(ctx); err != nil {
		return err
	}
	ids, err := c.db.Suspects(ctx)
	if err != nil {
		return err
	}
	if len(ids) > 0 {
		c.log.Warn("jobs run alone because the process ended with them before", "jobs", len(ids))
	}
	c.suspects.add(ids)
	return nil
}

// abandon ends the jobs of providers that are no longer configured: nobody will
// take them from the stream, and their runs would never end.
func (c *consumers) abandon(ctx context.Context) error {
	configured := slices.Collect(maps.Keys(c.providers))
	for {
		left, err := c.db.OpenJobsExcept(ctx, configured)
		if err != nil || len(left) == 0 {
			return err
		}
		c.log.Warn("jobs of providers that are no longer configured are failed", "jobs", len(left))
		for _, job := range left {
			committed, err := c.db.Commit(ctx, unknown(job))
			if err != nil {
				return err
			}
			if committed.Run != nil {
				c.finished.tell(ctx, *committed.Run)
			}
		}
	}
}

// unknown is the outcome of a job that the configuration does not know whom to ask.
func unknown(job jobs.Job) jobs.Outcome {
	now := time.Now()
	return jobs.Outcome{
		Job: job, State: jobs.Failed, AskedAt: now, FinishedAt: now,
		Err: jobs.Invalid("the account is no longer configured", "put it back into the configuration, or ask without it"),
	}
}

// unstorable is the outcome of an attempt whose own outcome the database refuses.
func unstorable(o jobs.Outcome, err error) jobs.Outcome {
	return jobs.Outcome{
		Job: o.Job, State: jobs.Failed, AskedAt: o.AskedAt, FinishedAt: o.FinishedAt, Exchanges: o.Exchanges,
		Err: &clients.Error{Provider: o.Provider, Op: "store", Code: clients.CodeInternal, Message: err.Error()},
	}
}

// ask performs the job, or fails it when the configuration no longer knows whom it asks.
func (c *consumers) ask(ctx context.Context, job jobs.Job) (jobs.Outcome, error) {
	p := c.providers[job.Provider]
	account, ok := p.Account(job.Account)
	if !ok {
		return unknown(job), nil
	}
	if jobs.Kinds[job.Kind].Remaps {
		return remap(ctx, c.db, p, account, job)
	}
	return jobs.Perform(ctx, p.Provider, account, job, p.Retry)
}

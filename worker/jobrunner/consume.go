package jobrunner

import (
	"context"
	"sync"
	"time"

	"orderbeat/worker/problems"
	"orderbeat/worker/settings"
	"orderbeat/worker/slots"
	"orderbeat/worker/wait"
)

// orphansEvery is how often the runner searches for jobs whose provider is no longer configured: a run may have
// been planned while its provider was removed, or one of its jobs may be waiting for a retry.
const orphansEvery = 30 * time.Second

// consumer claims the jobs of one provider.
type consumer struct {
	provider   string
	own        *slots.Slots // for attempts of this process, at most the provider's concurrency
	configured int          // the concurrency last configured with [Fetchers.Configure]
	restored   bool         // the attempts that an earlier process sent have been loaded
	stop       func()       // stops the consumer and waits until it has ended
}

// Run performs the jobs of the configured providers until ctx ends, and only while this process leads.
// work is the context of the jobs: it outlives ctx, so that jobs in flight can finish. After the settings
// have been replaced ([Runner.Changed]), new providers are added, and the queued jobs of removed ones fail.
func (r *Runner) Run(ctx, work context.Context, troubles *problems.Set) {
	consumers := map[string]*consumer{}
	var ended sync.WaitGroup
	defer ended.Wait()
	ended.Go(func() { r.findLost(ctx) })
	orphans := troubles.Activity("fail jobs of removed providers")
	var again <-chan time.Time // nil until a provider is removed
	for ctx.Err() == nil {
		now := r.Settings.Now()
		for _, p := range now.Providers {
			c, ok := consumers[p.Name]
			if !ok {
				c = r.consumer(ctx, work, p, troubles, &ended)
				consumers[p.Name] = c
			}
			r.sent.resize(p.Name, c.own, p.Concurrency)
		}
		for name, c := range consumers {
			if _, ok := now.Provider(name); !ok {
				c.stop()
				delete(consumers, name)
				Activity(troubles, name).OK()
				if again == nil {
					ticker := time.NewTicker(orphansEvery)
					defer ticker.Stop()
					again = ticker.C
				}
			}
		}
		if again != nil {
			if err := r.FailOrphanedJobs(work); err == nil {
				orphans.OK()
			} else if work.Err() == nil {
				orphans.Failed("failed to mark the jobs of removed providers as failed, will retry", err)
			}
		}
		select {
		case <-ctx.Done():
		case <-r.changed:
		case <-again:
		}
	}
}

// consumer starts a consumer.
func (r *Runner) consumer(ctx, work context.Context, p settings.Provider, troubles *problems.Set, ended *sync.WaitGroup) *consumer {
	own, cancel := context.WithCancel(ctx)
	c := &consumer{provider: p.Name, own: slots.New(p.Concurrency)}
	r.sent.resize(p.Name, c.own, p.Concurrency)
	done := make(chan struct{})
	c.stop = func() { cancel(); <-done }
	r.unread.WithLabelValues(p.Name) // starts at 0
	ended.Go(func() {
		defer close(done)
		defer cancel()
		r.consume(ctx, own, work, c, Activity(troubles, p.Name))
	})
	return c
}

// consume performs the jobs of one provider until own, a child of ctx, ends: in this process, or by
// fetchers if there are any. work is the context of the jobs.
func (r *Runner) consume(ctx, own, work context.Context, c *consumer, activity *problems.Activity) {
	queued := r.DB.Runnable(c.provider)
	for r.Lease.WaitLeader(own) {
		started, err := r.begin(ctx, own, work, c)
		if own.Err() != nil {
			return
		}
		switch {
		case err != nil:
			activity.Failed("failed to claim jobs", err)
			wait.For(own, claimRetry)
		case started == 0:
			activity.OK()
			r.sleep(own, c.provider, queued)
		}
	}
}

// begin claims jobs and starts attempts at them, here or at fetchers. started is 0 if no job was queued.
func (r *Runner) begin(ctx, own, work context.Context, c *consumer) (started int, err error) {
	if err := r.restore(ctx, c); err != nil {
		return 0, err
	}
	all, others := r.Fetchers.Slots(c.provider)
	if others || r.StoreOnly {
		return r.send(ctx, own, work, c, all)
	}
	return r.start(ctx, own, work, c)
}

// start waits for a free slot of the provider and of the process, claims as many jobs as
// there are free slots, starts them and returns their number. A claim is not cancelled with the
// consumer of a removed provider, because then the claimed jobs would never end.
func (r *Runner) start(ctx, own, work context.Context, c *consumer) (started int, err error) {
	if !c.own.Acquire(own) {
		return 0, nil
	}
	if !r.Slots.Acquire(own) {
		c.own.Release()
		return 0, nil
	}
	free := 1
	for free < maxClaimed && c.own.TryAcquire() {
		if !r.Slots.TryAcquire() {
			c.own.Release()
			break
		}
		free++
	}
	claimed, err := r.DB.Claim(ctx, c.provider, time.Now(), free)
	for range free - len(claimed) {
		r.Slots.Release()
		c.own.Release()
	}
	for _, job := range claimed {
		r.working.Go(func() {
			defer c.own.Release()
			defer r.Slots.Release()
			r.handle(work, job)
		})
	}
	return len(claimed), err
}

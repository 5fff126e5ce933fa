package jobrunner

import (
	"context"
	"sync"
	"time"

	"orderbeat/worker/problems"
	"orderbeat/worker/settings"
	"orderbeat/worker/wait"
)

// orphansEvery is how often jobs are searched whose provider is no longer configured: a run may have
// been planned while its provider was removed, or a job of it may wait for a retry.
const orphansEvery = 30 * time.Second

// consumer claims the jobs of one provider.
type consumer struct {
	own  *slots // at most the provider's concurrency
	stop func() // ends the consumer and waits
}

// Run performs the jobs of the configured providers until ctx ends, and only while this process leads.
// work is the context of the jobs: it outlives ctx, so that jobs in flight can finish. When the settings
// were replaced ([Runner.Changed]), new providers are added, and the queued jobs of removed ones fail.
func (r *Runner) Run(ctx, work context.Context, troubles *problems.Set) {
	consumers := map[string]consumer{}
	var ended sync.WaitGroup
	defer ended.Wait()
	orphans := troubles.Activity("fail jobs of removed providers")
	var again <-chan time.Time // since a provider was removed
	for ctx.Err() == nil {
		now := r.settings.Now()
		for _, p := range now.Providers {
			c, ok := consumers[p.Name]
			if !ok {
				c = r.consumer(ctx, work, p, troubles, &ended)
				consumers[p.Name] = c
			}
			c.own.resize(p.Concurrency)
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
				orphans.Failed("failed to end the jobs of removed providers, will retry", err)
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
func (r *Runner) consumer(ctx, work context.Context, p settings.Provider, troubles *problems.Set, ended *sync.WaitGroup) consumer {
	own, cancel := context.WithCancel(ctx)
	c := consumer{own: newSlots(p.Concurrency)}
	done := make(chan struct{})
	c.stop = func() { cancel(); <-done }
	r.unread.WithLabelValues(p.Name) // starts at 0
	ended.Go(func() {
		defer close(done)
		defer cancel()
		r.consume(ctx, own, work, p.Name, c.own, Activity(troubles, p.Name))
	})
	return c
}

// consume performs the jobs of one provider until own ends, which is within ctx.
func (r *Runner) consume(ctx, own, work context.Context, provider string, slots *slots, activity *problems.Activity) {
	queued := r.db.Runnable(provider)
	for r.lease.WaitLeader(own) {
		started, err := r.start(ctx, own, work, provider, slots)
		if own.Err() != nil {
			return
		}
		switch {
		case err != nil:
			activity.Failed("failed to claim jobs", err)
			wait.For(own, claimRetry)
		case started == 0:
			activity.OK()
			r.sleep(own, provider, queued)
		}
	}
}

// start waits for a free slot, of the provider's own and of the process, claims as many jobs as
// there are free slots, and starts them. It returns their number. A claim is not cancelled with the
// consumer of a removed provider: its jobs would not end.
func (r *Runner) start(ctx, own, work context.Context, provider string, slots *slots) (started int, err error) {
	if !slots.acquire(own) {
		return 0, nil
	}
	if !r.slots.acquire(own) {
		slots.release()
		return 0, nil
	}
	free := 1
	for free < maxClaimed && slots.tryAcquire() {
		if !r.slots.tryAcquire() {
			slots.release()
			break
		}
		free++
	}
	claimed, err := r.db.Claim(ctx, provider, time.Now(), free)
	for range free - len(claimed) {
		r.slots.release()
		slots.release()
	}
	for _, job := range claimed {
		r.working.Go(func() {
			defer slots.release()
			defer r.slots.release()
			r.handle(work, job)
		})
	}
	return len(claimed), err
}

// namesOf are the names of the configured providers.
func namesOf(l *settings.Live) []string {
	providers := l.Providers()
	names := make([]string, len(providers))
	for i, p := range providers {
		names[i] = p.Name
	}
	return names
}

package worker

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"orderbeat/auth"
	"orderbeat/clients/memory"
	"orderbeat/worker/bus"
	"orderbeat/worker/fetcher"
	"orderbeat/worker/metrics"
	"orderbeat/worker/problems"
	"orderbeat/worker/settings"
	"orderbeat/worker/telemetry"
	"orderbeat/worker/web"
)

// Fetch performs jobs that other processes queued, until ctx ends. It then accepts no new jobs,
// and finishes those in flight within Drain. It uses no database: the DB, Tokens, Schedules and
// Notify of the Config have no effect.
func Fetch(ctx context.Context, c Config) error {
	troubles := problems.NewSet(c.Log)
	failed := make(fatal, 1)
	c.Role = RoleFetch
	if c.Memory == nil {
		c.Memory = memory.NewPool(debug.SetMemoryLimit(-1))
	}
	conn, err := bus.Open(c.NATS, nil, troubles, c.Log, failed.set)
	if err != nil {
		return err
	}
	defer conn.Close()
	if c.TokenBucket != nil {
		c.TokenBucket.Attach(conn, troubles.Activity("token store"))
	}
	tracer := telemetry.Open(ctx, c.Telemetry, telemetry.Worker{
		Version: c.Version, ID: c.ID, Prefix: c.NATS.Prefix, Activity: troubles.Activity("export traces"), Mask: c.Mask, Log: c.Log,
		Traceparent: func(context.Context, string) (string, error) { return "", nil },
	})
	defer tracer.Close(ctx)
	live := settings.NewLive(c.Providers, nil)
	queues := &bus.Streams{
		Conn: conn, Problems: troubles, Log: c.Log,
		CheckStreams: c.Intervals.Streams, CheckConsumers: c.Intervals.Consumers, AckWait: c.Intervals.AckWait,
	}
	crew := newFleetMember(c, conn, queues, live, tracer, troubles)
	reloads := newReloader(c, func(s Settings) {
		live.Replace(s.Providers, nil)
		crew.slots.Resize(s.Concurrency)
		crew.replaced()
	})
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	serving, stopServing := context.WithCancel(context.WithoutCancel(ctx))
	defer stopServing()
	taking, taken := errgroup.WithContext(ctx)
	var backing sync.WaitGroup
	taking.Go(func() error { return failed.wait(taken) })
	webURL := ""
	if c.Web.Listen != "" {
		listener, err := web.Open(ctx, c.Web, c.Log)
		if err != nil {
			return err
		}
		webURL = listener.URL()
		ready := func(rw http.ResponseWriter, req *http.Request) {
			if part, err := crew.ready(troubles, taken.Err() != nil); err != nil {
				http.Error(rw, part+": "+shown(c.Web, req, err), http.StatusServiceUnavailable)
				return
			}
			fmt.Fprintln(rw, "ok: fetcher")
		}
		page := web.Probes(ready, metrics.NewFetcher(metrics.Config{
			Providers: live.Providers, Sources: sourcesOf(live), Version: c.Version, Log: c.Log,
		}, append(tracer.Counters(), troubles, reloads)...))
		backing.Go(func() {
			if err := listener.Serve(serving, func() []string { return nil }, page); err != nil {
				failed.set(err)
			}
		})
	}
	backing.Go(func() { conn.Maintain(serving) })
	taking.Go(func() error { reloads.run(taken); return nil })
	if c.TokenBucket != nil {
		taking.Go(func() error { c.TokenBucket.Run(taken); return nil })
	}
	backing.Go(func() { crew.fleet.Run(serving) }) // until the last attempt has ended, which still uses this process's share of the rate
	taking.Go(func() error {
		if !crew.fleet.Wait(taken) {
			return nil
		}
		c.Log.Info("orderbeat is running", "role", string(RoleFetch), "nats", conn.URL, "web", webURL, "providers", len(live.Providers()))
		return crew.fetch(taken, work)
	})
	if c.Started != nil {
		c.Started()
	}

	<-taken.Done()
	c.Log.Info("stopping", "drain", c.Drain.String())
	if c.Stopping != nil {
		c.Stopping()
	}
	cancelWork := time.AfterFunc(c.Drain, stopWork)
	defer cancelWork.Stop()
	if err = within(c.Drain+stopGrace, taking.Wait); errors.Is(err, ErrAbandoned) {
		c.Log.Error("jobs still running after their cancellation", "jobs", crew.fetcher.InFlight())
	}
	stopServing()
	backing.Wait()
	last, done := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
	defer done()
	select { // a renewal in progress needs the connection to store its result
	case <-closeAll(sourcesOf(live)("", "")):
	case <-last.Done():
	}
	if err := conn.NATS.FlushWithContext(last); err != nil {
		c.Log.Warn("failed to close the NATS connection cleanly; unacknowledged jobs are redelivered to other fetchers", "err", err)
	}
	tracer.Close(last)
	return err
}

// sourcesOf returns a function that looks up token sources of the current providers; "" matches all.
func sourcesOf(live *settings.Live) func(provider, user string) []*auth.Source {
	return func(provider, user string) (found []*auth.Source) {
		for _, p := range live.Providers() {
			for _, source := range p.Sources() {
				if (provider == "" || p.Name == provider) && (user == "" || source.User() == user) {
					found = append(found, source)
				}
			}
		}
		return found
	}
}

// ready returns which part prevents this fetcher from performing jobs, and why; nil if it is ready.
func (w *fleetMember) ready(troubles *problems.Set, stopping bool) (part string, err error) {
	if stopping {
		return "worker", errors.New("shutting down")
	}
	if err := w.conn.Usable(); err != nil {
		return "nats", err
	}
	if err := troubles.Activity("fleet").Err(); err != nil {
		return "fleet", err
	}
	providers := w.live.Providers()
	for _, p := range providers {
		if err := fetcher.Activity(troubles, p.Name).Err(); err != nil {
			return "jobs of " + p.Name, err
		}
	}
	if err := troubles.Activity("publish outcomes").Err(); err != nil {
		return "outcomes", err
	}
	if len(providers) > 0 && !slices.ContainsFunc(providers, func(p Provider) bool { return !p.Latched() }) {
		return "providers", errors.New(`all have rejected their credentials; see "orderbeat auth status"`)
	}
	return "", nil
}

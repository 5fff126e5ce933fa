// Package worker connects the components of the worker and runs them: the connection to NATS, the
// scheduler, the planner, the job runner, the relay, the request/reply service, alerts, the
// notifier and the web listener.
//
// It is the only package that imports all of them. It uses providers and kinds only through
// their interfaces. Start reading at [Run].
package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"orderbeat/clients/memory"
	"orderbeat/db"
	"orderbeat/db/retention"
	"orderbeat/db/schedules"
	"orderbeat/jobs"
	"orderbeat/worker/alerts"
	"orderbeat/worker/bus"
	"orderbeat/worker/bus/embedded"
	"orderbeat/worker/credentials"
	"orderbeat/worker/handover"
	"orderbeat/worker/jobrunner"
	"orderbeat/worker/leader"
	"orderbeat/worker/metrics"
	"orderbeat/worker/notifier"
	"orderbeat/worker/page"
	"orderbeat/worker/planner"
	"orderbeat/worker/problems"
	"orderbeat/worker/relay"
	"orderbeat/worker/scheduler"
	"orderbeat/worker/service"
	"orderbeat/worker/settings"
	"orderbeat/worker/snapshot"
	"orderbeat/worker/telemetry"
	"orderbeat/worker/web"
)

const (
	// stopGrace is how long jobs and requests in flight may take to return after Drain, once
	// their contexts are cancelled.
	stopGrace = 1500 * time.Millisecond
	// flushTimeout limits the final publishing and acknowledging after the jobs have ended.
	flushTimeout = 5 * time.Second
	// stopWithin is how long after Drain the shutdown must be complete. It also limits the final flush.
	stopWithin = 4 * time.Second
)

// ErrAbandoned is returned by [Run] if jobs or requests in flight did not return although their
// contexts were cancelled. They still run; the process must exit.
var ErrAbandoned = errors.New("stopped although jobs or requests ignore their cancellation; the jobs run again after the next start")

// Run runs a worker until ctx ends, then drains: it receives no new jobs, finishes those in flight within
// Drain, publishes the outbox and returns nil. It returns [ErrAbandoned] instead of waiting for a
// job that does not return. While another worker holds the lease, this one is a follower; if another worker
// takes the lease away from it, Run returns an error.
//
// It is one long function on purpose: components stop in the reverse of the order in which they start.
func Run(ctx context.Context, c Config) error {
	troubles := problems.NewSet(c.Log)
	failed := make(fatal, 1)
	if c.Memory == nil {
		c.Memory = memory.NewPool(debug.SetMemoryLimit(-1))
	}
	server, err := openServer(ctx, &c.NATS, c.Log)
	if err != nil {
		return err
	}
	conn, err := bus.Open(c.NATS, server, troubles, c.Log, failed.set)
	if err != nil {
		return err
	}
	defer conn.Close()
	if c.TokenBucket != nil {
		c.TokenBucket.Attach(conn, troubles.Activity("token store"))
	}
	tracer := telemetry.Open(ctx, c.Telemetry, telemetry.Worker{
		Version: c.Version, ID: c.ID, Prefix: c.NATS.Prefix, Traceparent: c.DB.Traceparent, Activity: troubles.Activity("export traces"), Mask: c.Mask, Log: c.Log,
	})
	defer tracer.Close(ctx)
	var listener *web.Listener
	webURL, public := "", ""
	if c.Web.Listen != "" {
		if listener, err = web.Open(ctx, c.Web, c.Log); err != nil {
			return err
		}
		webURL, public = listener.URL(), listener.Public()
	}

	alert := alerts.New(c.DB, c.Log)
	live := settings.NewLive(c.Providers, c.Schedules)
	var rest atomic.Pointer[Settings] // settings other than providers and schedules
	rest.Store(&Settings{QueueAlert: c.QueueAlert, Retention: c.Retention})
	creds := newCredentialManager(c.Providers, func(providers []Provider) *credentials.Credentials {
		return credentials.New(credentials.Config{
			DB: c.DB, Providers: providers, Alerts: alert, Shared: c.TokenBucket != nil, Log: c.Log,
			ConsentURL: func(provider, user string) string { return web.StartURL(public, provider, user) },
		})
	})
	waiters := service.NewRunWaiters(c.Log)
	stale := alert.NewStaleness(live.Providers)
	availability := alert.NewAvailability(live.Providers)
	notify := notifier.New(notifier.Config{Targets: c.Notify, Store: c.DB.Notifications(), Problems: troubles, Window: c.Intervals.Notify, Log: c.Log})
	dates := alerts.NewLocalDates(c.DB, live.Providers, c.Log)
	open, pauses := handovers(server, conn, &c, troubles)
	if server != nil {
		c.SnapshotEvery = 0 // there are no followers
	}
	plans := planner.New(planner.Config{
		DB: c.DB, Settings: live, RunEnded: waiters.Ended, Alerts: alert, Open: open, Trace: tracer, Log: c.Log,
	})
	ticks := metrics.NewTicks(c.Schedules)
	var clock *scheduler.Scheduler
	documents := &bus.Documents{Conn: conn}
	follow := newFollowerMode(c, conn, documents, server != nil, troubles)
	lease := leader.New(leader.Config{
		Conn: conn, ID: c.ID, Place: c.Place, Activity: troubles.Activity("lease"),
		Log: c.Log,
		Progress: func() (until map[string]time.Time, known bool) {
			until, known = clock.Watermarks()
			open.Unrecorded(until, func(schedule string, due time.Time) time.Time {
				s, _ := live.Now().Schedule(schedule)
				return scheduler.Before(s.Cron, due)
			})
			return until, known
		},
		Follow: follow.begin, Current: follow.current,
	})
	snapshots := snapshot.NewMaker(snapshot.Config{
		DB: c.DB, Conn: conn, Every: c.SnapshotEvery, Confirm: lease.Confirm, Activity: troubles.Activity("snapshot"), Log: c.Log,
	})
	clock = scheduler.New(scheduler.Config{
		DB: c.DB, Schedules: c.Schedules, Start: plans.StartTick, Confirm: confirm(lease), PausedItself: pauses.Set, Ticks: ticks, Log: c.Log,
	})
	queues := &bus.Streams{
		Conn: conn, Lease: lease, Problems: troubles, Log: c.Log,
		CheckStreams: c.Intervals.Streams, CheckConsumers: c.Intervals.Consumers, AckWait: c.Intervals.AckWait,
	}
	crew := newFleetMember(c, conn, queues, live, tracer, troubles)
	crew.stand(lease, follow)
	outbox := relay.New(relay.Config{
		DB: c.DB, Streams: queues, Documents: documents,
		CanPublish: func() bool { return follow.over.Load() && lease.IsLeader() }, Fence: fence(server, lease, open, failed.set), OnlyChanges: c.OnlyChanges, Trace: tracer, Problems: troubles, Log: c.Log,
	})
	runner := jobrunner.New(jobrunner.Config{
		DB: c.DB, Settings: live, RunEnded: waiters.Ended, Memory: c.Memory, Lease: lease, Trace: tracer, Log: c.Log,
		Fetchers: crew.remote, StoreOnly: c.Role == RoleStore, Slots: crew.slots, LostEvery: c.Intervals.Lost,
	})
	crew.lead(runner, func() bool { return c.Role != RoleStore && (c.TokenBucket != nil || lease.State() == leader.Held) }, lease.Term)
	outcomes := crew.outcomes(c, runner)
	delays := jobrunner.NewDelays(jobrunner.DelaysConfig{
		DB: c.DB, QueueAlert: func() time.Duration { return rest.Load().QueueAlert }, Alerts: alert, Activity: troubles.Activity("check the queue"),
	})
	keep := func() retention.Periods { return rest.Load().Retention }
	pruning := func(ctx context.Context, keep retention.Periods) (retention.Pruned, error) {
		return prune(ctx, c.DB, keep, c.Log)
	}
	again := &web.OneTimeTokens{}
	reloads := newReloader(c, func(s Settings) {
		ctx := context.WithoutCancel(ctx) // applied as a whole
		metrics.StartTicks(ticks, s.Schedules)
		clock.Replace(ctx, s.Schedules, func() {
			live.Replace(s.Providers, s.Schedules)
			rest.Store(&s)
		})
		creds.replace(ctx, s.Providers)
		runner.Changed(s.Concurrency)
		crew.replaced()
		notify.Replace(s.Notify)
	})
	endpoints := service.New(service.Config{
		DB: c.DB, Conn: conn, Settings: live, Version: c.Version, Place: c.Place, Mask: c.Mask, Trace: tracer, Log: c.Log,
		Start: plans.Start, StartIf: plans.StartIf, Live: liveRequests(plans, runner), Cancel: runner.Cancel, Waiters: waiters, Fleet: crew.processes, Process: crew.self.ID, Host: crew.self.Host, Follows: crew.follows, SchedulePaused: pauses.Set, RunPaused: open.Pause,
		Schedule: clock.State, Sources: creds.sources, Tokens: c.Tokens, ConsentLink: consentLink(public, again),
		Reload: reloads.reload, Loaded: reloads.configuration,
		Retention: keep, Prune: pruning,
	})

	follow.reads = func(ctx context.Context, asOf func() (time.Time, bool)) {
		endpoints.Follow(ctx, context.WithoutCancel(ctx), asOf)
	}

	// Three contexts: taken, for accepting work, ends with ctx; work, for jobs in flight, ends after Drain;
	// serving, for components that the jobs need, ends after the jobs.
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	serving, stopServing := context.WithCancel(context.WithoutCancel(ctx))
	defer stopServing()
	taking, taken := errgroup.WithContext(ctx)
	var backing sync.WaitGroup
	taking.Go(func() error { return failed.wait(taken) })
	backing.Go(func() { conn.Maintain(serving) })
	backing.Go(func() { c.DB.Watch(serving) })
	backing.Go(func() { outbox.Run(serving) })
	backing.Go(func() { open.Run(serving) })
	backing.Go(func() { crew.fleet.Run(serving) })
	if listener != nil {
		ready := newReadiness(conn, c, live.Providers, lease, outbox.Err, troubles, func() bool { return taken.Err() != nil })
		pages := page.New(page.Config{
			DB: c.DB, Call: endpoints.Call, Providers: live.Providers, Caller: caller(c.Web), NotLeader: lease.NotLeaderReason,
			Following: crew.following(lease), Fleet: crew.processes, Process: crew.self.ID, Public: public, Version: c.Version, Log: c.Log,
		})
		site := web.NewSite(web.SiteConfig{
			Config: c.Web, Public: public, NotLeader: lease.NotLeaderReason, Ready: ready.page(c.Web), Page: pages,
			Metrics: metrics.New(metrics.Config{
				DB: c.DB, Providers: live.Providers, Sources: creds.sources, Topics: relay.Topics, Version: c.Version, Log: c.Log,
				Leading: func() bool { return lease.NotLeaderReason() == nil }, Fleet: crew.counted,
				Lag: func() (time.Duration, uint64, bool) {
					l := follow.Lag()
					return l.Behind, l.Messages, crew.follows()
				},
			}, slices.Concat(outbox.Counters(), runner.Counters(), outcomes.Counters(), waiters.Counters(), endpoints.Counters(), notify.Counters(), tracer.Counters(), c.DB.Collectors(), []prometheus.Collector{ticks, troubles, reloads, snapshots})...),
			Sources: creds.sources, Redirects: func() map[string]string { return settings.RedirectURIs(live.Providers()) }, Again: again, Log: c.Log,
		})
		backing.Go(func() { pages.Run(serving) })
		backing.Go(func() {
			if err := listener.Serve(serving, site.Hosts, site.Pages()); err != nil {
				failed.set(err)
			}
		})
	}

	taking.Go(func() error { reloads.run(taken); return nil })
	if c.TokenBucket != nil {
		taking.Go(func() error { c.TokenBucket.Run(taken); return nil })
	}
	backing.Go(func() {
		keepPruning(taken, func(ctx context.Context) error { _, err := pruning(ctx, keep()); return err }, c.Log)
	})
	backing.Go(func() { c.DB.Reports().Run(taken, c.Log) })
	if c.Started != nil {
		c.Started()
	}
	collecting, stopCollecting := context.WithCancel(context.WithoutCancel(ctx)) // for collecting outcomes
	defer stopCollecting()
	taking.Go(func() error {
		defer stopCollecting()
		defer crew.settle()
		return crew.fetch(taken, work)
	})
	lead := func() error {
		before, held := lease.Acquire(taken)
		if !held {
			return nil
		}
		backing.Go(func() {
			if err := lease.Keep(serving); err != nil {
				failed.set(err)
			}
		})
		if err := follow.end(taken); err != nil {
			return err
		}
		if before.ID == c.ID { // write the pauses that could not be written while NATS was unavailable
			pauses.Read(taken, correct(taken, c.DB, pauses, live.Now().ScheduleNames()))
		} else {
			pauses.Read(taken, applyPauses(taken, c.DB, c.Log))
		}
		if open != nil {
			if err := plans.RecordOpen(taken); err != nil {
				return err
			}
		}
		open.Resume(taken, func(ctx context.Context, l handover.OpenRun) (bool, error) {
			return plans.TakeOver(ctx, l.Run, l.Jobs, l.Joined, l.Answered)
		}, backing.Go)
		creds.now.Load().Prepare(taken)
		if err := endpoints.Open(work); err != nil {
			return err
		}
		follow.leaveToLeader()
		backing.Go(func() { creds.run(serving) })
		backing.Go(func() { stale.Run(taken) })
		backing.Go(func() { availability.Run(taken) })
		backing.Go(func() { notify.Run(taken) })
		backing.Go(func() { dates.Run(taken) })
		backing.Go(func() { follow.applyPublished(taken) })
		backing.Go(func() { snapshots.Run(taken) })
		taking.Go(func() error {
			clock.Run(taken, before.AccountedElsewhere(c.ID, live.Now().ScheduleNames()))
			return nil
		})
		taking.Go(func() error {
			if err := runner.FailOrphanedJobs(work); err != nil {
				return err
			}
			crew.join(taken)
			taking.Go(func() error { runner.Run(taken, work, troubles); return nil })
			taking.Go(func() error { runner.RunSuspects(taken, work); return nil })
			taking.Go(func() error { delays.Run(taken); return nil })
			if err := queues.Provision(taken); err != nil {
				return err
			}
			taking.Go(func() error { outcomes.Run(collecting); return nil })
			taking.Go(func() error { plans.Consume(taken, queues); return nil })
			taking.Go(func() error { return (&planner.Repeats{DB: c.DB, Conn: conn, Log: c.Log}).Run(taken) })
			return nil
		})
		taking.Go(func() error { return endpoints.Run(taken) })
		c.Log.Info("orderbeat is running", "nats", conn.URL, "web", webURL, "providers", len(live.Providers()), "schedules", len(live.Now().Schedules))
		if c.Leading != nil {
			c.Leading(webURL)
		}
		return nil
	}
	taking.Go(func() error {
		if err := lead(); taken.Err() == nil {
			return err
		}
		return nil // the process is stopping: a cancelled takeover is not a failure
	})

	<-taken.Done()
	drain := c.Drain
	if cause := context.Cause(taken); errors.Is(cause, leader.ErrLost) || errors.Is(cause, relay.ErrStale) {
		drain = 0 // the new leader runs the jobs in flight again
	}
	c.Log.Info("stopping", "drain", drain.String())
	if c.Stopping != nil {
		c.Stopping()
	}
	over := time.Now().Add(drain + stopWithin)
	cancelWork := time.AfterFunc(drain, stopWork)
	defer cancelWork.Stop()
	if began := beginShutdown(ctx, c.DB); began != nil {
		c.Log.Warn("failed to record the shutdown; jobs that do not end in time count as crashed", "err", began)
	}
	err = within(drain+stopGrace, func() error {
		err := taking.Wait()
		runner.Wait()
		return err
	})
	if errors.Is(err, ErrAbandoned) {
		for _, job := range runner.InFlight() {
			c.Log.Error("job still running after its cancellation", "job_id", job.ID, "run_id", job.RunID, "kind", job.Kind, "provider", job.Provider, "account", job.Account, "attempt", job.Attempt)
		}
	}
	follow.stop()
	follow.leaveToLeader()
	stopServing()
	backing.Wait()
	bounded, end := context.WithDeadline(context.WithoutCancel(ctx), over)
	defer end()
	last, done := context.WithTimeout(bounded, flushTimeout)
	defer done()
	var ended <-chan struct{}
	if c.TokenBucket != nil { // a renewal in progress needs the connection to store its result
		ended = creds.close()
	}
	if flushed := outbox.Flush(last); flushed != nil {
		c.Log.Warn("outbox not flushed; the remaining messages are published after the next start", "err", flushed)
	}
	open.Flush(last)
	if released := lease.Release(last); released != nil {
		c.Log.Warn("failed to release the lease; a follower takes over when it expires", "err", released)
	}
	if ended != nil {
		select {
		case <-ended:
		case <-last.Done():
		}
	}
	if err := conn.NATS.FlushWithContext(last); err != nil {
		c.Log.Warn("failed to close the NATS connection cleanly; unacknowledged messages are redelivered after the next start", "err", err)
	}
	tracer.Close(last)
	return err
}

// openServer starts the embedded server and sets the login in c. It returns nil for an external
// NATS.
func openServer(ctx context.Context, c *bus.Config, log *slog.Logger) (bus.Server, error) {
	if c.URL != "" {
		return nil, nil
	}
	var err error
	if *c, err = c.WithPassword(log); err != nil {
		return nil, err
	}
	return embedded.Open(ctx, *c, log)
}

// liveRequests returns a function that plans a request with one job and performs the job.
func liveRequests(p *planner.Planner, r *jobrunner.Runner) func(context.Context, jobs.Request) error {
	return func(ctx context.Context, request jobs.Request) error {
		plan, err := p.Plan(ctx, request)
		if err = errors.Join(err, plan.Invalid); err == nil {
			err = r.Live(ctx, plan.Run, plan.Jobs[0])
		}
		plan.End(err)
		return err
	}
}

// caller returns a function that identifies the caller of a page request.
func caller(c web.Config) func(*http.Request) (name string, operator bool) {
	return func(r *http.Request) (string, bool) {
		name, operator, _ := c.Caller(r) // the listener has rejected those without a login
		return name, operator
	}
}

// consentLink returns a function that creates single-use links where users grant access; nil without a web
// listener.
func consentLink(public string, again *web.OneTimeTokens) func(provider, user string) (string, time.Time) {
	if public == "" {
		return nil
	}
	return func(provider, user string) (string, time.Time) {
		word, until := again.Make(web.ConsentOf(provider, user))
		return web.StartURL(public, provider, user) + "&again=" + word, until
	}
}

// confirm returns [leader.Lease.Confirm], with ErrLost replaced by [scheduler.ErrNotLeader].
func confirm(l *leader.Lease) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		err := l.Confirm(ctx)
		if errors.Is(err, leader.ErrLost) {
			return scheduler.ErrNotLeader
		}
		return err
	}
}

// fence returns the relay's check that this process still leads; nil with the embedded server, which
// no other process can use.
func fence(embedded bus.Server, l *leader.Lease, open *handover.Runs, fail func(error)) *relay.Fence {
	if embedded != nil {
		return nil
	}
	return &relay.Fence{Stale: fail, Answered: open.Ended, Confirm: func(ctx context.Context) error {
		err := l.Confirm(ctx)
		if errors.Is(err, leader.ErrLost) {
			err = fmt.Errorf("%w: %w", relay.ErrStale, err)
		}
		return err
	}}
}

// handovers returns the stores of open runs and pauses that the next leader needs; nil with the embedded server.
func handovers(embedded bus.Server, conn *bus.Conn, c *Config, troubles *problems.Set) (*handover.Runs, *handover.Pauses) {
	if embedded != nil {
		return nil, nil
	}
	open := handover.NewRuns(handover.Config{Conn: conn, Activity: troubles.Activity("open runs"), Log: c.Log})
	return open, &handover.Pauses{Conn: conn, Log: c.Log}
}

// applyPauses returns a function that applies the pauses of the previous leader to the database.
func applyPauses(ctx context.Context, d *db.DB, log *slog.Logger) func(known map[string]*schedules.Pause) error {
	return func(known map[string]*schedules.Pause) (failed error) {
		for schedule, p := range known {
			_, paused, err := d.Paused(ctx, schedule)
			switch {
			case err != nil || paused == (p != nil):
			case p != nil:
				log.Info("schedule paused, because the previous leader had paused it", "schedule", schedule, "note", p.Note)
				err = d.PauseSchedule(ctx, schedule, p.Note, p.PausedAt)
			default:
				log.Info("schedule resumed, because the previous leader had resumed it", "schedule", schedule)
				_, err = d.ResumeSchedule(ctx, schedule)
			}
			failed = errors.Join(failed, err)
		}
		return failed
	}
}

// correct returns a function that publishes the pauses of this database where the stored ones differ.
func correct(ctx context.Context, d *db.DB, pauses *handover.Pauses, names []string) func(known map[string]*schedules.Pause) error {
	return func(known map[string]*schedules.Pause) (failed error) {
		for _, name := range names {
			p, paused, err := d.Paused(ctx, name)
			switch {
			case err != nil || paused == (known[name] != nil):
				failed = errors.Join(failed, err)
			case paused:
				pauses.Set(ctx, name, &p)
			default:
				pauses.Set(ctx, name, nil)
			}
		}
		return failed
	}
}

// beginShutdown records in the database that a shutdown has begun, within one second.
func beginShutdown(ctx context.Context, d *db.DB) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	return d.BeginShutdown(ctx)
}

// fatal holds the first error that ends the process.
type fatal chan error

// set ends the process with an error. Later errors are ignored.
func (f fatal) set(err error) {
	select {
	case f <- err:
	default: // only the first counts
	}
}

// wait returns the error, or nil when ctx ends.
func (f fatal) wait(ctx context.Context) error {
	select {
	case err := <-f:
		return err
	case <-ctx.Done():
		return nil
	}
}

// within returns what wait returns, or [ErrAbandoned] if that takes longer than d.
func within(d time.Duration, wait func() error) error {
	ended := make(chan error, 1)
	go func() { ended <- wait() }() // leaked only by work that does not return
	select {
	case err := <-ended:
		return err
	case <-time.After(d):
		return ErrAbandoned
	}
}

package worker

import (
	"cmp"
	"context"
	"math"
	"os"
	"time"

	"github.com/oklog/ulid/v2"

	"orderbeat/clients"
	"orderbeat/worker/api"
	"orderbeat/worker/bus"
	"orderbeat/worker/fetcher"
	"orderbeat/worker/fleet"
	"orderbeat/worker/follower"
	"orderbeat/worker/jobrunner"
	"orderbeat/worker/leader"
	"orderbeat/worker/problems"
	"orderbeat/worker/remote"
	"orderbeat/worker/settings"
	"orderbeat/worker/slots"
	"orderbeat/worker/telemetry"
	"orderbeat/worker/wire"
)

// Role is what a process does.
type Role string

// The roles. "" is RoleAll.
const (
	RoleAll   Role = "all"   // leads or follows, and makes attempts at jobs
	RoleStore Role = "store" // leads or follows, and leaves all attempts to others
	RoleFetch Role = "fetch" // makes attempts at jobs that others queued
)

// fleetMember has the components that share jobs with other processes.
type fleetMember struct {
	role    Role
	conn    *bus.Conn
	live    *settings.Live
	slots   *slots.Slots
	fleet   *fleet.Fleet
	fetcher *fetcher.Fetcher
	remote  *remote.Remote
	self    fleet.Process
	// fetching reports whether this process makes attempts at jobs of others.
	fetching func() bool
	inFlight func() int // attempts in flight that the process's own job runner made
	sent     func(provider string) int
	term     func() string // [leader.Lease.Term]
	// standing returns the id of the leader, "" if it is unknown, and the lag of this process,
	// nil unless it is a follower.
	standing func() (leading string, lag *api.Lag)
}

// newFleetMember returns a crew. All arguments are shared with the rest of the process.
func newFleetMember(c Config, conn *bus.Conn, queues *bus.Streams, live *settings.Live, tracer *telemetry.Tracer, troubles *problems.Set) *fleetMember {
	host, _ := os.Hostname() // "" if unknown
	w := &fleetMember{
		role: cmp.Or(c.Role, RoleAll), conn: conn, live: live, slots: slots.New(c.Concurrency),
		self:     fleet.Process{ID: processID(c.ID), Host: host, Version: c.Version, Wire: wire.Version, Since: time.Now().UTC()},
		fetching: func() bool { return c.Role == RoleFetch }, inFlight: func() int { return 0 }, sent: func(string) int { return 0 }, term: func() string { return "" },
		standing: func() (string, *api.Lag) { return "", nil },
	}
	w.self.Role = string(w.role)
	blobs := &wire.Blobs{Conn: conn}
	w.fleet = fleet.New(fleet.Config{
		Conn: conn, Self: w.entry, Changed: w.share, Every: c.Intervals.Fleet,
		Activity: troubles.Activity("fleet"), Log: c.Log,
	})
	w.fetcher = fetcher.New(fetcher.Config{
		Streams: queues, Settings: live, Slots: w.slots, Memory: c.Memory, Blobs: blobs, Active: w.active, Limit: w.limit,
		Version: c.Version, Host: host, Process: w.self.ID, Mask: c.Mask, Trace: tracer, Log: c.Log,
	})
	w.remote = remote.New(remote.Config{
		Streams: queues, Fleet: w.fleet, Term: func() string { return w.term() }, Own: w.own, Blobs: blobs, Trace: tracer, Log: c.Log,
	})
	return w
}

// processID returns the id of this process in the fleet: derived from its database, or random without one.
func processID(database string) string {
	if database == "" {
		return ulid.Make().String()
	}
	return fleet.ProcessID(database)
}

// entry returns this process's current entry in the fleet.
func (w *fleetMember) entry() fleet.Process {
	p := w.self
	p.Providers = w.live.Now().ProviderNames()
	p.Slots, p.InFlight = w.own(), w.inFlight()+w.fetcher.InFlight()
	leading, lag := w.standing()
	p.Lag = lag
	p.Does = does(p, leading)
	return p
}

// does lists what a process does. The leader is taken from the lease, because the entry of a killed
// process may still say that it leads.
func does(p fleet.Process, leading string) []string {
	list := []string{}
	switch {
	case p.ID == leading:
		list = append(list, api.Leads)
	case p.Lag != nil:
		list = append(list, api.Follows)
	}
	if p.Slots > 0 {
		list = append(list, api.Fetches)
	}
	return list
}

// stand connects the lease and the follower, from which [crew.standing] is read. It is called before the fleet is joined.
func (w *fleetMember) stand(lease *leader.Lease, follow *followerMode) {
	w.standing = func() (string, *api.Lag) {
		switch state := lease.State(); {
		case state == leader.Held:
			return w.self.ID, nil
		case state == leader.Over || !follow.began.Load():
			return "", nil
		}
		id, _ := lease.Other()
		if id != "" {
			id = fleet.ProcessID(id)
		}
		return id, lagOf(follow.Lag())
	}
}

// follows reports whether this process follows.
func (w *fleetMember) follows() bool {
	_, lag := w.standing()
	return lag != nil
}

// following returns a function for the place of the leader's database and this process's lag, nil unless it follows.
func (w *fleetMember) following(lease *leader.Lease) func() (leader string, lag *api.Lag) {
	return func() (string, *api.Lag) {
		_, lag := w.standing()
		_, place := lease.Other()
		return place, lag
	}
}

func lagOf(l follower.Lag) *api.Lag {
	lag := &api.Lag{Seconds: math.Round(l.Behind.Seconds()*10) / 10, Messages: l.Messages}
	if !l.AsOf.IsZero() {
		at := l.AsOf.UTC()
		lag.AsOf = &at
	}
	return lag
}

// own returns how many attempts this process makes at once.
func (w *fleetMember) own() int {
	if !w.fetching() {
		return 0
	}
	return w.slots.All()
}

// active reports whether jobs of a provider may be on their way to this process.
func (w *fleetMember) active(provider string) bool {
	return w.role == RoleFetch || w.fetching() && (w.sent(provider) > 0 || len(w.fleet.Processes()) > 1)
}

// limit returns this process's share of a provider's concurrency, in proportion to its slots: if one
// process had all, the others could not use their shares of the rate.
func (w *fleetMember) limit(provider string) int {
	p, ok := w.live.Now().Provider(provider)
	own := w.own()
	if !ok || own == 0 {
		return 0
	}
	all := own + w.fleet.Others(provider, wire.Version)
	return (p.Concurrency*own + all - 1) / all
}

// share sets how many processes share each provider's rate limit, which applies to the whole fleet.
func (w *fleetMember) share() {
	for _, p := range w.live.Providers() {
		if limited, ok := p.Provider.(clients.RateSharer); ok {
			limited.Share(w.fleet.Sharing(p.Name))
		}
	}
}

// replaced applies new settings after a reload.
func (w *fleetMember) replaced() {
	w.share()
	w.fetcher.Changed()
}

// outcomes returns the component that commits the outcomes of fetchers.
func (w *fleetMember) outcomes(c Config, runner *jobrunner.Runner) *remote.Outcomes {
	return remote.NewOutcomes(remote.Outcomes{
		Remote: w.remote, Committer: runner, Memory: c.Memory,
		Active: func() bool { return w.role == RoleStore || runner.Sent("") > 0 || len(w.fleet.Processes()) > 1 },
	})
}

// processes lists all processes, for replies and the web page.
func (w *fleetMember) processes() []api.Process {
	leading, _ := w.standing()
	list := []api.Process{}
	for _, p := range w.fleet.Processes() {
		if p.ID == leading {
			p.Lag = nil // it has just taken over
		}
		list = append(list, api.Process{
			Process: p.ID, Host: p.Host, Role: p.Role, Leader: p.ID == leading, Does: does(p, leading), Lag: p.Lag, Version: p.Version, Since: p.Since,
			Providers: append([]string{}, p.Providers...), Slots: p.Slots, InFlight: p.InFlight,
		})
	}
	return list
}

// counted returns the number of processes by what they do, nil unless this process leads.
func (w *fleetMember) counted() map[string]int {
	if leading, _ := w.standing(); leading != w.self.ID {
		return nil
	}
	n := map[string]int{api.Leads: 0, api.Follows: 0, api.Fetches: 0}
	for _, p := range w.processes() {
		for _, what := range p.Does {
			n[what]++
		}
	}
	return n
}

// lead connects the job runner, which queues and claims jobs. fetching reports whether this process makes
// attempts.
func (w *fleetMember) lead(runner *jobrunner.Runner, fetching func() bool, term func() string) {
	w.term = term
	w.fetching, w.sent = fetching, runner.Sent
	w.inFlight = func() int { return len(runner.InFlight()) }
}

// fetch makes attempts at jobs of others until ctx ends.
func (w *fleetMember) fetch(ctx, work context.Context) error {
	if !w.fleet.Wait(ctx) {
		return nil
	}
	if w.role == RoleStore {
		<-ctx.Done()
		return nil
	}
	return w.fetcher.Run(ctx, work)
}

// settle waits briefly at shutdown for outcomes that fetchers are publishing. It gives up after 1 s without
// progress; later outcomes are committed after the next start.
func (w *fleetMember) settle() {
	const pause, quiet = 20 * time.Millisecond, 50
	for last, same := w.sent(""), 0; last > 0 && same < quiet; same++ {
		time.Sleep(pause)
		if now := w.sent(""); now != last {
			last, same = now, 0
		}
	}
}

// join waits up to [bus.Timeout] until the other processes are known. Without them this process works alone.
func (w *fleetMember) join(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, bus.Timeout)
	defer cancel()
	w.fleet.Wait(ctx)
}

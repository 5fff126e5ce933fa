package worker

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"time"

	"orderbeat/db"
	"orderbeat/worker/bus"
	"orderbeat/worker/jobrunner"
	"orderbeat/worker/leader"
	"orderbeat/worker/planner"
	"orderbeat/worker/problems"
	"orderbeat/worker/web"
)

// readyFor is how long the result of a check is reused, since a check writes to the database.
const readyFor = time.Second

// checkTimeout bounds one check, so that a locked database is reported before probes time out.
const checkTimeout = 3 * time.Second

// errReceiving is the error of a consumer that has not been polled yet.
var errReceiving = errors.New("not receiving yet")

// readiness checks whether work proceeds: a leader receives, performs and publishes jobs; a
// follower can take over.
type readiness struct {
	bus       *bus.Conn
	db        *db.DB
	lease     *leader.Lease
	outbox    func() error // [relay.Relay.Err]
	streams   *problems.Activity
	runs      string // name of the stream
	providers func() []Provider
	set       *problems.Set
	stopping  func() bool
	run       func(ctx context.Context) verdict // check

	checking chan struct{} // holds one value while no check runs; receiving it locks the fields below
	last     verdict
	at       time.Time
}

// receiving is the state of one receiver of work.
type receiving struct {
	part     string
	activity *problems.Activity
}

// verdict is the result of a check. The zero value is a leader whose work proceeds.
type verdict struct {
	follows error  // why this process is a follower, nil if it is the leader
	part    string // the part that fails
	err     error  // why it fails, nil if all parts work
}

func newReadiness(b *bus.Conn, c Config, providers func() []Provider, l *leader.Lease, outbox func() error, set *problems.Set, stopping func() bool) *readiness {
	r := &readiness{
		bus: b, db: c.DB, lease: l, outbox: outbox, streams: set.Activity("streams"), runs: b.Stream("runs"),
		providers: providers, set: set, stopping: stopping, checking: make(chan struct{}, 1),
	}
	r.run = r.check
	r.checking <- struct{}{}
	for _, of := range r.receiving() {
		of.activity.Pending(errReceiving)
	}
	return r
}

// receiving lists the receivers of work.
func (r *readiness) receiving() []receiving {
	list := []receiving{{"consumer planner", planner.Activity(r.set)}}
	for _, p := range r.providers() {
		list = append(list, receiving{"jobs of " + p.Name, jobrunner.Activity(r.set, p.Name)})
	}
	return list
}

// verdict returns the last result, or runs a new check if it is older than [readyFor]. Concurrent
// callers share one check.
func (r *readiness) verdict(ctx context.Context) verdict {
	select {
	case <-r.checking:
		defer func() { r.checking <- struct{}{} }()
	case <-ctx.Done():
		return verdict{part: "readiness", err: errors.New("the check takes too long")}
	}
	if !r.at.IsZero() && time.Since(r.at) < readyFor && !r.stopping() {
		return r.last
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkTimeout) // other callers use the result too
	defer cancel()
	r.last, r.at = r.run(ctx), time.Now()
	return r.last
}

func (r *readiness) check(ctx context.Context) verdict {
	if r.stopping() {
		return verdict{part: "worker", err: errors.New("shutting down")}
	}
	if err := r.bus.Usable(); err != nil {
		return verdict{part: "nats", err: err}
	}
	if err := r.db.Ping(ctx); err != nil {
		return verdict{part: "database", err: err}
	}
	switch state, err := r.lease.State(), r.lease.Err(); {
	case err != nil:
		return verdict{part: "lease", err: err}
	case state == leader.Elsewhere:
		return verdict{follows: r.lease.NotLeaderReason()}
	case state != leader.Held:
		return verdict{part: "lease", err: r.lease.NotLeaderReason()}
	}
	part, err := r.leading(ctx)
	return verdict{part: part, err: err}
}

// leading returns which part prevents the leader from receiving, performing or publishing jobs, and why.
func (r *readiness) leading(ctx context.Context) (part string, err error) {
	if err := r.streams.Err(); err != nil {
		return "streams", err
	}
	if _, err := r.bus.JS.Stream(ctx, r.runs); err != nil {
		return "stream " + r.runs, r.bus.Explain(err)
	}
	for _, of := range r.receiving() {
		if err := of.activity.Err(); err != nil {
			return of.part, err
		}
	}
	if err := r.outbox(); err != nil {
		return "outbox", err
	}
	if providers := r.providers(); len(providers) > 0 && !slices.ContainsFunc(providers, func(p Provider) bool { return !p.Latched() }) {
		return "providers", errors.New("all have rejected their credentials; see \"orderbeat auth status\"")
	}
	return "", nil
}

// shown returns the text of an error for a page. Hosts and paths are included only with the password of web.auth.
func shown(c web.Config, req *http.Request, err error) string {
	if c.User != "" && c.Admits(req) {
		return err.Error()
	}
	host, _ := os.Hostname()
	return bus.RedactLocations(err, host)
}

// page serves /readyz: 200 while work proceeds, or could proceed after a takeover; with ?leader 200 for the
// leader only. Hosts and paths are shown only with the password of web.auth.
func (r *readiness) page(c web.Config) http.HandlerFunc {
	return func(rw http.ResponseWriter, req *http.Request) {
		ctx, cancel := context.WithTimeout(req.Context(), 2*checkTimeout) // a check may be running
		defer cancel()
		say := func(err error) string { return shown(c, req, err) }
		_, leader := req.URL.Query()["leader"]
		switch v := r.verdict(ctx); {
		case v.err != nil:
			http.Error(rw, v.part+": "+say(v.err), http.StatusServiceUnavailable)
		case v.follows != nil && leader:
			http.Error(rw, say(v.follows), http.StatusServiceUnavailable)
		case v.follows != nil:
			fmt.Fprintln(rw, "ok: "+say(v.follows))
		default:
			fmt.Fprintln(rw, "ok")
		}
	}
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"

	"orderbeat/cmd/orderbeat/lock"
	"orderbeat/worker/api"
	"orderbeat/worker/bus"
	"orderbeat/worker/fleet"
)

// notCopied has, by command path, the data that the command reads and that a follower's database lacks.
var notCopied = map[string]string{
	"orderbeat jobs":              "jobs",
	"orderbeat runs":              "jobs, and runs that have not ended",
	"orderbeat exchanges":         "exchanges",
	"orderbeat schedules":         "due times, and pauses",
	"orderbeat schedules explain": "due times, and pauses",
	"orderbeat status":            "jobs, and messages to publish",
}

// fleetPatience is the timeout for connecting to one NATS server. Connecting and the request take at most 4 times as long.
const fleetPatience = 500 * time.Millisecond

// noteFollower prints, once, that the database of this machine belongs to a follower, how far behind it is and
// where the leader is. With the embedded NATS there are no followers. Nothing is printed if no process replies:
// then nothing is published that this database could lack.
func (a *App) noteFollower(ctx context.Context, path string) {
	if !a.began || a.saidFollows { // completions are silent
		return
	}
	a.saidFollows = true
	conf, err := a.LoadPart("nats")
	if err != nil || conf.NATS.URL == "" {
		return // the command reports an invalid configuration, if it needs that section
	}
	id, err := lock.Identity(path)
	if err != nil {
		return // no worker has used this database yet
	}
	ctx, cancel := context.WithTimeout(ctx, 4*fleetPatience)
	defer cancel()
	list, err := processes(ctx, conf.NATS)
	if _, none := errors.AsType[*NoWorkerError](err); none {
		return
	}
	if err != nil {
		fmt.Fprintf(a.Stderr, "cannot determine whether this database is up to date: %s\n", Plain(err.Error()))
		return
	}
	leader := slices.IndexFunc(list, func(p api.Process) bool { return p.Leader })
	own := slices.IndexFunc(list, func(p api.Process) bool { return p.Process == fleet.ProcessID(id) })
	where := "no process leads at the moment"
	if leader >= 0 {
		where = "the leader is on " + Plain(list[leader].Host)
	}
	switch {
	case own >= 0 && list[own].Leader || own < 0 && leader < 0:
		return
	case own < 0:
		fmt.Fprintf(a.Stderr, "no process is known to run on this database, which may be out of date; %s\n", where)
	case list[own].Lag != nil:
		lag := list[own].Lag
		asOf := ""
		if lag.AsOf != nil {
			asOf = "as of " + a.Second(*lag.AsOf) + ", "
		}
		fmt.Fprintf(a.Stderr, "this is a follower: its database is %s%s behind; %s\n", asOf, lag, where)
	default:
		fmt.Fprintf(a.Stderr, "the process on this database has just started and does not lead; %s\n", where)
	}
	if what := notCopied[a.command]; what != "" {
		fmt.Fprintf(a.Stderr, "not copied to a follower: %s; run this command on the machine of the leader\n", what)
	}
}

// processes requests the list of processes in the fleet.
func processes(ctx context.Context, c bus.Config) ([]api.Process, error) {
	w, err := Dial(c, nats.Timeout(fleetPatience))
	if err != nil {
		return nil, err
	}
	defer w.Close()
	reply, err := CallOver[api.Fleet](ctx, w, "fleet.list", struct{}{})
	return reply.Processes, err
}

// noteWorker prints, once, which worker of several replied.
func (a *App) noteWorker(w *Client) {
	if w.shared && !a.saidWho {
		a.saidWho = true
		w.PrintWorker(a.Stderr)
	}
}

package notifier

import (
	"cmp"
	"context"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"orderbeat/auth/secret"
	"orderbeat/clients"
	"orderbeat/db/notifications"
	"orderbeat/worker/problems"
	"orderbeat/worker/wait"
)

const (
	// window is how long a message waits for further alerts with the same code and state.
	window = 10 * time.Second
	// poll is how often the database is read.
	poll = 2 * time.Second
	// firstRetry is the pause after the first failure in a row. It doubles up to lastRetry.
	firstRetry = 5 * time.Second
	lastRetry  = 10 * time.Minute
	// giveUp is the age after which a notification is dropped when sending it fails.
	giveUp = 24 * time.Hour
	// maxQueue bounds the queued notifications of one target. The oldest are dropped.
	maxQueue = 10_000
)

// The results of a message, in the metric.
const (
	resultSent    = "sent"
	resultFailed  = "failed"
	resultDropped = "dropped"
)

// Target is where alerts are sent. An empty filter matches all alerts.
type Target struct {
	Name      string
	URL       secret.Secret // a shoutrrr service URL
	Codes     []clients.Code
	Providers []string
}

// Config has the dependencies of a notifier.
type Config struct {
	Targets  []Target // initial targets, see [Notifier.Replace]
	Store    *notifications.Store
	Problems *problems.Set
	Window   time.Duration // how long a message waits for further alerts, 0 for 10s
	Log      *slog.Logger
}

// Notifier sends notifications.
type Notifier struct {
	Config
	results *prometheus.CounterVec
	changed wait.Signal // the targets were replaced

	mu      sync.Mutex // guards targets
	targets []Target
}

// New returns a notifier.
func New(c Config) *Notifier {
	c.Window = cmp.Or(c.Window, window)
	n := &Notifier{Config: c, changed: wait.NewSignal(), results: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "orderbeat_notifications_total", Help: "Messages to notify targets by result; dropped counts alerts.",
	}, []string{"target", "result"})}
	n.Replace(c.Targets)
	<-n.changed // not a change: Run starts with these targets
	return n
}

// Replace replaces the targets. Unchanged targets continue without interruption.
func (n *Notifier) Replace(targets []Target) {
	for _, t := range targets {
		for _, result := range []string{resultSent, resultFailed, resultDropped} {
			n.results.WithLabelValues(t.Name, result)
		}
	}
	n.mu.Lock()
	n.targets = targets
	n.mu.Unlock()
	n.changed.Set()
}

func (n *Notifier) current() []Target {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.targets
}

// Counters are the metrics of the notifier.
func (n *Notifier) Counters() []prometheus.Collector { return []prometheus.Collector{n.results} }

// Run sends notifications until ctx ends. Each target has its own loop, so a slow target does not delay others.
func (n *Notifier) Run(ctx context.Context) {
	loops := map[string]running{}
	var queues sync.WaitGroup
	defer queues.Wait()
	for {
		targets := n.current()
		for name, r := range loops {
			if !slices.ContainsFunc(targets, func(t Target) bool { return t.Name == name && reflect.DeepEqual(t, r.target) }) {
				r.stop()
				delete(loops, name)
			}
		}
		if !n.register(ctx, targets) {
			return
		}
		for _, t := range targets {
			if _, ok := loops[t.Name]; !ok {
				loops[t.Name] = n.start(ctx, t, &queues)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-n.changed:
		}
	}
}

// running is the loop of a target.
type running struct {
	target Target
	stop   func() // stops the loop and waits for it
}

// start starts the loop of a target.
func (n *Notifier) start(ctx context.Context, t Target, queues *sync.WaitGroup) running {
	sender, err := Open(t.URL)
	if err != nil { // the configuration was checked
		n.Log.Error("invalid notification target", "target", t.Name, "err", err)
		return running{t, func() {}}
	}
	q := &queue{n: n, target: t.Name, sender: sender, activity: n.Problems.Activity("notify " + t.Name)}
	own, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	queues.Go(func() {
		defer close(ended)
		defer stop()
		q.run(own)
	})
	return running{t, func() {
		stop()
		<-ended
		q.activity.OK()
	}}
}

// Test sends a test message to a target.
func Test(ctx context.Context, t Target) error {
	sender, err := Open(t.URL)
	if err != nil {
		return err
	}
	return sender.Send(ctx, "Orderbeat: TEST", "TEST: sent by \"orderbeat notify test\" to the target "+t.Name+". Alerts are sent here.")
}

// register stores the targets, so that alerts are queued for them. It returns false if ctx ended.
func (n *Notifier) register(ctx context.Context, list []Target) bool {
	targets := make([]notifications.Target, len(list))
	for i, t := range list {
		targets[i] = notifications.Target{Name: t.Name, Codes: t.Codes, Providers: t.Providers}
	}
	for {
		err := n.Store.SetTargets(ctx, targets, time.Now())
		if err == nil {
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		n.Log.Warn("failed to store notification targets, will retry", "err", err)
		if !wait.For(ctx, firstRetry) {
			return false
		}
	}
}

// queue sends the notifications of one target, in order.
type queue struct {
	n        *Notifier
	target   string
	sender   *Sender
	activity *problems.Activity
	failures int                          // in a row
	done     []notifications.Notification // sent or dropped, but not deleted yet
}

func (q *queue) run(ctx context.Context) {
	for wait.For(ctx, q.sendNext(ctx)) {
	}
}

// sendNext sends the next message if it is due, and returns how long to wait before the next call.
func (q *queue) sendNext(ctx context.Context) time.Duration {
	if err := q.forget(ctx); err != nil {
		return q.failed(ctx, "failed to record a notification, will retry", err)
	}
	list, err := q.n.Store.Next(ctx, q.target)
	if err != nil {
		return q.failed(ctx, "failed to read notifications, will retry", err)
	}
	if len(list) == 0 {
		return poll
	}
	if rest := q.n.Window - time.Since(list[0].At); rest > 0 && rest <= q.n.Window { // else the clock was set back
		return rest
	}
	title, text := message(list)
	if err := q.sender.Send(ctx, title, text); err != nil {
		q.n.results.WithLabelValues(q.target, resultFailed).Inc()
		pause := q.failed(ctx, "failed to send a notification, will retry", err)
		q.drop(ctx, list)
		return pause
	}
	q.failures = 0
	q.activity.OK()
	q.n.results.WithLabelValues(q.target, resultSent).Inc()
	q.n.Log.Info("notification sent", "target", q.target, "code", list[0].Code, "state", list[0].State, "alerts", len(list))
	q.done = list
	if err := q.forget(ctx); err != nil {
		return q.failed(ctx, "failed to record a notification, will retry", err)
	}
	return 0
}

// forget deletes sent and dropped notifications, also during shutdown: otherwise they would be sent again.
func (q *queue) forget(ctx context.Context) error {
	if q.done == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	err := q.n.Store.Delete(ctx, q.done)
	if err == nil {
		q.done = nil
	}
	return err
}

// failed records a failure, and returns how long to wait before the next attempt.
func (q *queue) failed(ctx context.Context, msg string, err error) time.Duration {
	if ctx.Err() != nil {
		return 0
	}
	q.activity.Failed(msg, err, "target", q.target)
	pause := min(firstRetry<<min(q.failures, 10), lastRetry)
	q.failures++
	return pause/2 + rand.N(pause/2)
}

// drop deletes failed notifications older than giveUp, and the oldest ones beyond maxQueue.
func (q *queue) drop(ctx context.Context, failed []notifications.Notification) {
	if ctx.Err() != nil {
		return
	}
	old := 0
	for old < len(failed) && time.Since(failed[old].At) > giveUp {
		old++
	}
	dropped := int64(old)
	if old > 0 {
		q.done = failed[:old]
		if err := q.forget(ctx); err != nil { // deleted by the next turn
			q.n.Log.Warn("failed to delete notifications, will retry", "target", q.target, "err", err)
		}
	}
	n, err := q.n.Store.Trim(ctx, q.target, maxQueue)
	if err != nil {
		q.n.Log.Warn("failed to delete notifications, will retry", "target", q.target, "err", err)
	}
	if dropped += n; dropped > 0 {
		q.n.results.WithLabelValues(q.target, resultDropped).Add(float64(dropped))
		q.n.Log.Error("notifications dropped because the target keeps failing", "target", q.target, "alerts", dropped, "code", failed[0].Code, "state", failed[0].State)
	}
}

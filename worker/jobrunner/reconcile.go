package jobrunner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"orderbeat/clients"
	"orderbeat/db"
	"orderbeat/jobs"
	"orderbeat/worker/bus"
	"orderbeat/worker/problems"
	"orderbeat/worker/settings"
	"orderbeat/worker/wait"
)

const (
	// reconcileEvery is the default of [ReconcilerConfig.Every].
	reconcileEvery = 20 * time.Second
	// reconcileConfirm is how often a difference is checked again, reconcilePause the pause
	// before each check: jobs come and go between reading the database and the stream.
	reconcileConfirm = 2
	reconcilePause   = time.Second
	// maxPurges bounds the subjects that one pass purges.
	maxPurges = 100
)

// codeQueueDelayed is the code of the alert about jobs that wait in the queue longer than
// ReconcilerConfig.QueueAlert.
const codeQueueDelayed clients.Code = "queue_delayed"

// ReconcilerConfig has a reconciler's dependencies.
type ReconcilerConfig struct {
	DB         *db.DB
	Streams    *bus.Streams
	Providers  []settings.Provider
	QueueAlert time.Duration // how long a job may wait in the queue; 0 is no limit
	// Every is how often the jobs in the database are compared with the messages on the stream; 0 is
	// 20s.
	Every  time.Duration
	Alerts Alerts
	Log    *slog.Logger
}

// Alerts raises and resolves alerts.
type Alerts interface {
	// Raised lists the raised alerts with a code.
	Raised(ctx context.Context, code clients.Code) ([]db.Alert, error)
	// Hold raises the wanted alerts, and resolves those of the raised ones that are not wanted.
	Hold(ctx context.Context, raised, wanted []db.Alert) error
}

// Reconciler compares the published jobs of the database with the jobs stream. It republishes
// jobs that the stream lost, removes messages without a consumer, and replaces a consumer that
// does not deliver the stream's messages. It raises the alert about jobs that wait too long.
type Reconciler struct {
	db        *db.DB
	streams   *bus.Streams
	messages  *bus.InFlight
	providers map[string]settings.Provider
	every     time.Duration
	after     time.Duration // how long a job may wait in the queue; 0 is no limit
	started   time.Time
	activity  *problems.Activity
	alerts    Alerts
	log       *slog.Logger

	tidied bool            // the consumers of removed providers were deleted
	stuck  map[string]bool // providers whose consumer seemed stuck in the last pass
}

// NewReconciler returns a reconciler that knows the messages in flight.
func (r *Runner) NewReconciler(c ReconcilerConfig) *Reconciler {
	return &Reconciler{
		db: c.DB, streams: c.Streams, messages: r.messages, providers: settings.ByName(c.Providers), every: cmp.Or(c.Every, reconcileEvery), after: c.QueueAlert, started: time.Now(),
		activity: c.Streams.Problems.Activity("reconcile"), alerts: c.Alerts, log: c.Log, stuck: map[string]bool{},
	}
}

// Run reconciles at once and then periodically until ctx ends.
func (r *Reconciler) Run(ctx context.Context) {
	every := r.every
	if r.after > 0 {
		every = min(every, r.after/4)
	}
	for {
		requeued, err := r.reconcile(ctx)
		if err = errors.Join(r.alert(ctx, time.Now()), err); err == nil {
			r.activity.OK()
		} else if ctx.Err() == nil {
			r.activity.Failed("failed to compare jobs with the jobs stream", err)
		}
		rest := every
		if requeued > 0 {
			rest = min(rest, reconcilePause) // the stream may have room for a part of them only
		}
		if !wait.For(ctx, rest) {
			return
		}
	}
}

// reconcile compares the jobs with the stream, and returns how many it requeued.
func (r *Reconciler) reconcile(ctx context.Context) (requeued int, err error) {
	if !r.streams.Lease.IsLeader() {
		return 0, nil // NATS is down, or another worker leads
	}
	lost, messages, err := r.missing(ctx)
	if err != nil {
		return 0, err
	}
	if err := errors.Join(r.purge(ctx, messages), r.deleteUnknown(ctx), r.replaceStuck(ctx, messages)); err != nil {
		return 0, err
	}
	for range reconcileConfirm {
		if len(lost) == 0 || !wait.For(ctx, reconcilePause) {
			return 0, ctx.Err()
		}
		again, _, err := r.missing(ctx)
		if err != nil {
			return 0, err
		}
		lost = slices.DeleteFunc(lost, func(g db.JobGroup) bool {
			return !slices.ContainsFunc(again, func(a db.JobGroup) bool { return a.Subject() == g.Subject() })
		})
	}
	for _, g := range lost {
		n, err := r.db.RequeueGroup(ctx, g, r.inFlight())
		if err != nil {
			return requeued, err
		}
		requeued += n
		if n > 0 {
			r.log.Warn("the jobs stream has lost jobs: republished", "provider", g.Provider, "account", g.Account, "kind", g.Kind, "jobs", n)
		}
	}
	return requeued, nil
}

// missing returns the groups of jobs that have fewer messages on the stream than jobs. A job in
// flight whose message is gone is not missing. messages counts the stream's messages by subject.
func (r *Reconciler) missing(ctx context.Context) (lost []db.JobGroup, messages map[string]uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, 6*bus.Timeout)
	defer cancel()
	before, err := r.db.PublishedJobs(ctx)
	if err != nil {
		return nil, nil, err
	}
	stream, err := r.streams.JS.Stream(ctx, r.streams.Stream("jobs"))
	if err != nil {
		return nil, nil, err
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(r.streams.Of("jobs.>")))
	if err != nil {
		return nil, nil, err
	}
	messages = info.State.Subjects
	fewer := func(g db.JobGroup) bool { return messages[r.streams.Of(g.Subject())] < uint64(g.Jobs) }
	if !slices.ContainsFunc(before, fewer) {
		return nil, messages, nil
	}
	after, err := r.db.PublishedJobs(ctx) // without those that ended meanwhile
	if err != nil {
		return nil, nil, err
	}
	gone, err := r.gone(ctx, stream)
	if err != nil {
		return nil, nil, err
	}
	for _, g := range after {
		was := slices.IndexFunc(before, func(b db.JobGroup) bool { return b.Subject() == g.Subject() })
		if was < 0 {
			continue // published meanwhile
		}
		g.Jobs = min(g.Jobs, before[was].Jobs) - gone[r.streams.Of(g.Subject())]
		if g.Jobs > 0 && fewer(g) {
			lost = append(lost, g)
		}
	}
	return lost, messages, nil
}

// gone counts the messages in flight that the stream no longer has, by subject.
func (r *Reconciler) gone(ctx context.Context, stream jetstream.Stream) (map[string]int, error) {
	gone := map[string]int{}
	for _, msg := range r.messages.List() {
		_, err := stream.GetMsg(ctx, bus.Sequence(msg))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			gone[msg.Subject()]++
		} else if err != nil {
			return nil, fmt.Errorf("message %d: %w", bus.Sequence(msg), err)
		}
	}
	return gone, nil
}

// inFlight lists the ids of the jobs whose messages are in flight.
func (r *Reconciler) inFlight() (ids []string) {
	for _, msg := range r.messages.List() {
		ids = append(ids, msg.Headers().Get("ce-subject"))
	}
	return ids
}

// purge removes messages of providers that are not configured: no consumer receives them.
func (r *Reconciler) purge(ctx context.Context, messages map[string]uint64) error {
	unknown := map[string]uint64{}
	for subject, n := range messages {
		switch tokens := r.streams.Tokens(subject); {
		case len(tokens) < 3:
			unknown[subject] += n
		case !r.configured(tokens[1]):
			unknown[r.streams.Of("jobs."+tokens[1]+".>")] += n
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	stream, err := r.streams.JS.Stream(ctx, r.streams.Stream("jobs"))
	if err != nil {
		return err
	}
	for _, subject := range slices.Sorted(maps.Keys(unknown))[:min(len(unknown), maxPurges)] {
		if err := stream.Purge(ctx, jetstream.WithPurgeSubject(subject)); err != nil {
			return fmt.Errorf("purge %s: %w", subject, err)
		}
		r.log.Warn("messages removed from the jobs stream: provider not configured", "subject", subject, "messages", unknown[subject])
	}
	return nil
}

// deleteUnknown deletes, once, the consumers of providers that are not configured.
func (r *Reconciler) deleteUnknown(ctx context.Context) error {
	if r.tidied {
		return nil
	}
	stream, err := r.streams.JS.Stream(ctx, r.streams.Stream("jobs"))
	if err != nil {
		return err
	}
	list := stream.ListConsumers(ctx)
	for info := range list.Info() {
		if r.configured(info.Name) || info.Config.FilterSubject != r.streams.Of("jobs."+info.Name+".>") {
			continue
		}
		if err := stream.DeleteConsumer(ctx, info.Name); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
			return fmt.Errorf("consumer %s: %w", info.Name, err)
		}
		r.log.Info("consumer removed: provider not configured", "consumer", info.Name)
	}
	r.tidied = list.Err() == nil
	return list.Err()
}

// configured reports whether a subject token is that of a configured provider.
func (r *Reconciler) configured(token string) bool {
	for name := range r.providers {
		if db.Token(name) == token {
			return true
		}
	}
	return false
}

// replaceStuck deletes consumers that deliver nothing in two passes although the stream has
// messages for them; their receivers create them again. Such a consumer may count messages of a
// restored stream as delivered, or have a limit that an operator set.
func (r *Reconciler) replaceStuck(ctx context.Context, messages map[string]uint64) error {
	stuck := map[string]bool{}
	for name := range r.providers {
		token := db.Token(name)
		present := r.of(token, messages)
		if present == 0 {
			continue
		}
		consumer, err := r.streams.JS.Consumer(ctx, r.streams.Stream("jobs"), token)
		if errors.Is(err, jetstream.ErrConsumerNotFound) {
			continue // its receiver creates it
		}
		if err != nil {
			return fmt.Errorf("consumer %s: %w", token, err)
		}
		info := consumer.CachedInfo()
		if stuck[name] = info.NumPending == 0 && info.NumAckPending == 0; !stuck[name] || !r.stuck[name] {
			continue
		}
		if present, err = r.present(ctx, token); present == 0 || err != nil {
			return err // delivered meanwhile
		}
		r.log.Warn("consumer replaced: it delivers nothing although the stream has messages", "consumer", token, "messages", present)
		if err := r.streams.JS.DeleteConsumer(ctx, r.streams.Stream("jobs"), token); err != nil {
			return fmt.Errorf("consumer %s: %w", token, err)
		}
	}
	r.stuck = stuck
	return nil
}

// of counts the messages of a provider.
func (r *Reconciler) of(token string, messages map[string]uint64) (n uint64) {
	for subject, count := range messages {
		if tokens := r.streams.Tokens(subject); len(tokens) > 2 && tokens[1] == token {
			n += count
		}
	}
	return n
}

// present is how many messages the stream has for a provider now.
func (r *Reconciler) present(ctx context.Context, token string) (uint64, error) {
	stream, err := r.streams.JS.Stream(ctx, r.streams.Stream("jobs"))
	if err != nil {
		return 0, err
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(r.streams.Of("jobs."+token+".>")))
	if err != nil {
		return 0, err
	}
	return r.of(token, info.State.Subjects), nil
}

// alert raises or resolves the alerts about jobs that wait in the queue.
func (r *Reconciler) alert(ctx context.Context, now time.Time) error {
	raised, err := r.alerts.Raised(ctx, codeQueueDelayed)
	if err != nil {
		return err
	}
	var waiting []db.QueueDelay
	if r.after > 0 && now.Sub(r.started) >= r.after { // until then nothing could receive them
		if waiting, err = r.db.QueueDelays(ctx, now.Add(-r.after)); err != nil {
			return err
		}
	}
	var delayed []db.Alert
	for _, q := range waiting {
		delayed = append(delayed, db.Alert{
			Provider: q.Provider, Code: codeQueueDelayed,
			Message: fmt.Sprintf("%d jobs have waited in the queue longer than %s (worker.queue_alert), the first since %s", q.Jobs, jobs.FormatDuration(r.after), q.Since.UTC().Format(time.RFC3339)),
			Hint: fmt.Sprintf("Check /readyz and the log for why no job starts. If jobs start too slowly, raise concurrency of providers.%s. "+
				"\"orderbeat jobs retry --provider %[1]s --state queued\" republishes them.", q.Provider),
		})
	}
	return r.alerts.Hold(ctx, raised, delayed)
}

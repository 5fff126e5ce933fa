package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"orderbeat/worker/problems"
	"orderbeat/worker/wait"
)

// provisionPause is the pause after a failure to create the streams.
const provisionPause = time.Second

// dedupeWindow is the duplicate window of the streams.
const dedupeWindow = 10 * time.Minute

const day = 24 * time.Hour

// ordersLife is how long order events are retained.
const ordersLife = 400 * day

// streamConfigs returns the configurations of the streams of the public contract.
func (b *Conn) streamConfigs() []jetstream.StreamConfig {
	define := func(topic, about string, keep jetstream.RetentionPolicy, age time.Duration) jetstream.StreamConfig {
		config := jetstream.StreamConfig{
			Name: b.Stream(topic), Description: about, Subjects: []string{b.Of(topic + ".>")},
			Retention: keep, MaxAge: age, Storage: jetstream.FileStorage, Duplicates: dedupeWindow, Replicas: max(1, b.Config.Replicas),
			MaxBytes: b.Config.MaxBytes, Placement: b.Config.Placement(), AllowAtomicPublish: true,
		}
		if keep == jetstream.WorkQueuePolicy {
			config.Discard = jetstream.DiscardNew // pending work is never dropped
		}
		return config
	}
	return []jetstream.StreamConfig{
		define("runs", "requests for runs", jetstream.WorkQueuePolicy, 0),
		define("jobs", "jobs for fetchers", jetstream.WorkQueuePolicy, 0),
		define("outcomes", "outcomes of the jobs of fetchers", jetstream.WorkQueuePolicy, 0),
		define("orders", "order events", jetstream.LimitsPolicy, ordersLife),
		define("results", "run results", jetstream.LimitsPolicy, 7*day),
		define("alerts", "alerts", jetstream.LimitsPolicy, 30*day),
	}
}

// Followed are the topics whose streams followers apply to their databases.
var Followed = []string{"orders", "results", "alerts"}

// State returns the state of a topic's stream, zero if the stream does not exist.
func (b *Conn) State(ctx context.Context, topic string) (s jetstream.StreamState, err error) {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	stream, err := b.JS.Stream(ctx, b.Stream(topic))
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	return stream.CachedInfo().State, nil
}

// Placement returns where the streams are placed in a cluster, nil for anywhere.
func (c Config) Placement() *jetstream.Placement {
	if c.Cluster == "" && len(c.Tags) == 0 {
		return nil
	}
	return &jetstream.Placement{Cluster: c.Cluster, Tags: c.Tags}
}

// Leadership reports whether this process leads.
type Leadership interface {
	// IsLeader reports whether no other process can be the leader now.
	IsLeader() bool
	// WaitLeader waits until IsLeader is true. It returns false if ctx ended first.
	WaitLeader(ctx context.Context) bool
}

// Streams creates and checks the streams, and provides what receivers need.
type Streams struct {
	*Conn
	// CheckStreams and CheckConsumers are how often streams, and the state of consumers, are read
	// while nothing fails; 0 is 10s and 5s.
	CheckStreams, CheckConsumers time.Duration
	// AckWait is the time until an unacknowledged message is redelivered; 0 is 8s. Handlers extend it for
	// messages in flight. The messages of a crashed process are redelivered after it.
	AckWait time.Duration

	Lease    Leadership // only the leader receives from consumers that are not shared
	Problems *problems.Set
	Log      *slog.Logger

	mu     sync.Mutex        // guards logged
	logged map[string]string // by stream, the faults that were logged
}

// errStream means that a stream is unusable.
var errStream = errors.New("unusable stream")

// Provision creates missing streams, and waits for NATS if necessary. It fails only if an
// existing stream is unusable.
func (q *Streams) Provision(ctx context.Context) error {
	activity := q.Problems.Activity("streams")
	for {
		err := q.Ensure(ctx)
		if err == nil {
			activity.OK()
		}
		if err == nil || errors.Is(err, errStream) {
			return err
		}
		if ctx.Err() != nil {
			return nil //nolint:nilerr // shutdown
		}
		activity.Failed("streams are not ready", err)
		wait.For(ctx, provisionPause)
	}
}

// Ensure creates missing streams, checks existing ones, and raises their replicas to the
// configured number.
func (q *Streams) Ensure(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	for _, want := range q.streamConfigs() {
		stream, err := q.open(ctx, want)
		if err != nil {
			return err
		}
		q.replicate(ctx, stream, want.Replicas)
	}
	return nil
}

// open returns a stream, and creates it if it is missing. An existing stream keeps its
// configuration.
func (q *Streams) open(ctx context.Context, want jetstream.StreamConfig) (jetstream.Stream, error) {
	stream, err := q.JS.Stream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		stream, err = q.JS.CreateStream(ctx, want)
	}
	if err != nil {
		return nil, fmt.Errorf("stream %s: %w", want.Name, q.Explain(err))
	}
	return stream, q.check(stream.CachedInfo(), want)
}

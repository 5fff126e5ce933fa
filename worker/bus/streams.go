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

// provisionPause is how long making the streams rests after a failure.
const provisionPause = time.Second

// dedupeWindow is how long a stream remembers Nats-Msg-Ids.
const dedupeWindow = 10 * time.Minute

const day = 24 * time.Hour

// streamConfigs are the streams of the public contract.
func (s Subjects) streamConfigs(c Config) []jetstream.StreamConfig {
	define := func(topic, about string, keep jetstream.RetentionPolicy, age time.Duration) jetstream.StreamConfig {
		config := jetstream.StreamConfig{
			Name: s.Stream(topic), Description: about, Subjects: []string{s.Of(topic + ".>")},
			Retention: keep, MaxAge: age, Storage: jetstream.FileStorage, Duplicates: dedupeWindow, Replicas: max(1, c.Replicas),
			Placement: c.Placement(), AllowAtomicPublish: true,
		}
		if c.MaxBytes > 0 {
			config.MaxBytes = c.MaxBytes
		}
		if keep == jetstream.WorkQueuePolicy {
			config.Discard = jetstream.DiscardNew // what waits to be done is never dropped
		}
		return config
	}
	return []jetstream.StreamConfig{
		define("runs", "please run", jetstream.WorkQueuePolicy, 0),
		define("jobs", "planned jobs", jetstream.WorkQueuePolicy, 0),
		define("orders", "orders first seen, or changed", jetstream.LimitsPolicy, 400*day),
		define("results", "runs that ended", jetstream.LimitsPolicy, 7*day),
		define("alerts", "what a person should look at", jetstream.LimitsPolicy, 30*day),
	}
}

// Placement is where the streams are to be in a cluster, nil for anywhere.
func (c Config) Placement() *jetstream.Placement {
	if c.Cluster == "" && len(c.Tags) == 0 {
		return nil
	}
	return &jetstream.Placement{Cluster: c.Cluster, Tags: c.Tags}
}

// Leadership tells whether this process leads.
type Leadership interface {
	// Sure reports whether nobody else can be leading now.
	IsLeader() bool
	// Certain waits until it is sure, and reports false when ctx ended first.
	WaitLeader(ctx context.Context) bool
}

// Streams are the streams, and what is needed to make them and to take from them.
type Streams struct {
	JS jetstream.JetStream
	Subjects
	Config  Config
	Explain func(error) error // [Conn.explain]
	// Requeue puts the jobs that have not ended into the outbox again.
	Requeue  func(ctx context.Context) (int, error)
	Lease    Leadership // messages are for who has it
	Problems *problems.Set
	Log      *slog.Logger

	mu   sync.Mutex        // guards told
	told map[string]string // by stream, what was found wrong with it and logged
}

// errStream is a stream that this program cannot work with.
var errStream = errors.New("unusable stream")

// Provision makes the streams that are missing, and waits for NATS if it must. It
// fails only when a stream is there that the worker cannot work with.
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
			return nil //nolint:nilerr // the program stops
		}
		activity.Failed("streams are not ready", err)
		wait.For(ctx, provisionPause)
	}
}

// Ensure makes the streams that are missing, and checks those that are there; they get more
// replicas where these are configured.
func (q *Streams) Ensure(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	for _, want := range q.streamConfigs(q.Config) {
		stream, err := q.open(ctx, want)
		if err != nil {
			return err
		}
		q.replicate(ctx, stream, want.Replicas)
	}
	return nil
}

// open returns a stream, and makes it when it is missing. One that is there stays as its
// operator made it.
func (q *Streams) open(ctx context.Context, want jetstream.StreamConfig) (jetstream.Stream, error) {
	stream, err := q.JS.Stream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		stream, err = q.create(ctx, want)
	}
	if err != nil {
		return nil, fmt.Errorf("stream %s: %w", want.Name, q.Explain(err))
	}
	return stream, q.check(stream.CachedInfo(), want)
}

// create makes a stream. With the stream of jobs gone, the jobs that it held are
// known by the database alone.
func (q *Streams) create(ctx context.Context, want jetstream.StreamConfig) (jetstream.Stream, error) {
	if want.Name == q.Stream("jobs") {
		n, err := q.Requeue(ctx)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			q.Log.Warn("NATS has lost jobs: republished", "jobs", n)
		}
	}
	return q.JS.CreateStream(ctx, want)
}

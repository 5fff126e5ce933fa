package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
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

// subjects names what is on the wire: everything begins with the prefix.
type subjects struct{ prefix string }

// stream is the name of the stream that holds a topic.
func (s subjects) stream(topic string) string {
	return strings.ToUpper(s.prefix + "_" + topic)
}

// of puts the prefix before a subject that has none.
func (s subjects) of(subject string) string { return s.prefix + "." + subject }

// tokens are a subject's tokens after the prefix.
func (s subjects) tokens(subject string) []string {
	return strings.Split(strings.TrimPrefix(subject, s.prefix+"."), ".")
}

// streamConfigs are the streams of the public contract.
func (s subjects) streamConfigs(c NATS) []jetstream.StreamConfig {
	define := func(topic, about string, keep jetstream.RetentionPolicy, age time.Duration) jetstream.StreamConfig {
		config := jetstream.StreamConfig{
			Name: s.stream(topic), Description: about, Subjects: []string{s.of(topic + ".>")},
			Retention: keep, MaxAge: age, Storage: jetstream.FileStorage, Duplicates: dedupeWindow, Replicas: max(1, c.Replicas),
			Placement: c.placement(), AllowAtomicPublish: true,
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

// placement is where the streams are to be in a cluster, nil for anywhere.
func (c NATS) placement() *jetstream.Placement {
	if c.Cluster == "" && len(c.Tags) == 0 {
		return nil
	}
	return &jetstream.Placement{Cluster: c.Cluster, Tags: c.Tags}
}

// leadership tells whether this process leads.
type leadership interface {
	// Sure reports whether nobody else can be leading now.
	Sure() bool
	// Certain waits until it is sure, and reports false when ctx ended first.
	Certain(ctx context.Context) bool
}

// queues are the streams, and what is needed to make them and to take from them.
type queues struct {
	js jetstream.JetStream
	subjects
	config  NATS
	explain func(error) error // [bus.explain]
	// requeue puts the jobs that have not ended into the outbox again.
	requeue  func(ctx context.Context) (int, error)
	lease    leadership // messages are for who has it
	problems *problems.Set
	log      *slog.Logger

	mu   sync.Mutex        // guards told
	told map[string]string // by stream, what was found wrong with it and logged
}

// errStream is a stream that this program cannot work with.
var errStream = errors.New("unusable stream")

// provision makes the streams that are missing, and waits for NATS if it must. It
// fails only when a stream is there that the worker cannot work with.
func (q *queues) provision(ctx context.Context) error {
	activity := q.problems.Activity("streams")
	for {
		err := q.ensure(ctx)
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

// ensure makes the streams that are missing, and checks those that are there; they get more
// replicas where these are configured.
func (q *queues) ensure(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for _, want := range q.streamConfigs(q.config) {
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
func (q *queues) open(ctx context.Context, want jetstream.StreamConfig) (jetstream.Stream, error) {
	stream, err := q.js.Stream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		stream, err = q.create(ctx, want)
	}
	if err != nil {
		return nil, fmt.Errorf("stream %s: %w", want.Name, q.explain(err))
	}
	return stream, q.check(stream.CachedInfo(), want)
}

// create makes a stream. With the stream of jobs gone, the jobs that it held are
// known by the database alone.
func (q *queues) create(ctx context.Context, want jetstream.StreamConfig) (jetstream.Stream, error) {
	if want.Name == q.stream("jobs") {
		n, err := q.requeue(ctx)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			q.log.Warn("NATS has lost the jobs: they are published again", "jobs", n)
		}
	}
	return q.js.CreateStream(ctx, want)
}

func makeFolder(path string) error { return os.MkdirAll(path, 0o700) }

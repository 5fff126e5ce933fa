package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"orderbeat/worker/wait"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// consumerCheck is the default of [Streams.CheckConsumers]. After stuckAfter checks without a
	// delivery, which is longer than ackWait, a consumer counts as stuck.
	consumerCheck = 5 * time.Second
	stuckAfter    = 3
)

// errChanged means that the consumer's configuration was changed.
var errChanged = errors.New("the consumer was changed")

// errNoLeader means that no leader has created a shared consumer yet.
var errNoLeader = errors.New("no leader has created it yet")

// bind returns the consumer: created, updated, or unchanged if it works and this user may not
// update it.
func (r *Receiver) bind(ctx context.Context) (jetstream.Consumer, error) {
	ctx, cancel := context.WithTimeout(ctx, 4*Timeout)
	defer cancel()
	js := r.Streams.JS
	wrap := func(err error) error {
		return fmt.Errorf("consumer %s of %s: %w", r.Config.Durable, r.Stream, r.Streams.Explain(err))
	}
	consumer, err := js.Consumer(ctx, r.Stream, r.Config.Durable)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		if consumer, err = js.CreateConsumer(ctx, r.Stream, r.Config); err != nil {
			return nil, wrap(err)
		}
	}
	if err != nil {
		return nil, wrap(err)
	}
	info := consumer.CachedInfo()
	if !slices.Equal(filters(info.Config), filters(r.Config)) && js.DeleteConsumer(ctx, r.Stream, r.Config.Durable) == nil {
		// The old consumer has skipped messages that are still in the stream; a new one delivers them.
		r.Streams.Log.Warn("consumer recreated, because its filter differed", "stream", r.Stream, "consumer", r.Config.Durable, "filter", filters(info.Config))
		if consumer, err = js.CreateConsumer(ctx, r.Stream, r.Config); err != nil {
			return nil, wrap(err)
		}
		info = consumer.CachedInfo()
	}
	if differs(info.Config, r.Config) != "" {
		if updated, err := js.UpdateConsumer(ctx, r.Stream, like(info.Config, r.Config)); err == nil {
			consumer = updated
		} else if why := unusable(info.Config, r.Config); why != "" {
			return nil, fmt.Errorf("%s: %w", why, wrap(err))
		} else {
			r.Activity.Noticed("failed to update the consumer, using its current configuration", wrap(err), "differs", differs(info.Config, r.Config))
		}
	}
	if info.Paused && !r.bound {
		if _, err := js.ResumeConsumer(ctx, r.Stream, r.Config.Durable); err != nil {
			return nil, fmt.Errorf("consumer is paused and cannot be resumed: %w", wrap(err))
		}
		r.Streams.Log.Info("consumer resumed", "stream", r.Stream, "consumer", r.Config.Durable, "paused_for", info.PauseRemaining.String())
	}
	r.bound = true
	return consumer, nil
}

// find returns a consumer that another process has created.
func (r *Receiver) find(ctx context.Context) (jetstream.Consumer, error) {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	consumer, err := r.Streams.JS.Consumer(ctx, r.Stream, r.Config.Durable)
	if errors.Is(err, jetstream.ErrConsumerNotFound) || errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, fmt.Errorf("consumer %s of %s is missing: %w", r.Config.Durable, r.Stream, errNoLeader)
	}
	if err != nil {
		return nil, fmt.Errorf("consumer %s of %s: %w", r.Config.Durable, r.Stream, r.Streams.Explain(err))
	}
	return consumer, nil
}

// Configure creates or updates a durable consumer from which other processes receive.
func (q *Streams) Configure(ctx context.Context, stream string, config jetstream.ConsumerConfig) error {
	ctx, cancel := context.WithTimeout(ctx, 4*Timeout)
	defer cancel()
	config.AckWait = cmp.Or(q.AckWait, config.AckWait)
	there, err := q.JS.Consumer(ctx, stream, config.Durable)
	switch {
	case err == nil && differs(there.CachedInfo().Config, config) == "":
		return nil
	case err == nil:
		_, err = q.JS.UpdateConsumer(ctx, stream, like(there.CachedInfo().Config, config))
	case errors.Is(err, jetstream.ErrConsumerNotFound):
		_, err = q.JS.CreateConsumer(ctx, stream, config)
	}
	if err != nil {
		return fmt.Errorf("consumer %s of %s: %w", config.Durable, stream, q.Explain(err))
	}
	return nil
}

// like returns the existing configuration with Orderbeat's settings.
func like(there, want jetstream.ConsumerConfig) jetstream.ConsumerConfig {
	there.FilterSubject, there.FilterSubjects = want.FilterSubject, nil
	there.AckPolicy, there.AckWait, there.BackOff = want.AckPolicy, want.AckWait, nil
	there.MaxDeliver, there.MaxAckPending, there.HeadersOnly = want.MaxDeliver, want.MaxAckPending, false
	return there
}

func filters(c jetstream.ConsumerConfig) []string {
	if c.FilterSubject != "" {
		return []string{c.FilterSubject}
	}
	return c.FilterSubjects
}

// unusable returns why messages would be lost, missed or processed twice, "" if none would.
func unusable(there, want jetstream.ConsumerConfig) string {
	switch {
	case !slices.Equal(filters(there), filters(want)):
		return fmt.Sprintf("filter_subject is %q, not %q", filters(there), filters(want))
	case there.DeliverSubject != "":
		return "it is a push consumer"
	case there.AckPolicy != want.AckPolicy:
		return "ack_policy is " + there.AckPolicy.String() + ", not " + want.AckPolicy.String()
	case there.MaxDeliver != want.MaxDeliver:
		return fmt.Sprintf("max_deliver is %d, not %d", there.MaxDeliver, want.MaxDeliver)
	case there.AckWait < min(want.AckWait, 2*heartbeat) || slices.ContainsFunc(there.BackOff, func(d time.Duration) bool { return d < 2*heartbeat }):
		return fmt.Sprintf("ack_wait or backoff is shorter than %s", min(want.AckWait, 2*heartbeat))
	case there.HeadersOnly:
		return "it delivers headers only"
	}
	return ""
}

// differs describes how there differs from Orderbeat's settings, "" if it does not.
func differs(there, want jetstream.ConsumerConfig) string {
	why := unusable(there, want)
	switch {
	case why != "":
		return why
	case there.AckWait != want.AckWait || len(there.BackOff) > 0:
		return fmt.Sprintf("ack_wait is %s, not %s", there.AckWait, want.AckWait)
	case there.MaxAckPending != want.MaxAckPending:
		return fmt.Sprintf("max_ack_pending is %d, not %d", there.MaxAckPending, want.MaxAckPending)
	}
	return ""
}

// watch checks the consumer until ctx ends. It returns an error when the consumer must be bound again.
// While anything else blocks delivery, the activity is failed.
func (r *Receiver) watch(ctx context.Context, consumer jetstream.Consumer) error {
	bound := consumer.CachedInfo().Config
	failed, idle, received := false, 0, r.received.Load()
	for every := cmp.Or(r.Streams.CheckConsumers, consumerCheck); wait.For(ctx, every); {
		info, err := consumer.Info(ctx)
		if errors.Is(err, jetstream.ErrConsumerNotFound) {
			return err
		}
		if err != nil {
			continue // if the error lasts, fetching fails too
		}
		if !r.Shared && differs(info.Config, r.Config) != "" && differs(info.Config, bound) != "" {
			return fmt.Errorf("%w: %s", errChanged, differs(info.Config, r.Config))
		}
		idle++
		if now := r.received.Load(); now != received || !r.asking.Load() || info.NumPending == 0 || r.InFlight() > 0 {
			idle, received = 0, now
		}
		if err := deliveryFault(info, idle >= stuckAfter); err != nil {
			failed = true
			r.Activity.Failed("no messages are delivered", err, "stream", r.Stream, "consumer", r.Config.Durable)
		} else if failed {
			failed = false
			r.Activity.OK()
		}
	}
	return nil
}

// deliveryFault returns why the consumer delivers nothing, nil if it is not blocked.
func deliveryFault(info *jetstream.ConsumerInfo, stuck bool) error {
	name := info.Name
	switch {
	case info.Paused:
		return fmt.Errorf("consumer %s is paused for another %s: run \"nats consumer resume %s %s\"", name, info.PauseRemaining.Round(time.Second), info.Stream, name)
	case !stuck:
		return nil
	case info.Config.MaxAckPending > 0 && info.NumAckPending >= info.Config.MaxAckPending:
		return fmt.Errorf("consumer %s: max_ack_pending (%d) is used up by messages that another client received and has not acknowledged", name, info.Config.MaxAckPending)
	default:
		return fmt.Errorf("consumer %s: the server delivers none of the %d pending messages", name, info.NumPending)
	}
}

package worker

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// ackWait is how long the server waits before it gives a message to another
	// worker; everything in hand tells it so every heartbeat. A worker that died
	// holds its messages up for ackWait.
	ackWait   = 12 * time.Second
	heartbeat = 4 * time.Second
	// receivePause is how long receiving rests after something broke it.
	receivePause = time.Second
)

// receiver takes the messages of one durable consumer.
type receiver struct {
	js     jetstream.JetStream
	stream string
	config jetstream.ConsumerConfig
	// free waits until there is room for one more message, and reports false when ctx ended first.
	free func(ctx context.Context) bool
	// handle is given every message, one after another.
	handle func(ctx context.Context, msg jetstream.Msg)
	log    *slog.Logger
}

// run receives until ctx ends. Whatever breaks it, NATS being away or somebody
// deleting the consumer, it begins anew.
func (r *receiver) run(ctx context.Context) {
	for ctx.Err() == nil {
		if err := r.receive(ctx); ctx.Err() == nil {
			r.log.Warn("receiving was interrupted and begins anew", "stream", r.stream, "consumer", r.config.Durable, "err", err)
			pause(ctx, receivePause)
		}
	}
}

func (r *receiver) receive(ctx context.Context) error {
	consumer, err := r.js.CreateOrUpdateConsumer(ctx, r.stream, r.config)
	if err != nil {
		return fmt.Errorf("consumer: %w", err)
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(1)) // what is asked for has room
	if err != nil {
		return fmt.Errorf("messages: %w", err)
	}
	defer messages.Stop()
	for r.free(ctx) {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return err
		}
		r.handle(ctx, msg)
	}
	return ctx.Err()
}

// consumerConfig is what all consumers share: explicit acknowledgement, and no
// bound on redelivery, because who decides to give up is the job, not the stream.
func consumerConfig(durable, filter string, atOnce int) jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{
		Durable: durable, FilterSubject: filter, AckPolicy: jetstream.AckExplicitPolicy,
		AckWait: ackWait, MaxDeliver: -1, MaxAckPending: atOnce,
	}
}

// pause waits for d and reports whether ctx still goes on.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

package bus

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"orderbeat/worker/problems"
	"orderbeat/worker/wait"
)

const (
	// ackWait is the default of [Streams.AckWait]; messages in flight extend it every heartbeat.
	ackWait   = 8 * time.Second
	heartbeat = 2500 * time.Millisecond
	// receivePause is the pause after a failure to receive.
	receivePause = time.Second
	// leaderPatience is how long a shared consumer may be missing before that counts as a failure: processes start in any order.
	leaderPatience = 15 * time.Second
)

// Receiver fetches the messages of one durable consumer.
type Receiver struct {
	Streams *Streams
	// Activity is pending until the consumer exists, and failed while receiving fails.
	Activity *problems.Activity
	Stream   string
	Config   jetstream.ConsumerConfig
	// Shared means that another process creates and configures the consumer. It is used unchanged, also by processes
	// that do not lead.
	Shared bool
	// Room waits until there is capacity for messages, and returns the number of messages; 0 if ctx ended
	// first.
	Room func(ctx context.Context) int
	// Handle is called with each message, one at a time.
	Handle func(ctx context.Context, msg jetstream.Msg)
	// InFlight returns how many of the consumer's messages this process is handling, except the one that
	// is in Handle.
	InFlight func() int

	bound    bool          // the consumer has been bound before
	asking   atomic.Bool   // a fetch is waiting for messages
	received atomic.Uint64 // messages so far
}

// Run receives until ctx ends. It starts again after any failure: a NATS outage, deleted
// streams, a deleted consumer.
func (r *Receiver) Run(ctx context.Context) {
	conn := r.Streams.JS.Conn()
	connected := conn.StatusChanged(nats.CONNECTED)
	defer conn.RemoveStatusListener(connected)
	for began := time.Now(); ctx.Err() == nil; {
		err := r.receive(ctx, connected)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, errNoLeader) && time.Since(began) < leaderPatience:
			r.Activity.Pending(err)
			wait.For(ctx, receivePause)
		default:
			r.Activity.Failed("receiving failed", r.Streams.Explain(err), "stream", r.Stream, "consumer", r.Config.Durable)
			select {
			case <-ctx.Done():
			case <-connected:
			case <-time.After(receivePause):
			}
		}
	}
}

// receive repeatedly fetches as many messages as there is room for. The library's iterators
// prefetch, which holds messages that another worker could process. With a limit of one
// message they may not request the next one until a heartbeat is missed (nats.go v1.55.0,
// pullSubscription.checkPending, about once in ten thousand messages).
//
// A request does not survive its connection, which the library notices after 10 s: connected
// reports a new connection.
func (r *Receiver) receive(ctx context.Context, connected <-chan nats.Status) error {
	bind := r.bind
	if r.Shared {
		bind = r.find
	} else if err := r.Streams.Ensure(ctx); err != nil {
		return err
	}
	consumer, err := bind(ctx)
	if err != nil {
		return err
	}
	r.Activity.OK()
	var watching sync.WaitGroup
	defer watching.Wait()
	bound, unbind := context.WithCancelCause(ctx)
	defer unbind(nil)
	watching.Go(func() {
		if err := r.watch(bound, consumer); err != nil {
			unbind(err)
		}
	})
	for room := r.Room(bound); room > 0 && (r.Shared || r.Streams.Lease.WaitLeader(bound)); room = r.Room(bound) {
		if err := r.fetch(ctx, bound, consumer, room, connected); err != nil {
			return err
		}
	}
	return context.Cause(bound)
}

// fetch handles up to room messages of one request: fewer if bound ends, the request expires, or
// the connection is replaced.
func (r *Receiver) fetch(ctx, bound context.Context, consumer jetstream.Consumer, room int, connected <-chan nats.Status) error {
	r.asking.Store(true)
	defer r.asking.Store(false)
	request, cancel := context.WithCancel(bound)
	defer cancel()
	batch, err := consumer.Fetch(room, jetstream.FetchContext(request))
	if err != nil {
		return err
	}
	messages := batch.Messages()
	for {
		select {
		case <-connected:
			cancel()
		case msg, more := <-messages:
			switch {
			case !more && request.Err() != nil:
				return context.Cause(bound)
			case !more:
				return batch.Error()
			case !r.Shared && !r.Streams.Lease.IsLeader(): // the process may have been suspended since the request
				_ = msg.Nak() // the leader receives it at once
			default:
				r.asking.Store(false)
				r.received.Add(1)
				r.Handle(ctx, msg)
				r.asking.Store(true)
			}
		}
	}
}

// ConsumerConfig returns the configuration of a consumer: explicit acknowledgement, and unlimited redelivery,
// because Orderbeat decides when to give up on a message, not the stream.
func ConsumerConfig(durable, filter string, atOnce int) jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{
		Durable: durable, FilterSubject: filter, AckPolicy: jetstream.AckExplicitPolicy,
		AckWait: ackWait, MaxDeliver: -1, MaxAckPending: atOnce,
	}
}

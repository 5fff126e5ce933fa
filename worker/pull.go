package worker

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"orderbeat/worker/bus"
	"orderbeat/worker/problems"
)

const (
	// ackWait is how long the server waits before it gives a message to another
	// worker; everything in hand tells it so every heartbeat. A worker that died
	// holds its messages up for ackWait.
	ackWait   = 8 * time.Second
	heartbeat = 2500 * time.Millisecond
	// receivePause is how long receiving rests after something broke it.
	receivePause = time.Second
)

// receiver takes the messages of one durable consumer.
type receiver struct {
	queues *bus.Streams
	// activity is pending until the consumer is there, and fails while receiving does.
	activity *problems.Activity
	stream   string
	config   jetstream.ConsumerConfig
	// room waits until there is room for a message, and says for how many; it is 0
	// when ctx ended first.
	room func(ctx context.Context) int
	// handle is given every message, one after another.
	handle func(ctx context.Context, msg jetstream.Msg)
	// inHand counts the consumer's messages that this process works on, besides the one
	// that handle has.
	inHand func() int

	begun    bool          // the consumer was bound before
	asking   atomic.Bool   // it waits for messages
	received atomic.Uint64 // messages so far
}

// run receives until ctx ends. Whatever breaks it, NATS being away or coming back
// without its streams, or somebody deleting the consumer, it begins anew.
func (r *receiver) run(ctx context.Context) {
	conn := r.queues.JS.Conn()
	connected := conn.StatusChanged(nats.CONNECTED)
	defer conn.RemoveStatusListener(connected)
	for ctx.Err() == nil {
		if err := r.receive(ctx, connected); ctx.Err() == nil {
			r.activity.Failed("receiving failed", r.queues.Explain(err), "stream", r.stream, "consumer", r.config.Durable)
			select {
			case <-ctx.Done():
			case <-connected:
			case <-time.After(receivePause):
			}
		}
	}
}

// receive asks for as many messages as there is room for, again and again. The
// library's iterators ask ahead, which hoards messages that another worker could
// do; and one that is to hold a single message can miss to ask for the next until
// its heartbeat fails (nats.go v1.55.0, pullSubscription.checkPending, seen here
// once in some ten thousand messages).
//
// A request does not survive the connection that it was sent on, which the library
// notices after 10 s: connected says that there is another one.
func (r *receiver) receive(ctx context.Context, connected <-chan nats.Status) error {
	if err := r.queues.Ensure(ctx); err != nil {
		return err
	}
	consumer, err := r.bind(ctx)
	if err != nil {
		return err
	}
	r.activity.OK()
	var watching sync.WaitGroup
	defer watching.Wait()
	bound, unbind := context.WithCancelCause(ctx)
	defer unbind(nil)
	watching.Go(func() {
		if err := r.watch(bound, consumer); err != nil {
			unbind(err)
		}
	})
	for room := r.room(bound); room > 0 && r.queues.Lease.Certain(bound); room = r.room(bound) {
		if err := r.fetch(ctx, bound, consumer, room, connected); err != nil {
			return err
		}
	}
	return context.Cause(bound)
}

// fetch handles up to room messages of one request, and fewer when bound ends, the request
// expires, or the connection is another one.
func (r *receiver) fetch(ctx, bound context.Context, consumer jetstream.Consumer, room int, connected <-chan nats.Status) error {
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
			case !r.queues.Lease.Sure(): // this process was suspended since it asked, perhaps
				_ = msg.Nak() // whoever works has it at once
			default:
				r.asking.Store(false)
				r.received.Add(1)
				r.handle(ctx, msg)
				r.asking.Store(true)
			}
		}
	}
}

// consumerConfig is what all consumers share: explicit acknowledgement, and no
// bound on redelivery, because who decides to give up is the job, not the stream.
func consumerConfig(durable, filter string, atOnce int) jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{
		Durable: durable, FilterSubject: filter, AckPolicy: jetstream.AckExplicitPolicy,
		AckWait: ackWait, MaxDeliver: -1, MaxAckPending: atOnce,
	}
}

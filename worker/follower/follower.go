package follower

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"orderbeat/db"
	"orderbeat/db/outbox"
	"orderbeat/worker/bus"
	"orderbeat/worker/problems"
	"orderbeat/worker/wait"
)

const (
	// maxBatch and maxBatchBytes limit the messages of one transaction.
	maxBatch      = 256
	maxBatchBytes = 4 << 20
	// checkEvery is how often the end of a stream is looked up while no message arrives.
	checkEvery = time.Second
	// After maxStalled consecutive lookups that find messages which have not arrived, the consumer is replaced.
	maxStalled = 5
	// retryAfter is the pause after a failure.
	retryAfter = time.Second
	// documentPatience is how long reading a document is retried.
	documentPatience = 2 * time.Minute
)

// Config has a follower's dependencies.
type Config struct {
	DB   *db.DB
	Conn *bus.Conn
	// Document returns the whole body of an event that was too large for a message.
	Document func(ctx context.Context, name string) ([]byte, error)
	// Revision returns a revision of an order from another process, for a message without its order.
	Revision func(ctx context.Context, provider, account, orderID string, revision int) (*outbox.Event, error)
	Problems *problems.Set
	Log      *slog.Logger
}

// Follower applies the streams to a database. It is safe for concurrent use.
type Follower struct {
	topics  []*topic
	created time.Time
}

// New returns a follower. It applies nothing until [Follower.Run] is called.
func New(c Config) *Follower {
	f := &Follower{created: time.Now()}
	for _, name := range bus.Followed {
		f.topics = append(f.topics, &topic{Config: c, name: name, stream: c.Conn.Stream(name), activity: c.Problems.Activity("follow " + name), moved: make(chan struct{})})
	}
	return f
}

// Run applies the streams until ctx ends. It must not be called concurrently.
func (f *Follower) Run(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	for _, t := range f.topics {
		running.Go(func() { t.run(ctx) })
	}
}

// CatchUp waits until the database contains the streams up to their ends as of the call. [Follower.Run]
// must be running.
func (f *Follower) CatchUp(ctx context.Context) error {
	for _, t := range f.topics {
		for {
			state, err := t.state(ctx)
			if err == nil {
				if err = t.await(ctx, state.LastSeq); err == nil {
					break
				}
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			t.activity.Failed("failed to read the end of a stream, will retry", t.Conn.Explain(err), "stream", t.stream)
			wait.For(ctx, retryAfter)
		}
	}
	return nil
}

// AsOf returns when the database last contained the streams up to their ends; zero if it never did.
func (f *Follower) AsOf() (at time.Time) {
	for i, t := range f.topics {
		if current := t.current(); i == 0 || current.Before(at) {
			at = current
		}
	}
	return at
}

// topic follows one stream.
type topic struct {
	Config
	name, stream string
	activity     *problems.Activity

	mu        sync.Mutex // guards the rest
	begun     bool       // reached is valid, and recorded in the database
	reached   uint64     // the database contains the stream up to this sequence
	currentAt time.Time  // when reached was last the end of the stream, zero if it never was
	moved     chan struct{}
	last      uint64 // end of the stream as of the last lookup
}

// state returns the state of the stream, zero if the stream does not exist.
func (t *topic) state(ctx context.Context) (s jetstream.StreamState, err error) {
	if s, err = t.Conn.State(ctx, t.name); err == nil {
		t.noteEnd(s.LastSeq)
	}
	return s, err
}

// await waits until a sequence is reached.
func (t *topic) await(ctx context.Context, sequence uint64) error {
	for {
		t.mu.Lock()
		begun, reached, moved := t.begun, t.reached, t.moved
		t.mu.Unlock()
		if begun && reached >= sequence {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// noteProgress records that a sequence was reached. at is the time when it was the end of the stream, zero if it was not.
func (t *topic) noteProgress(sequence uint64, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.begun, t.reached = true, sequence
	if !at.IsZero() {
		t.currentAt = at
	}
	close(t.moved)
	t.moved = make(chan struct{})
}

func (t *topic) current() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.currentAt
}

// run follows the stream until ctx ends.
func (t *topic) run(ctx context.Context) {
	for ctx.Err() == nil {
		err := t.follow(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			t.activity.Failed("failed to follow a stream, will retry", t.Conn.Explain(err), "stream", t.stream)
		}
		wait.For(ctx, retryAfter)
	}
}

// follow applies the stream from the sequence that the database has reached, until an error occurs. It returns
// nil if the stream is missing or empty.
func (t *topic) follow(ctx context.Context) error {
	reached, known, err := t.DB.AppliedUpTo(ctx, t.name)
	if err != nil {
		return err
	}
	asked := time.Now()
	state, err := t.state(ctx)
	if err != nil {
		return err
	}
	end := state.LastSeq
	if end < reached {
		t.Log.Warn("stream was recreated, applying it from its start", "stream", t.stream, "sequence", end, "before", reached)
		reached = 0
		if err := t.DB.Restart(ctx, t.name); err != nil {
			return err
		}
	}
	if known && state.FirstSeq > reached+1 {
		t.activity.Noticed("the stream no longer has messages that this database lacks", fmt.Errorf("the stream begins at sequence %d, the database ends at %d", state.FirstSeq, reached), "stream", t.stream)
	}
	if _, err := t.DB.Apply(ctx, t.name, nil, reached); err != nil { // from here on, own messages are recorded
		return err
	}
	if end == reached {
		t.noteProgress(reached, asked)
	} else {
		t.noteProgress(reached, time.Time{})
	}
	if end == 0 { // the stream may not exist yet
		t.activity.OK()
		return nil
	}
	consumer, err := t.Conn.JS.OrderedConsumer(ctx, t.stream, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: reached + 1,
	})
	if err != nil {
		return err
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(2*maxBatch), jetstream.PullHeartbeat(5*time.Second))
	if err != nil {
		return err
	}
	defer messages.Stop()
	t.activity.OK()
	return t.apply(ctx, messages, reached)
}

// apply applies messages as they arrive. A consumer that was reset on its server may stop delivering without
// an error, so apply fails if the stream has messages that do not arrive.
func (t *topic) apply(ctx context.Context, messages jetstream.MessagesContext, reached uint64) error {
	for stalled := 0; ; {
		batch, last, err := t.next(ctx, messages)
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			end, there, err := t.idle(ctx, reached)
			if err != nil {
				return err
			}
			if reached = end; !there {
				stalled = 0
			} else if stalled++; stalled == maxStalled {
				return fmt.Errorf("the message after sequence %d does not arrive", reached)
			}
			continue
		}
		if err != nil {
			return err
		}
		stalled = 0
		at := time.Now()
		t.noteEnd(last.Sequence.Stream + last.NumPending)
		applied, err := t.DB.Apply(ctx, t.name, batch, last.Sequence.Stream)
		if err != nil {
			return err
		}
		if applied.Replaced > 0 {
			t.Log.Warn("unpublished revisions replaced by published ones", "revisions", applied.Replaced)
		}
		reached = last.Sequence.Stream
		if last.NumPending > 0 {
			at = time.Time{}
		}
		t.noteProgress(reached, at)
		t.activity.OK()
	}
}

// next waits up to checkEvery for messages, and decodes those that have arrived.
func (t *topic) next(ctx context.Context, messages jetstream.MessagesContext) (batch []db.Published, last *jetstream.MsgMetadata, err error) {
	waiting, cancel := context.WithTimeout(ctx, checkEvery)
	defer cancel()
	bytes := 0
	for len(batch) < maxBatch && bytes < maxBatchBytes {
		msg, err := messages.Next(jetstream.NextContext(waiting))
		if err != nil {
			if len(batch) > 0 && ctx.Err() == nil {
				return batch, last, nil // the next call returns the error
			}
			return nil, nil, err
		}
		if last, err = msg.Metadata(); err != nil {
			return nil, nil, err
		}
		p := t.decode(ctx, msg)
		if t.name == "orders" {
			p.Subject, p.Sequence = strings.TrimPrefix(msg.Subject(), t.Conn.Of("")), last.Sequence.Stream
		}
		batch = append(batch, p)
		if bytes += len(msg.Data()); last.NumPending == 0 {
			break
		}
	}
	return batch, last, nil
}

// idle is called when no message has arrived for checkEvery: the database has reached the end of the stream, the
// last messages were deleted, or delivery stalls. It returns the sequence that the database has reached, and whether
// the stream has a message after it.
func (t *topic) idle(ctx context.Context, reached uint64) (upto uint64, there bool, err error) {
	asked := time.Now()
	limited, cancel := context.WithTimeout(ctx, bus.Timeout)
	defer cancel()
	stream, err := t.Conn.JS.Stream(limited, t.stream)
	if err != nil {
		return reached, false, err
	}
	state := stream.CachedInfo().State
	t.noteEnd(state.LastSeq)
	if state.LastSeq < reached {
		return reached, false, fmt.Errorf("the stream ends at sequence %d, before %d", state.LastSeq, reached)
	}
	if state.LastSeq > reached {
		if _, err := stream.GetMsg(limited, reached+1, jetstream.WithGetMsgSubject(t.Conn.Of(t.name+".>"))); !errors.Is(err, jetstream.ErrMsgNotFound) {
			return reached, err == nil, err
		}
		if _, err := t.DB.Apply(ctx, t.name, nil, state.LastSeq); err != nil {
			return reached, false, err
		}
	}
	t.noteProgress(state.LastSeq, asked)
	t.activity.OK()
	return state.LastSeq, false, nil
}

// decode decodes a message. It logs and skips a message that it cannot decode. It retries reading a document up
// to documentPatience, because without the document an order would be missing.
func (t *topic) decode(ctx context.Context, msg jetstream.Msg) db.Published {
	header := msg.Headers()
	if header.Get(outbox.HeaderReplay) != "" {
		return db.Published{}
	}
	for began := time.Now(); ; {
		p, unread, err := t.decodeOnce(ctx, msg.Data(), header)
		if err == nil {
			return p
		}
		if !unread || time.Since(began) > documentPatience || !wait.For(ctx, retryAfter) {
			t.activity.Noticed("a published message cannot be applied in full", err, "stream", t.stream, "ce_id", header.Get("ce-id"), "ce_type", header.Get("ce-type"))
			return p
		}
		t.activity.Failed("failed to read the document of an event, will retry", err, "stream", t.stream)
	}
}

// decodeOnce decodes a message. unread reports that its document could not be read, but may exist.
func (t *topic) decodeOnce(ctx context.Context, body []byte, header nats.Header) (p db.Published, unread bool, err error) {
	at, _ := time.Parse(time.RFC3339Nano, header.Get("ce-time"))
	var missing error
	if name := header.Get(outbox.HeaderDocument); name != "" {
		var document []byte
		if document, missing = t.Document(ctx, name); missing == nil {
			body = document
		}
	}
	p, err = db.DecodePublished(header.Get("ce-type"), header.Get("ce-id"), at, body)
	if err != nil && db.IsIncomplete(err) {
		if err = t.complete(ctx, &p); err != nil {
			err = errors.Join(err, missing)
		}
	}
	gone := errors.Is(missing, jetstream.ErrObjectNotFound) || errors.Is(missing, jetstream.ErrBucketNotFound) || errors.Is(missing, jetstream.ErrStreamNotFound)
	return p, missing != nil && !gone, err
}

// complete requests the order that a message lacks from another process. If that fails, the stored order keeps its
// values until its next sync.
func (t *topic) complete(ctx context.Context, p *db.Published) error {
	ctx, cancel := context.WithTimeout(ctx, bus.Timeout)
	defer cancel()
	provider, account, orderID, revision := p.Order()
	event, err := t.Revision(ctx, provider, account, orderID, revision)
	if err == nil {
		err = p.Complete(event)
	}
	if err != nil {
		return fmt.Errorf("the document of the order cannot be read, and no process returned the order: %w", err)
	}
	return nil
}

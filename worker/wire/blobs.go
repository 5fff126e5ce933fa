package wire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/oklog/ulid/v2"

	"orderbeat/worker/bus"
)

const (
	// maxInline is the longest outcome, compressed, that is in the message itself.
	maxInline = 512 << 10
	// slowest is the slowest rate, in bytes a second, at which an object is sent or received.
	slowest = 64 << 10
)

// transfer limits the time in which an object of a size is sent or received.
func transfer(ctx context.Context, size int64) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, 2*bus.Timeout+time.Duration(size/slowest)*time.Second)
}

// Blobs is the object store for outcomes that are larger than a message. It is safe for concurrent use.
type Blobs struct {
	// Store opens the object store, and creates it if it is missing.
	Store func(ctx context.Context) (jetstream.ObjectStore, error)
	// MaxBody is the largest body that the server accepts.
	MaxBody func() int64

	mu   sync.Mutex // guards open
	open jetstream.ObjectStore
}

// Open creates the object store if it is missing, for processes that may not.
func (b *Blobs) Open(ctx context.Context) error {
	_, err := b.store(ctx)
	return err
}

// store returns the object store.
func (b *Blobs) store(ctx context.Context) (jetstream.ObjectStore, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open == nil {
		s, err := b.Store(ctx)
		if err != nil {
			return nil, err
		}
		b.open = s
	}
	return b.open, nil
}

// forget makes the next call open the object store again: it may have been deleted.
func (b *Blobs) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open = nil
}

// Shrink puts the body of a message into the object store if it is too large for a message. The message
// names the object then.
func (b *Blobs) Shrink(ctx context.Context, m *nats.Msg) error {
	if int64(len(m.Data)) <= min(maxInline, b.MaxBody()) {
		return nil
	}
	ctx, cancel := transfer(ctx, int64(len(m.Data)))
	defer cancel()
	store, err := b.store(ctx)
	if err != nil {
		return err
	}
	// The name is new: another process may put the same attempt, and an object must not change that a
	// message names.
	name := "outcome." + m.Header.Get(nats.MsgIdHdr) + "." + ulid.Make().String()
	meta := jetstream.ObjectMeta{Name: name, Opts: &jetstream.ObjectMetaOptions{ChunkSize: bus.ChunkSize(b.MaxBody())}}
	info, err := store.Put(ctx, meta, bytes.NewReader(m.Data))
	if err != nil {
		b.forget()
		return fmt.Errorf("object %s: %w", name, err)
	}
	m.Header.Set(HeaderObject, name)
	m.Header.Set(HeaderDigest, info.Digest)
	m.Data = nil
	return nil
}

// ErrGone is that the object of an outcome is missing or is not the one that was sent.
var ErrGone = errors.New("the object with the outcome is missing or damaged")

// Body returns the body of an outcome's message, from the object store if the message names an object.
func (b *Blobs) Body(ctx context.Context, h nats.Header, data []byte) ([]byte, error) {
	name := h.Get(HeaderObject)
	if name == "" {
		return data, nil
	}
	store, err := b.store(ctx)
	if err != nil {
		return nil, err
	}
	finding, cancel := context.WithTimeout(ctx, bus.Timeout)
	defer cancel()
	info, err := store.GetInfo(finding, name)
	if errors.Is(err, jetstream.ErrObjectNotFound) {
		b.forget()
		return nil, fmt.Errorf("%w: %s", ErrGone, name)
	}
	if err != nil {
		b.forget()
		return nil, fmt.Errorf("object %s: %w", name, err)
	}
	if info.Digest != h.Get(HeaderDigest) || info.Size > maxOutcome {
		return nil, fmt.Errorf("%w: %s", ErrGone, name)
	}
	ctx, stop := transfer(ctx, int64(info.Size)) //nolint:gosec // at most maxOutcome
	defer stop()
	object, err := store.Get(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("object %s: %w", name, err)
	}
	defer object.Close()
	body, err := io.ReadAll(io.LimitReader(object, maxOutcome)) // the reader verifies the digest
	if errors.Is(err, jetstream.ErrDigestMismatch) {
		return nil, fmt.Errorf("%w: %s", ErrGone, name)
	}
	if err != nil {
		return nil, fmt.Errorf("object %s: %w", name, err)
	}
	return body, nil
}

// Delete deletes the object of a message, if it names one. An object that is not deleted expires.
func (b *Blobs) Delete(ctx context.Context, h nats.Header) {
	name := h.Get(HeaderObject)
	if name == "" {
		return
	}
	if store, err := b.store(ctx); err == nil {
		_ = store.Delete(ctx, name)
	}
}

// OpenStore returns the object store of a prefix, for [Blobs.Store].
func OpenStore(js jetstream.JetStream, c bus.Config, explain func(error) error) func(ctx context.Context) (jetstream.ObjectStore, error) {
	config := bus.BlobsConfig(c)
	return func(ctx context.Context) (jetstream.ObjectStore, error) {
		ctx, cancel := context.WithTimeout(ctx, bus.Timeout)
		defer cancel()
		s, err := js.ObjectStore(ctx, config.Bucket)
		if errors.Is(err, jetstream.ErrBucketNotFound) {
			s, err = js.CreateObjectStore(ctx, config)
		}
		if err != nil {
			return nil, fmt.Errorf("object store %s: %w", config.Bucket, explain(err))
		}
		return s, nil
	}
}

package wire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/oklog/ulid/v2"

	"orderbeat/worker/bus"
)

const (
	// maxInline is the maximum size of a compressed outcome that is sent in the message itself, in bytes.
	maxInline = 512 << 10
	// slowest is the minimum transfer rate of an object, in bytes per second; it determines the timeout.
	slowest = 64 << 10
)

// transfer returns a context with the timeout for sending or receiving an object of that size.
func transfer(ctx context.Context, size int64) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, 2*bus.Timeout+time.Duration(size/slowest)*time.Second)
}

// blobLife is the time after which objects expire.
const blobLife = 7 * 24 * time.Hour

// Blobs is the object store for outcomes that are larger than a message. It is safe for concurrent use.
type Blobs struct{ Conn *bus.Conn }

// Open returns the object store, and creates it if it is missing: some processes have no permission to do so.
func (b *Blobs) Open(ctx context.Context) (jetstream.ObjectStore, error) {
	store, err := bus.OpenObjectStore(ctx, b.Conn.JS, b.Conn.Config.ObjectStoreConfig("blobs", "outcomes that are larger than a message", blobLife), true)
	return store, b.Conn.Explain(err)
}

// Shrink moves the body of a message to the object store if it is too large for a message. The headers
// then have the name of the object.
func (b *Blobs) Shrink(ctx context.Context, m *nats.Msg) error {
	if int64(len(m.Data)) <= min(maxInline, b.Conn.MaxBody()) {
		return nil
	}
	ctx, cancel := transfer(ctx, int64(len(m.Data)))
	defer cancel()
	store, err := b.Open(ctx)
	if err != nil {
		return err
	}
	// Use a new name: another process may store the same attempt, and an object that a message refers
	// to must not change.
	name := "outcome." + m.Header.Get(nats.MsgIdHdr) + "." + ulid.Make().String()
	info, err := bus.PutObject(ctx, b.Conn.JS, store, name, bytes.NewReader(m.Data))
	if err != nil {
		return fmt.Errorf("object %s: %w", name, err)
	}
	m.Header.Set(HeaderObject, name)
	m.Header.Set(HeaderDigest, info.Digest)
	m.Data = nil
	return nil
}

// ErrGone means that the object of an outcome is missing or is not the one that was sent.
var ErrGone = errors.New("the object of the outcome is missing or damaged")

// Body returns the body of an outcome's message, from the object store if the message names an object.
func (b *Blobs) Body(ctx context.Context, h nats.Header, data []byte) ([]byte, error) {
	name := h.Get(HeaderObject)
	if name == "" {
		return data, nil
	}
	store, err := b.Open(ctx)
	if err != nil {
		return nil, err
	}
	finding, cancel := context.WithTimeout(ctx, bus.Timeout)
	defer cancel()
	info, err := store.GetInfo(finding, name)
	if errors.Is(err, jetstream.ErrObjectNotFound) {
		return nil, fmt.Errorf("%w: %s", ErrGone, name)
	}
	if err != nil {
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

// Delete deletes the object of a message, if the message has one. Objects that are not deleted expire.
func (b *Blobs) Delete(ctx context.Context, h nats.Header) {
	name := h.Get(HeaderObject)
	if name == "" {
		return
	}
	if store, err := b.Open(ctx); err == nil {
		_ = store.Delete(ctx, name)
	}
}

package bus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// documentTimeout bounds how long a document may take on its way.
	documentTimeout = 30 * time.Second
	// documentFresh is how old a document may be that is not stored again for an event of now.
	documentFresh = day
)

// Documents are the bodies of events that are larger than a message, in an object store that keeps them
// as long as the stream of orders keeps events. It is safe for concurrent use.
type Documents struct {
	JS     jetstream.JetStream
	Config Config

	mu    sync.Mutex // guards store
	store jetstream.ObjectStore
}

// Bucket is the name of the object store.
func (d *Documents) Bucket() string { return Subjects{Prefix: d.Config.Prefix}.Stream("documents") }

// Keep stores a document under a name that only this content has.
func (d *Documents) Keep(ctx context.Context, name string, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, documentTimeout)
	defer cancel()
	store, err := d.open(ctx, true)
	if err != nil {
		return err
	}
	info, err := store.GetInfo(ctx, name)
	if err == nil && time.Since(info.ModTime) < documentFresh {
		return nil
	}
	if err == nil || errors.Is(err, jetstream.ErrObjectNotFound) {
		chunk := &jetstream.ObjectMetaOptions{ChunkSize: ChunkSize(d.JS.Conn().MaxPayload())}
		_, err = store.Put(ctx, jetstream.ObjectMeta{Name: name, Opts: chunk}, bytes.NewReader(body))
	}
	return d.explain(name, err)
}

// ChunkSize is the size of the messages of an object: the library's default is more than a server may take.
func ChunkSize(maxPayload int64) uint32 { return uint32(max(1<<10, min(128<<10, maxPayload/2))) } //nolint:gosec // it is small

// Read returns a document. The library compares its digest.
func (d *Documents) Read(ctx context.Context, name string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, documentTimeout)
	defer cancel()
	store, err := d.open(ctx, false)
	if err != nil {
		return nil, err
	}
	body, err := store.GetBytes(ctx, name)
	return body, d.explain(name, err)
}

// open returns the object store, and creates it if it is missing and may be created.
func (d *Documents) open(ctx context.Context, create bool) (jetstream.ObjectStore, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.store != nil {
		return d.store, nil
	}
	store, err := d.JS.ObjectStore(ctx, d.Bucket())
	if create && errors.Is(err, jetstream.ErrBucketNotFound) {
		config := jetstream.ObjectStoreConfig{
			Bucket: d.Bucket(), Description: "order events that are larger than a message", TTL: ordersLife, Storage: jetstream.FileStorage,
			Replicas: max(1, d.Config.Replicas), Placement: d.Config.Placement(),
		}
		if d.Config.MaxBytes > 0 {
			config.MaxBytes = d.Config.MaxBytes
		}
		store, err = d.JS.CreateObjectStore(ctx, config)
	}
	if err != nil {
		return nil, fmt.Errorf("object store %s: %w", d.Bucket(), err)
	}
	d.store = store
	return store, nil
}

// explain adds the object to an error. The next use opens the store again: it may have been deleted.
func (d *Documents) explain(name string, err error) error {
	if err == nil {
		return nil
	}
	d.mu.Lock()
	d.store = nil
	d.mu.Unlock()
	return fmt.Errorf("object store %s: %s: %w", d.Bucket(), name, err)
}

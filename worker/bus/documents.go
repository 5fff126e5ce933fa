package bus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// documentTimeout is the timeout for storing or reading a document.
	documentTimeout = 30 * time.Second
	// documentFresh is the age from which an existing document is stored again, so that it does not expire.
	documentFresh = day
)

// Documents stores the bodies of events that are too large for a message in an object store, which retains them
// as long as the orders stream retains events. It is safe for concurrent use.
type Documents struct{ Conn *Conn }

func (d *Documents) config() jetstream.ObjectStoreConfig {
	return d.Conn.Config.ObjectStoreConfig("documents", "order events that are larger than a message", ordersLife)
}

// Keep stores a document. name must be unique for its content.
func (d *Documents) Keep(ctx context.Context, name string, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, documentTimeout)
	defer cancel()
	store, err := OpenObjectStore(ctx, d.Conn.JS, d.config(), true)
	if err != nil {
		return err
	}
	info, err := store.GetInfo(ctx, name)
	if err == nil && time.Since(info.ModTime) < documentFresh {
		return nil
	}
	if err == nil || errors.Is(err, jetstream.ErrObjectNotFound) {
		_, err = PutObject(ctx, d.Conn.JS, store, name, bytes.NewReader(body))
	}
	return d.explain(name, err)
}

// Read returns a document. The NATS library verifies its digest.
func (d *Documents) Read(ctx context.Context, name string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, documentTimeout)
	defer cancel()
	store, err := OpenObjectStore(ctx, d.Conn.JS, d.config(), false)
	if err != nil {
		return nil, err
	}
	body, err := store.GetBytes(ctx, name)
	return body, d.explain(name, err)
}

// explain adds the names of the store and the object to an error.
func (d *Documents) explain(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("object store %s: %s: %w", d.config().Bucket, name, err)
}

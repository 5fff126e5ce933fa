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
	// documentTimeout bounds how long a document may take on its way.
	documentTimeout = 30 * time.Second
	// documentFresh is how old a document may be that is not stored again for an event of now.
	documentFresh = day
)

// Documents are the bodies of events that are larger than a message, in an object store that keeps them
// as long as the stream of orders keeps events. It is safe for concurrent use.
type Documents struct{ Conn *Conn }

func (d *Documents) config() jetstream.ObjectStoreConfig {
	return d.Conn.Config.ObjectStoreConfig("documents", "order events that are larger than a message", ordersLife)
}

// Keep stores a document under a name that only this content has.
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

// Read returns a document. The library compares its digest.
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

// explain adds the object to an error.
func (d *Documents) explain(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("object store %s: %s: %w", d.config().Bucket, name, err)
}

package bus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// KeyValueConfig returns the configuration of a topic's bucket, with the replicas and placement of the streams.
// If the streams have a size limit, the bucket is limited to most bytes.
func (c Config) KeyValueConfig(topic, about string, most int64) jetstream.KeyValueConfig {
	return jetstream.KeyValueConfig{
		Bucket: Subjects{Prefix: c.Prefix}.Stream(topic), Description: about, Storage: jetstream.FileStorage,
		Replicas: max(1, c.Replicas), MaxBytes: min(c.MaxBytes, most), Placement: c.Placement(),
	}
}

// OpenKeyValue opens a bucket, and creates it if it is missing.
func OpenKeyValue(ctx context.Context, js jetstream.JetStream, config jetstream.KeyValueConfig) (jetstream.KeyValue, error) {
	kv, err := js.KeyValue(ctx, config.Bucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		return js.CreateKeyValue(ctx, config)
	}
	return kv, err
}

// ObjectStoreConfig returns the configuration of a topic's object store, with the replicas, limit and placement of the
// streams. life is the TTL of its objects; 0 is unlimited.
func (c Config) ObjectStoreConfig(topic, about string, life time.Duration) jetstream.ObjectStoreConfig {
	return jetstream.ObjectStoreConfig{
		Bucket: Subjects{Prefix: c.Prefix}.Stream(topic), Description: about, TTL: life, Storage: jetstream.FileStorage,
		Replicas: max(1, c.Replicas), MaxBytes: c.MaxBytes, Placement: c.Placement(),
	}
}

// OpenObjectStore opens an object store. If the store is missing and create is set, it is created.
func OpenObjectStore(ctx context.Context, js jetstream.JetStream, config jetstream.ObjectStoreConfig, create bool) (jetstream.ObjectStore, error) {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	store, err := js.ObjectStore(ctx, config.Bucket)
	if create && errors.Is(err, jetstream.ErrBucketNotFound) {
		store, err = js.CreateObjectStore(ctx, config)
	}
	if err != nil {
		return nil, fmt.Errorf("object store %s: %w", config.Bucket, err)
	}
	return store, nil
}

// PutObject stores an object in chunks that the server accepts: the library's default may exceed max_payload.
func PutObject(ctx context.Context, js jetstream.JetStream, store jetstream.ObjectStore, name string, content io.Reader) (*jetstream.ObjectInfo, error) {
	size := max(1<<10, min(128<<10, js.Conn().MaxPayload()/2))
	return store.Put(ctx, jetstream.ObjectMeta{Name: name, Opts: &jetstream.ObjectMetaOptions{ChunkSize: uint32(size)}}, content) //nolint:gosec // it is small
}

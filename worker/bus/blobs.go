package bus

import (
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// blobLife is how long an object is kept that is not deleted.
const blobLife = 7 * 24 * time.Hour

// BlobsConfig is the object store for what is larger than a message.
func BlobsConfig(c Config) jetstream.ObjectStoreConfig {
	config := jetstream.ObjectStoreConfig{
		Bucket: Subjects{Prefix: c.Prefix}.Stream("blobs"), Description: "outcomes that are larger than a message", TTL: blobLife,
		Storage: jetstream.FileStorage, Replicas: max(1, c.Replicas), Placement: c.Placement(), MaxBytes: -1,
	}
	if c.MaxBytes > 0 {
		config.MaxBytes = c.MaxBytes
	}
	return config
}

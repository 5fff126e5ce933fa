package provider

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"orderbeat/auth"
	"orderbeat/auth/seal"
	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/cmd/orderbeat/config"
	"orderbeat/db"
)

// sharedTokens opens the worker's token store: on an external NATS, or else the database. If the key file or
// the database does not exist, it creates neither and returns an empty store in memory.
func sharedTokens(ctx context.Context, conf *config.Config) (auth.Store, io.Closer, error) {
	needed := []string{conf.DB.Path, conf.Key.Path}
	if conf.NATS.URL != "" {
		needed = []string{conf.Key.Path}
	}
	for _, path := range needed {
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			return auth.NewMemory(), io.NopCloser(nil), nil
		}
	}
	keys, err := seal.LoadKeyring(conf.Key.Path, false)
	if err != nil {
		return nil, nil, fmt.Errorf("worker.key: %w", err)
	}
	if conf.NATS.URL != "" {
		bucket, disconnect, err := cli.TokenBucket(conf.NATS)
		if err != nil {
			return nil, nil, err
		}
		return seal.New(bucket, keys), closerFunc(disconnect), nil
	}
	database, err := db.OpenTokens(ctx, db.Options{Path: conf.DB.Path, Synchronous: conf.DB.Synchronous})
	if err != nil {
		return nil, nil, fmt.Errorf("db.path: %w", err)
	}
	return seal.New(database.Tokens(), keys), database, nil
}

// closerFunc is a function as an [io.Closer].
type closerFunc func()

func (f closerFunc) Close() error { f(); return nil }

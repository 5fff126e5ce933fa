package provider

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"orderbeat/auth"
	"orderbeat/auth/seal"
	"orderbeat/cmd/orderbeat/config"
	"orderbeat/db"
)

// sharedTokens opens the worker's token store, or an empty one in memory if there is no
// database or key. It creates neither.
func sharedTokens(ctx context.Context, conf *config.Config) (auth.Store, io.Closer, error) {
	for _, path := range []string{conf.DB.Path, conf.Key.Path} {
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			return auth.NewMemory(), io.NopCloser(nil), nil
		}
	}
	keys, err := seal.LoadKeyring(conf.Key.Path, false) //nolint:contextcheck // a file is read before anything waits
	if err != nil {
		return nil, nil, fmt.Errorf("worker.key: %w", err)
	}
	database, err := db.OpenTokens(ctx, db.Options{Path: conf.DB.Path, Synchronous: conf.DB.Synchronous})
	if err != nil {
		return nil, nil, fmt.Errorf("db.path: %w", err)
	}
	return seal.New(database.Tokens(), keys), database, nil
}

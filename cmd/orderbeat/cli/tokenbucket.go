package cli

import (
	"fmt"
	"log/slog"

	"orderbeat/worker/bus"
	"orderbeat/worker/problems"
	"orderbeat/worker/tokens"
)

// TokenBucket returns the token store of an external NATS for a command without a worker, and what ends
// its connection.
func TokenBucket(c bus.Config) (bucket *tokens.Store, disconnect func(), err error) {
	log := slog.New(slog.DiscardHandler) // what fails is in the errors
	conn, err := bus.Open(c, nil, problems.NewSet(log), log, func(error) {})
	if err != nil {
		return nil, nil, err
	}
	if !conn.NATS.IsConnected() {
		err := conn.NATS.LastError()
		conn.Close()
		return nil, nil, fmt.Errorf("connect to NATS at %s: %w", c.URL, c.Explain(err))
	}
	bucket = tokens.New(tokens.Config{NATS: c, Log: log})
	bucket.Attach(conn, nil)
	return bucket, conn.Close, nil
}

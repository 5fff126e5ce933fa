package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// bus is the connection to NATS and, where it is embedded, the server.
type bus struct {
	conn     *nats.Conn
	js       jetstream.JetStream
	embedded *embedded // nil when NATS is somewhere else
	url      string    // where others reach it, "" when they cannot
}

// openBus connects to NATS, starting the embedded server first if there is no URL.
// lost is told when the connection ends for good, which is not the same as NATS
// being away.
func openBus(ctx context.Context, c NATS, log *slog.Logger, lost func(error)) (_ *bus, err error) {
	b := &bus{url: c.URL}
	defer func() {
		if err != nil {
			b.close()
		}
	}()
	if c.URL == "" {
		if c.PasswordFile != "" {
			if c.Password, err = openPassword(c.PasswordFile, log); err != nil {
				return nil, err
			}
			c.User, c.PasswordFile = natsUser, ""
		}
		if b.embedded, err = openEmbedded(ctx, c, log); err != nil {
			return nil, err
		}
		b.url = c.Reach(b.embedded.address())
	}
	options, err := b.connectOptions(c, log)
	if err != nil {
		return nil, err
	}
	options = append(options, nats.ClosedHandler(func(nc *nats.Conn) {
		lost(fmt.Errorf("NATS ended the connection for good: %w", nc.LastError()))
	}))
	if b.conn, err = nats.Connect(c.URL, options...); err != nil {
		return nil, fmt.Errorf("connect to NATS at %s: %w", c.URL, err)
	}
	async := jetstream.WithPublishAsyncTimeout(10 * time.Second)
	if c.Domain != "" {
		b.js, err = jetstream.NewWithDomain(b.conn, c.Domain, async)
	} else {
		b.js, err = jetstream.New(b.conn, async)
	}
	return b, err
}

// connectOptions never give up reconnecting, and never buffer what cannot be
// sent: the outbox keeps it better.
func (b *bus) connectOptions(c NATS, log *slog.Logger) ([]nats.Option, error) {
	options := []nats.Option{
		nats.Name("orderbeat"),
		nats.MaxReconnects(-1),
		nats.RetryOnFailedConnect(true),
		nats.ReconnectWait(250 * time.Millisecond),
		nats.ReconnectBufSize(-1),
		nats.PingInterval(20 * time.Second),
		nats.MaxPingsOutstanding(3),
		nats.IgnoreAuthErrorAbort(),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn("NATS connection lost: the outbox keeps what is to be published", "err", err)
			}
		}),
		nats.ReconnectHandler(func(nc *nats.Conn) { log.Info("NATS connection is back", "nats", nc.ConnectedUrlRedacted()) }),
		nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
			subject := ""
			if sub != nil {
				subject = sub.Subject
			}
			log.Warn("NATS reports an error", "subject", subject, "err", err)
		}),
	}
	if b.embedded != nil {
		login, err := c.login() // no TLS within the process
		return append(options, append(login, nats.InProcessServer(b.embedded))...), err
	}
	access, err := c.Access()
	return append(options, access...), err
}

// maxBody is the largest body that the server takes with our headers, which count
// too; 0 while it is not known.
func (b *bus) maxBody() int64 {
	limit := b.conn.MaxPayload()
	return limit - min(4<<10, limit/4)
}

// close ends the connection, then the server. Everything that uses them has ended.
func (b *bus) close() {
	if b.conn != nil {
		b.conn.Close()
	}
	if b.embedded != nil {
		b.embedded.close()
	}
}

// tend looks after the embedded server, where there is one, until ctx ends.
func (b *bus) tend(ctx context.Context) {
	if b.embedded != nil {
		b.embedded.tend(ctx)
	}
}

// usable is nil while messages can be kept, as far as that is known.
func (b *bus) usable() error {
	if b.embedded != nil {
		if err := b.embedded.ailment(); err != nil {
			return err
		}
	}
	if !b.conn.IsConnected() {
		return errors.New("not connected")
	}
	return nil
}

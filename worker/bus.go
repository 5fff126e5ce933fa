package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strconv"
	"time"

	"github.com/gofrs/flock"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// bus is the connection to NATS and, where it is embedded, the server.
type bus struct {
	conn   *nats.Conn
	js     jetstream.JetStream
	server *server.Server // nil when NATS is somewhere else
	lock   *flock.Flock   // guards the embedded server's files
	url    string         // where others reach it, "" when they cannot
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
		if err := b.startServer(ctx, c, log); err != nil {
			return nil, err
		}
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
	b.js, err = jetstream.New(b.conn, jetstream.WithPublishAsyncTimeout(10*time.Second))
	return b, err
}

// startServer runs NATS inside this process. Two servers on one folder lose
// messages without noticing, so the folder is locked first.
func (b *bus) startServer(ctx context.Context, c NATS, log *slog.Logger) error {
	opts := &server.Options{
		ServerName: "orderbeat", JetStream: true, StoreDir: c.Store, NoSigs: true,
		SyncAlways: c.SyncAlways, SyncInterval: c.SyncEvery, MaxPayload: c.MaxPayload,
		DontListen: c.Listen == "",
	}
	if c.Listen != "" {
		host, port, err := free(ctx, c.Listen)
		if err != nil {
			return err
		}
		opts.Host, opts.Port = host, port
	}
	if err := makeFolder(c.Store); err != nil {
		return fmt.Errorf("nats.store: %w", err)
	}
	b.lock = flock.New(filepath.Join(c.Store, "lock"))
	if locked, err := b.lock.TryLock(); err != nil || !locked {
		return errors.Join(fmt.Errorf("nats.store: %s is in use by another orderbeat: stop it, or give this one a folder of its own", c.Store), err)
	}
	srv, err := server.NewServer(opts)
	if err != nil {
		return fmt.Errorf("embedded NATS: %w", err)
	}
	srv.SetLoggerV2(serverLog{log}, false, false, false)
	b.server = srv
	srv.Start()
	const patience = 30 * time.Second // recovering large streams takes a while
	if !srv.ReadyForConnections(patience) {
		return fmt.Errorf("embedded NATS: not ready after %s", patience)
	}
	if c.Listen != "" {
		b.url = srv.ClientURL()
	}
	return nil
}

// free checks that the address can be listened on, because the server itself
// would only log that it cannot. Port 0 asks for any.
func free(ctx context.Context, address string) (host string, port int, err error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return "", 0, fmt.Errorf("nats.listen: %w", err)
	}
	if err := l.Close(); err != nil {
		return "", 0, fmt.Errorf("nats.listen: %w", err)
	}
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, fmt.Errorf("nats.listen: %w", err)
	}
	if port, err = strconv.Atoi(text); err != nil {
		return "", 0, fmt.Errorf("nats.listen: %w", err)
	}
	if port == 0 {
		port = server.RANDOM_PORT
	}
	return host, port, nil
}

// connectOptions never give up reconnecting, and never buffer what cannot be
// sent: the outbox keeps it better.
func (b *bus) connectOptions(c NATS, log *slog.Logger) ([]nats.Option, error) {
	options := []nats.Option{
		nats.Name("orderbeat"),
		nats.MaxReconnects(-1),
		nats.RetryOnFailedConnect(true),
		nats.ReconnectWait(time.Second),
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
	if b.server != nil {
		options = append(options, nats.InProcessServer(b.server))
	}
	access, err := c.Access()
	return append(options, access...), err
}

// Access is what a connection needs to be let in: credentials and certificates.
func (c NATS) Access() ([]nats.Option, error) {
	var options []nats.Option
	if c.Creds != "" {
		options = append(options, nats.UserCredentials(c.Creds))
	}
	if c.NKey != "" {
		seed, err := nats.NkeyOptionFromSeed(c.NKey)
		if err != nil {
			return nil, fmt.Errorf("nats.nkey: %w", err)
		}
		options = append(options, seed)
	}
	if c.CA != "" {
		options = append(options, nats.RootCAs(c.CA))
	}
	if c.Cert != "" {
		options = append(options, nats.ClientCert(c.Cert, c.Key))
	}
	return options, nil
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
	if b.server != nil {
		b.server.Shutdown()
		b.server.WaitForShutdown()
	}
	if b.lock != nil {
		_ = b.lock.Unlock() // the process ends, and with it the lock
	}
}

// serverLog passes on what the embedded server warns about.
type serverLog struct{ log *slog.Logger }

func (l serverLog) Noticef(format string, v ...any) {
	l.log.Debug("nats-server", "message", fmt.Sprintf(format, v...))
}

func (l serverLog) Warnf(format string, v ...any) {
	l.log.Warn("nats-server", "message", fmt.Sprintf(format, v...))
}

func (l serverLog) Fatalf(format string, v ...any) {
	l.log.Error("nats-server", "message", fmt.Sprintf(format, v...))
}

func (l serverLog) Errorf(format string, v ...any) {
	l.log.Error("nats-server", "message", fmt.Sprintf(format, v...))
}

func (l serverLog) Debugf(format string, v ...any) {
	l.log.Debug("nats-server", "message", fmt.Sprintf(format, v...))
}

func (l serverLog) Tracef(format string, v ...any) {
	l.log.Debug("nats-server", "message", fmt.Sprintf(format, v...))
}

package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"orderbeat/worker/problems"
	"orderbeat/worker/wait"
)

// Timeout is how long the server may take to respond.
const Timeout = 5 * time.Second

// Conn is the connection to NATS, and the embedded server if there is one.
type Conn struct {
	NATS     *nats.Conn
	JS       jetstream.JetStream
	Subjects // with the prefix of Config
	Config   Config
	URL      string             // for other clients, "" if they cannot connect
	server   Server             // nil for an external NATS
	nkey     *nkeyDialer        // nil without an nkey
	activity *problems.Activity // the connection
	errors   *problems.Activity // asynchronous errors that the server reports

	mu       sync.Mutex // guards the rest
	denied   error      // the last permission violation
	deniedAt time.Time
}

// Server is the embedded server.
type Server interface {
	nats.InProcessConnProvider
	// Address is its host:port, "" if it does not listen.
	Address() string
	// Err returns why its store is not writable, nil if it is writable.
	Err() error
	// Maintain restarts it after failures, until ctx ends.
	Maintain(ctx context.Context)
	Close()
}

// Open connects to NATS: to the embedded server, if there is one. Close and a failing Open close that
// server too. lost is called when the connection is closed permanently, which a NATS outage does not
// cause.
func Open(c Config, embedded Server, set *problems.Set, log *slog.Logger, lost func(error)) (_ *Conn, err error) {
	b := &Conn{Subjects: Subjects{c.Prefix}, Config: c, URL: c.URL, server: embedded, activity: set.Activity("nats"), errors: set.Activity("nats errors")}
	defer func() {
		if err != nil {
			b.Close()
		}
	}()
	if embedded != nil {
		b.URL = c.ClientURL(embedded.Address())
	}
	options, err := b.connectOptions()
	if err != nil {
		return nil, err
	}
	options = append(options, nats.ClosedHandler(func(nc *nats.Conn) {
		lost(fmt.Errorf("NATS connection closed permanently: %w", nc.LastError()))
	}))
	if b.NATS, err = nats.Connect(c.URL, options...); err != nil {
		return nil, fmt.Errorf("connect to NATS at %s: %w", c.URL, err)
	}
	if b.nkey != nil {
		b.nkey.conn.Store(b.NATS)
	}
	async := jetstream.WithPublishAsyncTimeout(10 * time.Second)
	if c.Domain != "" {
		b.JS, err = jetstream.NewWithDomain(b.NATS, c.Domain, async)
	} else {
		b.JS, err = jetstream.New(b.NATS, async)
	}
	return b, err
}

// connectOptions returns options that reconnect forever and buffer no unsent messages: they stay in the outbox.
func (b *Conn) connectOptions() ([]nats.Option, error) {
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
				b.activity.Failed("NATS connection lost, messages stay in the outbox", b.Config.Explain(err))
			}
		}),
		nats.ConnectHandler(func(*nats.Conn) { b.activity.OK() }),
		nats.ReconnectHandler(func(*nats.Conn) { b.activity.OK() }),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { b.connectFailed(err) }),
		nats.ErrorHandler(b.asyncError),
	}
	if b.server != nil {
		login, err := b.Config.login() // no TLS within the process
		return append(options, append(login, nats.InProcessServer(b.server))...), err
	}
	access, err := b.Config.Access()
	if b.Config.NKey != "" {
		b.nkey = &nkeyDialer{Dialer: net.Dialer{Timeout: nats.DefaultTimeout}, path: b.Config.NKey}
		access = append(access, nats.SetCustomDialer(b.nkey))
	}
	return append(options, access...), err
}

// MaxBody returns the largest body that the server accepts, with room for the headers, which count too; 0 while
// it is unknown.
func (b *Conn) MaxBody() int64 {
	limit := b.NATS.MaxPayload()
	return limit - min(4<<10, limit/4)
}

// Close closes the connection, then the embedded server. Nothing may use them any more.
func (b *Conn) Close() {
	if b.NATS != nil {
		b.NATS.Close()
	}
	if b.server != nil {
		b.server.Close()
	}
}

// connectFailed records why there is no connection.
func (b *Conn) connectFailed(err error) {
	b.activity.Failed("cannot connect to NATS", b.Config.Explain(err), "nats", b.Config.URL)
}

// asyncError handles errors that the client and the server report asynchronously.
func (b *Conn) asyncError(nc *nats.Conn, sub *nats.Subscription, err error) {
	if !nc.IsConnected() {
		b.connectFailed(err)
		return
	}
	if errors.Is(err, nats.ErrPermissionViolation) {
		b.mu.Lock()
		b.denied, b.deniedAt = err, time.Now()
		b.mu.Unlock()
	}
	subject := ""
	if sub != nil {
		subject = sub.Subject
	}
	b.errors.Noticed("NATS reports an error", err, "subject", subject)
}

// Explain adds to [Config.Explain] what the connection knows: why it is down, or which
// permission was denied if no response arrived.
func (b *Conn) Explain(err error) error {
	if err == nil {
		return nil
	}
	if cause := b.activity.Err(); cause != nil && !b.NATS.IsConnected() && b.Config.cause(err) != "" {
		return cause
	}
	unanswered := errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrTimeout) || errors.Is(err, jetstream.ErrAsyncPublishTimeout) ||
		errors.Is(err, jetstream.ErrJetStreamNotEnabled)
	if denied := b.Denied(); unanswered && denied != nil {
		return &natsError{strings.TrimPrefix(denied.Error(), "nats: "), err}
	}
	return b.Config.Explain(err)
}

// Denied returns the last permission violation if it is recent, else nil. It may be the reason why a request
// has no response.
func (b *Conn) Denied() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if time.Since(b.deniedAt) < 3*Timeout { // longer than a request waits
		return b.denied
	}
	return nil
}

// connectionCheck is how often the cause of a missing connection is read: the client does not
// report all failed reconnects.
const connectionCheck = time.Second

// Maintain records why there is no connection, and restarts the embedded server after failures, until ctx ends.
func (b *Conn) Maintain(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	if b.server != nil {
		wg.Go(func() { b.server.Maintain(ctx) })
	}
	for wait.For(ctx, connectionCheck) {
		if err := b.NATS.LastError(); err != nil && !b.NATS.IsConnected() {
			b.connectFailed(err)
		}
	}
}

// Usable returns nil if messages can be stored, as far as is known.
func (b *Conn) Usable() error {
	if b.server != nil {
		if err := b.server.Err(); err != nil {
			return err
		}
	}
	if b.NATS.IsConnected() {
		return nil
	}
	if err := b.activity.Err(); err != nil {
		return err
	}
	return errors.New("not connected")
}

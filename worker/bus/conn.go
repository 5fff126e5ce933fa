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
	Subjects // of the prefix
	Config   Config
	URL      string             // for other clients, "" if they cannot connect
	server   Server             // nil for an external NATS
	nkey     *nkeyDialer        // nil without an nkey
	activity *problems.Activity // connecting
	errors   *problems.Activity // errors that the server reports about single messages

	mu       sync.Mutex // guards the rest
	denied   error      // the last permission violation
	deniedAt time.Time
}

// Server is the embedded server.
type Server interface {
	nats.InProcessConnProvider
	// Address is its host:port, "" if it does not listen.
	Address() string
	// Err is why its store is not writable, nil if it is.
	Err() error
	// Maintain keeps it running until ctx ends.
	Maintain(ctx context.Context)
	Close()
}

// Open connects to NATS: to the embedded server, if there is one. It closes that server together
// with the connection, and also when it fails. lost is called when the connection is closed for
// good, which a NATS outage does not cause.
func Open(c Config, embedded Server, set *problems.Set, log *slog.Logger, lost func(error)) (_ *Conn, err error) {
	b := &Conn{Subjects: Subjects{c.Prefix}, Config: c, URL: c.URL, server: embedded, activity: set.Activity("nats"), errors: set.Activity("nats errors")}
	defer func() {
		if err != nil {
			b.Close()
		}
	}()
	if embedded != nil {
		b.URL = c.Reach(embedded.Address())
	}
	options, err := b.connectOptions()
	if err != nil {
		return nil, err
	}
	options = append(options, nats.ClosedHandler(func(nc *nats.Conn) {
		lost(fmt.Errorf("NATS closed the connection for good: %w", nc.LastError()))
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

// connectOptions reconnect forever, and never buffer what cannot be sent: the outbox has it.
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
				b.activity.Failed("NATS connection lost, messages wait in the outbox", b.Config.Explain(err))
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

// MaxBody is the largest body that the server accepts with our headers, which count too; 0 while
// it is unknown.
func (b *Conn) MaxBody() int64 {
	limit := b.NATS.MaxPayload()
	return limit - min(4<<10, limit/4)
}

// Close closes the connection, then the embedded server. All users of them must have ended.
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

// asyncError handles errors that the client and the server report outside of responses.
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

// Explain is [Config.Explain] with the state of the connection: why it is down, and which
// permission is missing if a response does not arrive.
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

// Denied is the permission that the server denied a moment ago, nil if there is none: a request that has no
// response may lack it.
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

// Maintain records why there is no connection, and keeps the embedded server running, until ctx ends.
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

// Usable is nil while messages can be stored, as far as that is known.
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

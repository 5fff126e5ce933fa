package bus

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"orderbeat/auth/secret"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"github.com/nats-io/nats-server/v2/server"

	"orderbeat/worker/problems"
	"orderbeat/worker/wait"
)

// embedded is the NATS server within this process. A stream of it that could not be
// written once, because the disk was full, takes nothing any more for as long as the server
// runs: that is why it is started again when the disk is well.
type embedded struct {
	options *server.Options
	lock    *flock.Flock // guards its files
	log     *slog.Logger
	said    *problems.Activity // what the server itself logs

	mu     sync.Mutex // guards the rest
	server *server.Server
	ailing string // what could not be written, "" while all is well
}

// openEmbedded starts it. Two servers on one folder lose messages without noticing, so the
// folder is locked first.
func openEmbedded(ctx context.Context, c Config, log *slog.Logger) (_ *embedded, err error) {
	e := &embedded{log: log, said: problems.NewSet(log).Activity("nats-server"), options: &server.Options{
		ServerName: "orderbeat", JetStream: true, StoreDir: c.Store, NoSigs: true,
		SyncAlways: c.SyncAlways, SyncInterval: c.SyncEvery, MaxPayload: c.MaxPayload,
		DontListen: c.Listen == "",
	}}
	if c.User != "" || !c.Token.Empty() {
		e.options.CustomClientAuthentication = gate{c.User, c.Password, c.Token}
	}
	if c.Cert != "" {
		pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
		if err != nil {
			return nil, fmt.Errorf("nats.tls: %w", err)
		}
		e.options.TLS, e.options.TLSHandshakeFirst = true, c.TLSFirst
		e.options.TLSConfig = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	}
	if c.Listen != "" {
		if e.options.Host, e.options.Port, err = free(ctx, c.Listen); err != nil {
			return nil, err
		}
	}
	if err := makeFolder(c.Store); err != nil {
		return nil, fmt.Errorf("nats.store: %w", err)
	}
	e.lock = flock.New(filepath.Join(c.Store, "lock"))
	if locked, err := e.lock.TryLock(); err != nil || !locked {
		return nil, errors.Join(fmt.Errorf("nats.store: %s is in use by another orderbeat: stop it, or give this one a folder of its own", c.Store), err)
	}
	if err := e.start(); err != nil {
		e.close()
		return nil, err
	}
	return e, nil
}

// gate lets in who presents what is configured.
type gate struct {
	user            string
	password, token secret.Secret
}

// Check implements [server.Authentication]. It compares in constant time.
func (g gate) Check(c server.ClientAuthentication) bool {
	got := c.GetOpts()
	return equal(got.Username, g.user)&equal(got.Password, g.password.Reveal())&equal(got.Token, g.token.Reveal()) == 1
}

func equal(a, b string) int {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b)) // of one length
	return subtle.ConstantTimeCompare(x[:], y[:])
}

// start starts a server. The second one listens where the first one did.
func (e *embedded) start() error {
	srv, err := server.NewServer(e.options.Clone())
	if err != nil {
		return fmt.Errorf("embedded NATS: %w", err)
	}
	srv.SetLoggerV2(serverLog{e.log, e.said, e.fail}, false, false, false)
	e.mu.Lock()
	e.server, e.ailing = srv, ""
	e.mu.Unlock()
	srv.Start()
	const patience = 30 * time.Second // recovering large streams takes a while
	if !srv.ReadyForConnections(patience) {
		return fmt.Errorf("embedded NATS: not ready after %s", patience)
	}
	if address, ok := srv.Addr().(*net.TCPAddr); ok {
		e.options.Port = address.Port
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

// address is where the server listens, as host:port, "" when it does not.
func (e *embedded) address() string {
	if e.options.DontListen {
		return ""
	}
	return net.JoinHostPort(e.options.Host, strconv.Itoa(e.options.Port))
}

func (e *embedded) current() *server.Server {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.server
}

// InProcessConn implements [nats.InProcessConnProvider]: it connects to the server that
// runs now.
func (e *embedded) InProcessConn() (net.Conn, error) { return e.current().InProcessConn() }

// fail notes what could not be written.
func (e *embedded) fail(what string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ailing == "" {
		e.ailing = what
	}
}

// ailment tells what could not be written, nil while all is well.
func (e *embedded) ailment() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ailing == "" {
		return nil
	}
	return errors.New("the embedded server could not write its store: " + e.ailing)
}

// How often it is looked whether the store failed, and how long another try rests when
// one was in vain.
const (
	tendStore  = time.Second
	tendFailed = 10 * time.Second
)

// tend starts the server again when its store failed and can be written again, until ctx
// ends. For those who are connected NATS is away for a moment.
func (e *embedded) tend(ctx context.Context) {
	for rest := tendStore; wait.For(ctx, rest); {
		rest = tendStore
		if e.ailment() == nil || e.probe() != nil {
			continue
		}
		e.log.Warn("the embedded NATS starts again: its store could not be written, and can be now")
		e.stop()
		if err := e.start(); err != nil {
			e.log.Error("the embedded NATS does not start; it is tried again", "err", err)
			e.fail(err.Error())
			rest = tendFailed
		}
	}
}

// probe writes as much to the store as a few messages need, and removes it.
func (e *embedded) probe() (err error) {
	file, err := os.CreateTemp(e.options.StoreDir, "probe-*")
	if err != nil {
		return err
	}
	_, err = file.Write(make([]byte, 1<<20))
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close(), os.Remove(file.Name()))
}

func (e *embedded) stop() {
	if srv := e.current(); srv != nil {
		srv.Shutdown()
		srv.WaitForShutdown()
	}
}

// close ends the server. Who uses it has ended.
func (e *embedded) close() {
	e.stop()
	_ = e.lock.Unlock() // the process ends, and with it the lock
}

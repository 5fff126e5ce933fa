package embedded

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"orderbeat/auth/secret"

	"github.com/gofrs/flock"
	"github.com/nats-io/nats-server/v2/server"

	"orderbeat/worker/bus"
	"orderbeat/worker/problems"
	"orderbeat/worker/wait"
)

// Server is the NATS server within this process. After a failed write, for example because the disk
// is full, a stream stays read-only as long as the server runs. So the server is restarted when the disk
// is writable again.
type Server struct {
	options  *server.Options
	lock     *flock.Flock // on its files
	log      *slog.Logger
	activity *problems.Activity // what the server logs

	mu       sync.Mutex // guards the rest
	server   *server.Server
	storeErr string // why the store is not writable, "" if it is
}

// Open starts a server. Two servers on one folder would silently lose messages, so the folder is
// locked first.
func Open(ctx context.Context, c bus.Config, log *slog.Logger) (_ *Server, err error) {
	s := &Server{log: log, activity: problems.NewSet(log).Activity("nats-server"), options: &server.Options{
		ServerName: "orderbeat", JetStream: true, StoreDir: c.Store, NoSigs: true,
		SyncAlways: c.SyncAlways, SyncInterval: c.SyncEvery, MaxPayload: c.MaxPayload,
		DontListen: c.Listen == "",
	}}
	if c.User != "" || !c.Token.Empty() {
		s.options.CustomClientAuthentication = gate{c.User, c.Password, c.Token}
	}
	if c.Cert != "" {
		pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
		if err != nil {
			return nil, fmt.Errorf("nats.tls: %w", err)
		}
		s.options.TLS, s.options.TLSHandshakeFirst = true, c.TLSFirst
		s.options.TLSConfig = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	}
	if c.Listen != "" {
		if s.options.Host, s.options.Port, err = free(ctx, c.Listen); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll(c.Store, 0o700); err != nil {
		return nil, fmt.Errorf("nats.store: %w", err)
	}
	s.lock = flock.New(filepath.Join(c.Store, "lock"))
	if locked, err := s.lock.TryLock(); err != nil || !locked {
		return nil, errors.Join(fmt.Errorf("nats.store: %s is in use by another orderbeat: stop it, or set another folder", c.Store), err)
	}
	if err := s.start(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// gate admits clients with the configured login.
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

// start starts the server. After a restart it has the same address.
func (s *Server) start() error {
	srv, err := server.NewServer(s.options.Clone())
	if err != nil {
		return fmt.Errorf("embedded NATS: %w", err)
	}
	srv.SetLoggerV2(serverLog{s.log, s.activity, s.fail}, false, false, false)
	s.mu.Lock()
	s.server, s.storeErr = srv, ""
	s.mu.Unlock()
	srv.Start()
	const timeout = 30 * time.Second // recovering large streams takes a while
	if !srv.ReadyForConnections(timeout) {
		return fmt.Errorf("embedded NATS: not ready after %s", timeout)
	}
	if address, ok := srv.Addr().(*net.TCPAddr); ok {
		s.options.Port = address.Port
	}
	return nil
}

// free checks that the address is available, because the server would only log an error.
// Port 0 selects any port.
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

// Address returns the server's host:port, "" if it does not listen.
func (s *Server) Address() string {
	if s.options.DontListen {
		return ""
	}
	return net.JoinHostPort(s.options.Host, strconv.Itoa(s.options.Port))
}

func (s *Server) current() *server.Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.server
}

// InProcessConn implements [nats.InProcessConnProvider]: it connects to the current server.
func (s *Server) InProcessConn() (net.Conn, error) { return s.current().InProcessConn() }

// fail records why the store is not writable.
func (s *Server) fail(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.storeErr == "" {
		s.storeErr = what
	}
}

// Err returns why the store is not writable, nil if it is writable.
func (s *Server) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.storeErr == "" {
		return nil
	}
	return errors.New("the embedded NATS cannot write its store: " + s.storeErr)
}

// tendStore is how often the store is checked, tendFailed the pause after a failed restart.
const (
	tendStore  = time.Second
	tendFailed = 10 * time.Second
)

// Maintain restarts the server when its store failed and is writable again, until ctx ends. Clients
// reconnect.
func (s *Server) Maintain(ctx context.Context) {
	for rest := tendStore; wait.For(ctx, rest); {
		rest = tendStore
		if s.Err() == nil || s.probe() != nil {
			continue
		}
		s.log.Warn("restarting the embedded NATS: its store is writable again")
		s.stop()
		if err := s.start(); err != nil {
			s.log.Error("embedded NATS failed to start, will retry", "err", err)
			s.fail(err.Error())
			rest = tendFailed
		}
	}
}

// probe writes a file of 1 MiB to the store, and deletes it.
func (s *Server) probe() (err error) {
	file, err := os.CreateTemp(s.options.StoreDir, "probe-*")
	if err != nil {
		return err
	}
	_, err = file.Write(make([]byte, 1<<20))
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close(), os.Remove(file.Name()))
}

func (s *Server) stop() {
	if srv := s.current(); srv != nil {
		srv.Shutdown()
		srv.WaitForShutdown()
	}
}

// Close stops the server. Nothing may use it any more.
func (s *Server) Close() {
	s.stop()
	_ = s.lock.Unlock() // the lock ends with the process anyway
}

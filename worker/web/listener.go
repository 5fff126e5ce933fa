package web

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Listener is the HTTP listener.
type Listener struct {
	config   Config
	listener net.Listener
	log      *slog.Logger
}

// Open starts listening, so that a port in use is reported at startup.
func Open(ctx context.Context, c Config, log *slog.Logger) (*Listener, error) {
	w := &Listener{config: c, log: log}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return nil, fmt.Errorf("web.listen: %w", err)
	}
	w.listener = listener
	if c.Cert == "" {
		return w, nil
	}
	pair, err := openCertificate(c.Cert, c.Key, log)
	if err != nil {
		w.close()
		return nil, fmt.Errorf("web.tls: %w", err)
	}
	w.listener = tls.NewListener(listener, &tls.Config{GetCertificate: pair.get, NextProtos: []string{"h2", "http/1.1"}})
	return w, nil
}

// URL returns the listener's URL on this machine.
func (w *Listener) URL() string { return w.config.URL(w.listener.Addr().String()) }

// Public returns the URL for browsers.
func (w *Listener) Public() string { return w.config.Public(w.listener.Addr().String()) }

// close closes a listener that was never served.
func (w *Listener) close() { _ = w.listener.Close() } // on an error the process exits anyway

// Serve serves pages until ctx ends. It accepts requests for the listener's own hosts and the given ones.
func (w *Listener) Serve(ctx context.Context, hosts func() []string, pages http.Handler) error {
	server := &http.Server{
		Handler: guarded(w.config, hosts, w.log, pages), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second,
		WriteTimeout: 2 * time.Minute, // a consent waits for the provider
		ErrorLog:     slog.NewLogLogger(w.log.Handler(), slog.LevelWarn),
	}
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(closed)
		timeout, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if server.Shutdown(timeout) != nil {
			_ = server.Close() // remaining connections are cut
		}
	})
	err := server.Serve(w.listener)
	if stop() {
		return fmt.Errorf("web.listen: %w", err) // it failed
	}
	<-closed
	return nil
}

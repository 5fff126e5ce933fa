package worker

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// web is the HTTP listener: is the process there, and is it ready to work.
type web struct {
	server   *http.Server
	listener net.Listener
	ready    func(ctx context.Context) error
}

// openWeb begins to listen, so that a port in use is an error at start.
func openWeb(ctx context.Context, address string, ready func(ctx context.Context) error, log *slog.Logger) (*web, error) {
	w := &web{ready: ready}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(rw http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(rw, "orderbeat is running: /healthz tells that the process is there, /readyz whether it can work")
	})
	mux.HandleFunc("GET /healthz", func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprintln(rw, "ok") })
	mux.HandleFunc("GET /readyz", w.readyz)
	w.server = &http.Server{
		Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	var err error
	if w.listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", address); err != nil {
		return nil, fmt.Errorf("web.listen: %w", err)
	}
	return w, nil
}

// url is where the listener is reached.
func (w *web) url() string { return "http://" + w.listener.Addr().String() }

// close gives up a listener that was never served.
func (w *web) close() { _ = w.listener.Close() } // the port is free again, or the process ends

// serve answers until ctx ends.
func (w *web) serve(ctx context.Context) error {
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(closed)
		timeout, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if w.server.Shutdown(timeout) != nil {
			_ = w.server.Close() // whoever still reads had their time
		}
	})
	err := w.server.Serve(w.listener)
	if stop() {
		return fmt.Errorf("web.listen: %w", err) // it ended by itself
	}
	<-closed
	return nil
}

func (w *web) readyz(rw http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
	defer cancel()
	if err := w.ready(ctx); err != nil {
		http.Error(rw, err.Error(), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(rw, "ok")
}

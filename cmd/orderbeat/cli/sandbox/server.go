package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"

	"orderbeat/clients/sandbox"
	"orderbeat/cmd/orderbeat/config"
)

// Server is a listening sandbox.
type Server struct {
	server  http.Server
	Address string
	ended   chan error // what Serve returned; one value
}

// Start listens and serves the sandbox until Close.
func Start(ctx context.Context, c config.Sandbox) (*Server, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("sandbox.listen: %s is in use: stop the other process, or choose another port", c.Listen)
	}
	if err != nil {
		return nil, fmt.Errorf("sandbox.listen: %w", err)
	}
	s := &Server{Address: l.Addr().String(), ended: make(chan error, 1)}
	s.server.Handler = sandbox.New(sandbox.Options{Day: c.Day})
	s.server.ReadHeaderTimeout = 10 * time.Second
	go func() { s.ended <- s.server.Serve(l) }() // Close waits for it
	return s, nil
}

// Close stops the server and aborts open requests.
func (s *Server) Close() error {
	err := s.server.Close()
	if served := <-s.ended; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, fmt.Errorf("sandbox: %w", served))
	}
	return err
}

// Attach returns the address of the running sandbox. If none listens, it starts one, which
// runs until it is closed.
func Attach(ctx context.Context, c config.Sandbox) (io.Closer, string, error) {
	const timeout = time.Second // a local address
	if conn, err := (&net.Dialer{Timeout: timeout}).DialContext(ctx, "tcp", c.Listen); err == nil {
		return conn, c.Listen, nil
	}
	stand, err := Start(ctx, c)
	if err != nil {
		return nil, "", err
	}
	return stand, stand.Address, nil
}

package main

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

// standIns are the sandbox, listening.
type standIns struct {
	server  http.Server
	address string
	ended   chan error // what Serve returned; one value
}

// startStandIns listens for the stand-ins and serves them until Close.
func startStandIns(ctx context.Context, c config.Sandbox) (*standIns, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("sandbox.listen: %s is in use: stop the other process, or choose another port", c.Listen)
	}
	if err != nil {
		return nil, fmt.Errorf("sandbox.listen: %w", err)
	}
	s := &standIns{address: l.Addr().String(), ended: make(chan error, 1)}
	s.server.Handler = sandbox.New(sandbox.Options{Day: c.Day})
	s.server.ReadHeaderTimeout = 10 * time.Second
	go func() { s.ended <- s.server.Serve(l) }() // Close waits for it
	return s, nil
}

// Close stops listening. Whoever would still wait for an answer has ended before.
func (s *standIns) Close() error {
	err := s.server.Close()
	if served := <-s.ended; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, fmt.Errorf("sandbox: %w", served))
	}
	return err
}

// besideStandIns tells where the stand-ins listen. Where nobody runs them, they run here
// until they are closed.
func besideStandIns(ctx context.Context, c config.Sandbox) (io.Closer, string, error) {
	const patience = time.Second // on this machine
	if conn, err := (&net.Dialer{Timeout: patience}).DialContext(ctx, "tcp", c.Listen); err == nil {
		return conn, c.Listen, nil
	}
	stand, err := startStandIns(ctx, c)
	if err != nil {
		return nil, "", err
	}
	return stand, stand.address, nil
}

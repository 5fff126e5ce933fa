// Package natstest starts NATS servers for tests.
package natstest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// Options are those of a server with JetStream on a free port. It stores its streams in a folder of the test.
// Servers that are started with them one after another have the same address and streams.
func Options(tb testing.TB) *server.Options {
	tb.Helper()
	return &server.Options{Host: "127.0.0.1", Port: FreePort(tb), JetStream: true, StoreDir: tb.TempDir(), NoLog: true, NoSigs: true}
}

// Start starts a server that ends with the test.
func Start(tb testing.TB, o *server.Options) *server.Server {
	tb.Helper()
	srv, err := server.NewServer(o.Clone())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { Stop(srv) })
	srv.Start()
	if !srv.ReadyForConnections(30 * time.Second) {
		tb.Fatal("NATS does not start")
	}
	return srv
}

// Stop stops a server and waits for its end. Stopping it twice does nothing.
func Stop(srv *server.Server) {
	srv.Shutdown()
	srv.WaitForShutdown()
}

// FreePort returns a free port of 127.0.0.1. It is below those that the system assigns to connections and to
// listeners on port 0, so that none of them takes it before the test does.
func FreePort(tb testing.TB) int {
	tb.Helper()
	for range 100 {
		port := 10000 + rand.IntN(20000) //nolint:gosec // no secret
		if l, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			l.Close()
			return port
		}
	}
	tb.Fatal("no port is free")
	return 0
}

package clienttest

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// Relay forwards connections to a server. After [Relay.Drop] it forwards no more data on existing
// connections and closes neither end, like a firewall that lost their state. New connections are
// forwarded.
type Relay struct {
	net.Listener
	over chan struct{} // closed at the end of the test
	mu   sync.Mutex    // guards drop
	drop chan struct{} // closed when the earlier connections are dropped
}

// NewRelay starts a relay to an address; it runs until the test ends.
func NewRelay(t *testing.T, target string) *Relay {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &Relay{Listener: l, over: make(chan struct{}), drop: make(chan struct{})}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			inside, err := l.Accept()
			if err != nil {
				return
			}
			drop := r.dropped()
			all.Go(func() { forward(t.Context(), inside, target, drop, r.over) })
		}
	})
	t.Cleanup(func() { close(r.over); _ = l.Close(); all.Wait() })
	return r
}

// Drop drops the existing connections.
func (r *Relay) Drop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.drop)
	r.drop = make(chan struct{})
}

func (r *Relay) dropped() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.drop
}

// forward copies data in both directions until drop is closed, then reads and discards it.
func forward(ctx context.Context, inside net.Conn, target string, drop, over <-chan struct{}) {
	defer inside.Close()
	outside, err := new(net.Dialer).DialContext(ctx, "tcp", target)
	if err != nil {
		return
	}
	defer outside.Close()
	ended := make(chan struct{}, 2)
	pump := func(to, from net.Conn) {
		buf := make([]byte, 32<<10)
		for {
			n, err := from.Read(buf)
			select {
			case <-drop:
				n = 0
			default:
			}
			if _, werr := to.Write(buf[:n]); err != nil || werr != nil {
				ended <- struct{}{}
				return
			}
		}
	}
	go pump(outside, inside)
	go pump(inside, outside)
	select {
	case <-over:
	case <-ended:
		select {
		case <-drop: // neither end learns that the other has closed
			<-over
		default:
		}
	}
}

// Proxy starts an HTTP proxy that runs until the test ends. It responds to each CONNECT with the
// status that connect returns, and connects if that is 200.
func Proxy(t *testing.T, connect func() int) (url string) {
	t.Helper()
	over := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status := http.StatusMethodNotAllowed
		if r.Method == http.MethodConnect {
			status = connect()
		}
		if status != http.StatusOK {
			w.WriteHeader(status)
			return
		}
		inside, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		_, _ = io.WriteString(inside, "HTTP/1.1 200 OK\r\n\r\n")
		forward(r.Context(), inside, r.Host, nil, over)
	}))
	t.Cleanup(func() { close(over); server.Close() })
	return server.URL
}

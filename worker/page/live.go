package page

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"orderbeat/worker/wait"
)

const (
	// maxStreams bounds the open streams of updates; a page without a stream is updated only when it is
	// reloaded.
	maxStreams = 32
	// streamLife is the time after which a stream is closed; browsers then open a new one.
	streamLife = 15 * time.Minute
	// liveEvery is how often the database is checked for commits while a stream is open, and
	// liveAtLeast how often pages are updated without commits: some of their data is not in the database.
	liveEvery   = time.Second
	liveAtLeast = 15 * time.Second
	// writeTimeout is how long a browser may take to receive an update.
	writeTimeout = 10 * time.Second
)

// live notifies open pages that something has changed, by server-sent events. It does nothing while
// no page is open.
type live struct {
	version func() int64
	opened  wait.Signal // a stream was opened

	mu      sync.Mutex // guards the rest
	streams map[wait.Signal]struct{}
	stopped bool
}

func newLive(version func() int64) *live {
	return &live{version: version, opened: wait.NewSignal(), streams: map[wait.Signal]struct{}{}}
}

// run notifies streams until ctx ends, and then closes them.
func (l *live) run(ctx context.Context) {
	defer l.stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.opened:
			l.watch(ctx)
		}
	}
}

// watch notifies streams until there are none.
func (l *live) watch(ctx context.Context) {
	tick := time.NewTicker(liveEvery)
	defer tick.Stop()
	version, at := l.version(), time.Now()
	for l.count() > 0 {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if now := l.version(); now != version || time.Since(at) >= liveAtLeast {
			version, at = now, time.Now()
			l.notify()
		}
	}
}

func (l *live) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.streams)
}

func (l *live) notify() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for stream := range l.streams {
		stream.Set()
	}
}

func (l *live) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopped = true
	for stream := range l.streams {
		close(stream)
		delete(l.streams, stream)
	}
}

// open adds a stream. It returns nil if there are too many. Only stop closes streams.
func (l *live) open() wait.Signal {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped || len(l.streams) >= maxStreams {
		return nil
	}
	stream := wait.NewSignal()
	l.streams[stream] = struct{}{}
	l.opened.Set()
	return stream
}

func (l *live) remove(stream wait.Signal) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.streams, stream)
}

// serve sends an event for each update until the browser disconnects.
func (l *live) serve(rw http.ResponseWriter, r *http.Request) {
	stream := l.open()
	if stream == nil {
		rw.Header().Set("Retry-After", "60")
		http.Error(rw, "too many open pages", http.StatusServiceUnavailable)
		return
	}
	defer l.remove(stream)
	rw.Header().Set("Content-Type", "text/event-stream")
	control := http.NewResponseController(rw)
	send := func(text string) error {
		if err := control.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
			return err
		}
		if _, err := fmt.Fprint(rw, text); err != nil {
			return err
		}
		return control.Flush()
	}
	end := time.NewTimer(streamLife)
	defer end.Stop()
	// Remove the server's read timeout: the request has been read, and the timeout would end the stream.
	err := control.SetReadDeadline(time.Time{})
	if err == nil {
		err = send("retry: 5000\n\n")
	}
	for err == nil {
		select {
		case _, ok := <-stream:
			if !ok {
				return
			}
			err = send("event: change\ndata: \n\n")
		case <-end.C:
			return
		case <-r.Context().Done():
			return
		}
	}
}

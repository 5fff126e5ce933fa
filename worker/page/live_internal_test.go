package page // internal: opens more streams than browsers would

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestStreamsAreBoundedAndFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var version, looked atomic.Int64
		l := newLive(func() int64 { looked.Add(1); return version.Load() })
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); l.run(ctx) }()

		time.Sleep(time.Hour)
		if n := looked.Load(); n != 0 {
			t.Errorf("the database was checked %d times while no page was open", n)
		}
		streams := make([]chan struct{}, maxStreams)
		for i := range streams {
			streams[i] = l.open()
		}
		rw := httptest.NewRecorder()
		l.serve(rw, httptest.NewRequest(http.MethodGet, "/ui/live", nil))
		if rw.Code != http.StatusServiceUnavailable {
			t.Errorf("got %d for one stream too many", rw.Code)
		}
		time.Sleep(5 * time.Second)
		if len(streams[0]) != 0 {
			t.Error("got an update without a change")
		}
		version.Add(1)
		time.Sleep(2 * liveEvery)
		for i, s := range streams {
			if len(s) != 1 {
				t.Errorf("stream %d: got %d updates, want one", i, len(s))
			}
			l.remove(s)
		}
		time.Sleep(2 * liveEvery)
		before := looked.Load()
		if time.Sleep(time.Hour); looked.Load() != before {
			t.Error("the database is still checked after the last page was closed")
		}
		last := l.open()
		cancel()
		<-ended
		if _, ok := <-last; ok || l.open() != nil {
			t.Error("a stream stays open, or opens, after the end")
		}
	})
}

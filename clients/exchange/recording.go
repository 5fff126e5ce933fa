package exchange

import (
	"context"
	"sync"
)

// The limits for one attempt of a job: the number of exchanges, and the bytes of their bodies as
// stored. Beyond them bodies, or whole exchanges, are dropped.
const (
	recordedExchanges = 5000
	recordedBytes     = 64 << 20
)

// Recording collects the exchanges of one attempt of a job, in the order in which they ended.
// Redaction and compression run in the background, one response at a time. It is safe for concurrent
// use.
type Recording struct {
	packing chan struct{} // capacity 1
	working sync.WaitGroup

	mu      sync.Mutex // guards the rest
	list    []*Exchange
	bytes   int
	dropped bool // exchanges were dropped
}

type recordingKey struct{}

// Record returns a context in which the HTTP client records its calls. It is a context value because the
// provider between the caller and the HTTP client does not know about recording.
func Record(ctx context.Context) (context.Context, *Recording) {
	r := &Recording{packing: make(chan struct{}, 1)}
	return context.WithValue(ctx, recordingKey{}, r), r
}

// RecordingOf returns the recording of a context, nil for none.
func RecordingOf(ctx context.Context) *Recording {
	r, _ := ctx.Value(recordingKey{}).(*Recording)
	return r
}

// Exchanges waits until everything is compressed, and returns it. Call it after the last call.
func (r *Recording) Exchanges() []Exchange {
	r.working.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]Exchange, 0, len(r.list))
	for _, x := range r.list {
		if x != nil {
			list = append(list, *x)
		}
	}
	if r.dropped && len(list) > 0 {
		list[len(list)-1].Truncated = true // the list is incomplete
	}
	return list
}

// Add records the result of made, which runs in the background. Add waits while an earlier one is still
// running, so that responses do not pile up in memory.
func (r *Recording) Add(made func() *Exchange) {
	r.mu.Lock()
	i := len(r.list)
	if i == recordedExchanges {
		r.dropped = true
		r.mu.Unlock()
		return
	}
	r.list = append(r.list, nil)
	r.mu.Unlock()
	r.packing <- struct{}{}
	r.working.Go(func() {
		defer func() { <-r.packing }()
		defer func() {
			if recover() != nil { // a bug in Orderbeat: the response is still valid
				r.mu.Lock()
				defer r.mu.Unlock()
				r.dropped = true
			}
		}()
		r.put(i, made())
	})
}

// put stores an exchange in its place, without bodies beyond the limit.
func (r *Recording) put(i int, x *Exchange) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bytes += len(x.RequestBody) + len(x.ResponseBody) + len(x.ResponseGzip)
	if r.bytes > recordedBytes {
		lean := *x
		lean.RequestBody, lean.ResponseBody, lean.ResponseGzip, lean.Truncated = "", "", nil, true
		x = &lean
	}
	r.list[i] = x
}

package exchange

import (
	"context"
	"sync"
)

// What one attempt at a job may have kept: so many exchanges, and so many bytes of bodies
// as they are stored. Of what goes beyond, the bodies are not kept, or nothing at all.
const (
	recordedExchanges = 5000
	recordedBytes     = 64 << 20
)

// Recording collects the exchanges of one attempt at a job, in the order in which they
// ended. What has to be hidden and packed is so beside the asking, one answer at a time. It
// is safe for concurrent use.
type Recording struct {
	packing chan struct{} // capacity 1
	working sync.WaitGroup

	mu      sync.Mutex // guards the rest
	list    []*Exchange
	bytes   int
	dropped bool // there was more than is kept
}

type recordingKey struct{}

// Record is a context in which the HTTP client records its calls. It is a value of the context
// because a provider, which is between who wants the recording and who makes it, has no
// part in it.
func Record(ctx context.Context) (context.Context, *Recording) {
	r := &Recording{packing: make(chan struct{}, 1)}
	return context.WithValue(ctx, recordingKey{}, r), r
}

// RecordingOf is where the context's calls are recorded, nil for nowhere.
func RecordingOf(ctx context.Context) *Recording {
	r, _ := ctx.Value(recordingKey{}).(*Recording)
	return r
}

// Exchanges waits until all that was recorded is packed, and returns it. Call it once the
// asking is over.
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
		list[len(list)-1].Truncated = true // it is not all that there was
	}
	return list
}

// Add records what made makes, which happens beside the caller unless the one before is
// still at it: so answers in memory do not pile up.
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
			if recover() != nil { // a mistake of ours: the answer is the provider's all the same
				r.drop()
			}
		}()
		r.put(i, made())
	})
}

// drop notes that there was more than is kept.
func (r *Recording) drop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dropped = true
}

// put takes the place of an exchange, without its bodies where there are too many.
func (r *Recording) put(i int, x *Exchange) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bytes += x.stored()
	if r.bytes > recordedBytes {
		lean := *x
		lean.RequestBody, lean.ResponseBody, lean.ResponseGzip, lean.Truncated = "", "", nil, true
		x = &lean
	}
	r.list[i] = x
}

// stored is about how many bytes an exchange takes.
func (x *Exchange) stored() int {
	return len(x.RequestBody) + len(x.ResponseBody) + len(x.ResponseGzip)
}

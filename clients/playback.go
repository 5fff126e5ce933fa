package clients

import (
	"context"
	"sync"
)

// playback holds what is kept of earlier ones.
type playback struct {
	mu     sync.Mutex // guards played
	kept   []Exchange
	played []bool
}

type playbackKey struct{}

// PlayBack is a context in which [HTTP] answers every call with what is kept of the same
// call, each exchange once: nobody is asked, and no token is needed. A call is the same if
// its method, its URL behind the host and its body are, as far as they are kept; one that
// is not among them fails with [CodeInvalid].
func PlayBack(ctx context.Context, kept []Exchange) context.Context {
	return context.WithValue(ctx, playbackKey{}, &playback{kept: kept, played: make([]bool, len(kept))})
}

// PlaysBack reports whether calls are answered with what is kept, so that there is no
// need to be slow.
func PlaysBack(ctx context.Context) bool { return playing(ctx) != nil }

// playing is what answers the calls of the context, nil for their provider.
func playing(ctx context.Context) *playback {
	p, _ := ctx.Value(playbackKey{}).(*playback)
	return p
}

// take is the first exchange that fits and was not played yet, nil for none.
func (p *playback) take(fits func(*Exchange) bool) *Exchange {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.kept {
		x := &p.kept[i]
		if p.played[i] || !fits(x) {
			continue
		}
		p.played[i] = true
		return x
	}
	return nil
}

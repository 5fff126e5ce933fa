package exchange

import (
	"context"
	"sync"
)

// Playback holds what is kept of earlier ones.
type Playback struct {
	mu     sync.Mutex // guards played
	kept   []Exchange
	played []bool
}

type playbackKey struct{}

// WithPlayback is a context in which the HTTP client answers every call with what is kept of the same
// call, each exchange once: nobody is asked, and no token is needed. A call is the same if
// its method, its URL behind the host and its body are, as far as they are kept; one that
// is not among them fails with [clients.CodeInvalid].
func WithPlayback(ctx context.Context, kept []Exchange) context.Context {
	return context.WithValue(ctx, playbackKey{}, &Playback{kept: kept, played: make([]bool, len(kept))})
}

// IsPlayback reports whether calls are answered with what is kept, so that there is no
// need to be slow.
func IsPlayback(ctx context.Context) bool { return PlaybackOf(ctx) != nil }

// PlaybackOf is what answers the calls of the context, nil for their provider.
func PlaybackOf(ctx context.Context) *Playback {
	p, _ := ctx.Value(playbackKey{}).(*Playback)
	return p
}

// Take is the first exchange that fits and was not played yet, nil for none.
func (p *Playback) Take(fits func(*Exchange) bool) *Exchange {
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

package exchange

import (
	"context"
	"sync"
)

// Playback serves recorded exchanges.
type Playback struct {
	mu     sync.Mutex // guards played
	kept   []Exchange
	played []bool
}

type playbackKey struct{}

// WithPlayback returns a context in which the HTTP client serves every call from the recorded exchange of
// the same call, each once, without a request and without a token. A call is the same if its method,
// its URL without the host, and its body are equal, as far as recorded; any other call fails with
// [clients.CodeInvalid].
func WithPlayback(ctx context.Context, kept []Exchange) context.Context {
	return context.WithValue(ctx, playbackKey{}, &Playback{kept: kept, played: make([]bool, len(kept))})
}

// IsPlayback reports whether calls are served from recorded exchanges, so that no rate limit is
// needed.
func IsPlayback(ctx context.Context) bool { return PlaybackOf(ctx) != nil }

// PlaybackOf returns the playback of a context, nil for none.
func PlaybackOf(ctx context.Context) *Playback {
	p, _ := ctx.Value(playbackKey{}).(*Playback)
	return p
}

// Take returns the first unused exchange that fits, nil for none.
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

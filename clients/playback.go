package clients

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// playback answers calls with what is kept of earlier ones.
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

func playing(ctx context.Context) *playback {
	p, _ := ctx.Value(playbackKey{}).(*playback)
	return p
}

// answer is the kept answer to a call.
func (p *playback) answer(ctx context.Context, h *HTTP, c *Call) (*http.Response, error) {
	x := p.find(ctx, h, c)
	if x == nil {
		return nil, &Error{
			Code: CodeInvalid, Message: "what is asked now was not asked then",
			Hint: "more than the mapping has changed: have the provider asked again",
		}
	}
	body, err := x.Body()
	if err != nil {
		return nil, &Error{Code: CodeInternal, Message: err.Error()}
	}
	return &http.Response{
		StatusCode: x.Status, Header: x.ResponseHeader.Clone(), ContentLength: int64(len(body)),
		Body: io.NopCloser(bytes.NewReader(body)),
	}, nil
}

// find takes the first exchange that is of this call and was not played yet.
func (p *playback) find(ctx context.Context, h *HTTP, c *Call) *Exchange {
	asked := h.asked(ctx, c, c.header(), time.Time{}, 0)
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.kept {
		x := &p.kept[i]
		if p.played[i] || x.Method != asked.Method || behindHost(h.hide.URL(x.URL)) != behindHost(asked.URL) ||
			h.shown(ctx, x.RequestHeader, []byte(x.RequestBody), false) != asked.RequestBody {
			continue
		}
		p.played[i] = true
		return x
	}
	return nil
}

// behindHost is what a URL is without scheme and host, which may be others now.
func behindHost(address string) string {
	_, rest, ok := strings.Cut(address, "://")
	if !ok {
		return address
	}
	if at := strings.IndexByte(rest, '/'); at >= 0 {
		return rest[at:]
	}
	return ""
}

package httpapi // inside, to break a connection in the very moment in which the time is up

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"orderbeat/clients"
	"orderbeat/clients/section"
)

// closed is what a read gets whose connection was closed meanwhile.
var closed = &net.OpError{Op: "read", Net: "tcp", Err: net.ErrClosed}

type breaking struct{ ctx context.Context }

func (b breaking) Read([]byte) (int, error) {
	<-b.ctx.Done()
	return 0, closed
}

func (breaking) Close() error { return nil }

func TestTimedOutExchangeIsMarked(t *testing.T) {
	beforeTheAnswer := func(req *http.Request) (*http.Response, error) {
		<-req.Context().Done()
		return nil, closed
	}
	withinIt := func(req *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: breaking{req.Context()}}, nil
	}
	for name, c := range map[string]struct {
		base            roundTripper
		timeout, caller time.Duration
	}{
		"the exchange's, before the answer": {beforeTheAnswer, time.Second, time.Minute},
		"the exchange's, within the answer": {withinIt, time.Second, time.Minute},
		"the caller's, before the answer":   {beforeTheAnswer, time.Minute, time.Second},
		"the caller's, within the answer":   {withinIt, time.Minute, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), c.caller)
				defer cancel()
				err := roundTrip(ctx, t, limitedTo(c.base, c.timeout))
				if got := describe(err); got != "no complete response in time" || !errors.Is(err, net.ErrClosed) {
					t.Errorf("got %q for %v, want that the time was over, and the cause", got, err)
				}
			})
		})
	}
}

// A caller's context can name another cause, which then is the error of what waited on it.
func TestCallersTimeoutHasItsOwnCode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		waits := roundTripper(func(req *http.Request) (*http.Response, error) {
			<-req.Context().Done()
			return nil, context.Cause(req.Context())
		})
		h := NewHTTP(section.Section{}).With(func(http.RoundTripper) http.RoundTripper { return waits })
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errors.New("the job has had its time"))
		defer cancel()
		err := h.Do(ctx, Call{Op: "sample", Method: http.MethodGet, URL: "https://api.example"}, nil)
		if e := clients.AsError(err); e == nil || e.Code != clients.CodeUnavailable || e.Message != "no complete response in time" {
			t.Errorf("got %v, want unavailable for want of time", err)
		}
	})
}

func TestBrokenConnectionIsNoTimeout(t *testing.T) {
	l := limitedTo(roundTripper(func(*http.Request) (*http.Response, error) { return nil, closed }), time.Minute)
	if got, want := describe(roundTrip(t.Context(), t, l)), "read: use of closed network connection"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// roundTrip sends a call and reads its answer.
func roundTrip(ctx context.Context, t *testing.T, l *limited) error {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://api.example/orders", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := l.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.ReadAll(resp.Body)
	return err
}

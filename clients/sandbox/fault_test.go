package sandbox_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients/sandbox"
)

var today = byDate("2026-11-20", "2026-11-20")

func TestFaultIsInjectedAsOftenAsConfigured(t *testing.T) {
	const good, bad = http.StatusOK, http.StatusServiceUnavailable
	for name, c := range map[string]struct {
		times int
		want  []int
	}{
		"once unless told otherwise": {0, []int{bad, good, good}},
		"twice":                      {2, []int{bad, bad, good}},
		"until it is cleared":        {-1, []int{bad, bad, bad}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			clear := b.Fail(sandbox.Fault{Op: sandbox.OpOrderStatus, Times: c.times, Status: bad})
			var got []int
			for range c.want {
				got = append(got, b.ask(t, portal(today)).status)
			}
			clear()
			clear()
			got = append(got, b.ask(t, portal(today)).status)
			if diff := cmp.Diff(append(c.want, good), got); diff != "" {
				t.Errorf("statuses, the last one after it was cleared (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFaultReturnsItsResponse(t *testing.T) {
	b := newBench(t)
	b.Fail(sandbox.Fault{
		Op: sandbox.OpToken, Status: http.StatusTooManyRequests, Body: "<html>slow down</html>",
		Header: http.Header{"Retry-After": {"7"}, "Content-Type": {"text/html"}},
	})
	a := b.send(t, http.MethodPost, tokenPath, "", asForm)
	if a.status != http.StatusTooManyRequests || a.body != "<html>slow down</html>" || a.header.Get("Retry-After") != "7" || a.header.Get("Content-Type") != "text/html" {
		t.Errorf("got %+v", a)
	}
	if got, want := b.Stats(), (sandbox.Stats{TokenRequests: 1, Faults: 1}); got != want {
		t.Errorf("counted %+v, want %+v", got, want)
	}
}

func TestFaultAppliesToItsAccountOnly(t *testing.T) {
	b := newBench(t)
	defer b.Fail(sandbox.Fault{Account: "2222222", Times: -1, Status: http.StatusForbidden, Body: "{}"})()
	for billTo, want := range map[string]int{"1111111": http.StatusOK, "2222222": http.StatusForbidden} {
		if a := b.ask(t, portal(today, object{"buyerParty": party(billTo)})); a.status != want {
			t.Errorf("account %s: status %d, want %d", billTo, a.status, want)
		}
	}
}

func TestOldestFaultIsInjectedFirst(t *testing.T) {
	b := newBench(t)
	b.Fail(sandbox.Fault{Op: sandbox.OpOrderStatus, Status: http.StatusBadGateway})
	b.Fail(sandbox.Fault{Status: http.StatusGatewayTimeout, Times: -1, Account: "1111111"})
	for _, want := range []int{http.StatusBadGateway, http.StatusGatewayTimeout} {
		if a := b.ask(t, portal(today)); a.status != want {
			t.Errorf("status %d, want %d", a.status, want)
		}
	}
}

func TestFaultInTheHeaderOfAResponse(t *testing.T) {
	b := newBench(t)
	for code, orders := range map[string]bool{"1": true, "303": false} {
		b.Fail(sandbox.Fault{Op: sandbox.OpOrderStatus, ErrorCode: code})
		a := b.ask(t, openAPI(byDate("2026-11-06", "2026-11-20")))
		got := decode(t, a.body)
		listed, _ := got["referencedOrder"].([]any)
		if head := got["errorHead"].(object); a.status != http.StatusOK || head["errorCode"] != code || len(listed) > 0 != orders {
			t.Errorf("code %s: got status %d, %v, %d orders", code, a.status, head, len(listed))
		}
	}
}

func TestTruncatedResponses(t *testing.T) {
	for name, c := range map[string]struct {
		fault sandbox.Fault
		want  string // how what arrives begins
	}{
		"a good answer":   {sandbox.Fault{CutOff: true}, `{"documentID":"C1","variant":"0"`},
		"a fault's":       {sandbox.Fault{CutOff: true, Status: http.StatusBadGateway, Body: "12345678"}, "1234"},
		"an empty answer": {sandbox.Fault{CutOff: true, Status: http.StatusOK}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			token := b.token(t)
			c.fault.Op = sandbox.OpOrderStatus
			b.Fail(c.fault)
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.url+statusPath, strings.NewReader(portal(today)))
			if err != nil {
				t.Fatal(err)
			}
			asJSON(r)
			bearer(token)(r)
			res, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			got, err := io.ReadAll(res.Body)
			if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.HasPrefix(string(got), c.want) {
				t.Errorf("got %q and %v", got, err)
			}
		})
	}
}

func TestDelayEndsWithItsClient(t *testing.T) {
	b := newBench(t)
	token := b.token(t)
	b.Fail(sandbox.Fault{Op: sandbox.OpOrderStatus, Delay: time.Hour})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, b.url+statusPath, strings.NewReader(portal(today)))
	if err != nil {
		t.Fatal(err)
	}
	asJSON(r)
	bearer(token)(r)
	if _, err := http.DefaultClient.Do(r); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	b.Fail(sandbox.Fault{Op: sandbox.OpOrderStatus, Delay: 20 * time.Millisecond})
	begin := time.Now()
	if a := b.ask(t, portal(today)); a.status != http.StatusOK || time.Since(begin) < 20*time.Millisecond {
		t.Errorf("status %d after %s", a.status, time.Since(begin))
	}
	// Closing the server waits for all answers: one that went on for an hour would hang here.
}

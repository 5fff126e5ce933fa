package authtest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/auth/authtest"
)

func TestFaultsAreInjectedAsOftenAsConfigured(t *testing.T) {
	const good, bad = http.StatusOK, http.StatusServiceUnavailable
	for name, c := range map[string]struct {
		times int
		want  []int
	}{
		"once unless told otherwise": {0, []int{bad, good, good}},
		"twice":                      {2, []int{bad, bad, good}},
		"until it is cleared":        {-7, []int{bad, bad, bad}},
	} {
		t.Run(name, func(t *testing.T) {
			b := open(t, authtest.Options{})
			clear := b.Fail(authtest.Fault{Op: authtest.OpToken, Times: c.times, Status: bad})
			var got []int
			for range c.want {
				got = append(got, b.send(t, http.MethodPost, "/token", login(), asForm).status)
			}
			clear()
			clear()
			got = append(got, b.send(t, http.MethodPost, "/token", login(), asForm).status)
			if diff := cmp.Diff(append(c.want, good), got); diff != "" {
				t.Errorf("statuses, the last one after it was cleared (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPendingFaultsReportRemainingCounts(t *testing.T) {
	var faults authtest.Faults[string]
	faults.Add("ever", -7)
	faults.Add("thrice", 3)
	clear := faults.Add("once", 0)
	faults.Take(func(name string) bool { return name == "thrice" })
	faults.Take(func(name string) bool { return name == "ever" })
	clear()
	got := map[string]int{}
	for name, times := range faults.Pending() {
		got[name] = times
		faults.Clear() // what is told was true when it was asked
	}
	if diff := cmp.Diff(map[string]int{"ever": -1, "thrice": 2}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for name := range faults.Pending() {
		t.Errorf("%s was not cleared", name)
	}
}

func TestOldestMatchingFaultIsInjected(t *testing.T) {
	b := open(t, authtest.Options{})
	b.Fail(authtest.Fault{Op: authtest.OpRevoke, Status: 500})
	b.Fail(authtest.Fault{Op: authtest.OpToken, Status: 501})
	b.Fail(authtest.Fault{Status: 502})
	b.Fail(authtest.Fault{Op: authtest.OpCall, Status: 503})
	var got []int
	for _, path := range []string{"/token", "/introspect", "/revoke"} {
		got = append(got, b.send(t, http.MethodPost, path, login(), asForm).status)
	}
	_, a := call(t, b.Server)
	got = append(got, a.status)
	if diff := cmp.Diff([]int{501, 502, 500, 503}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFaultsWithResponses(t *testing.T) {
	for name, f := range map[string]authtest.Fault{
		"a web page":   {Status: 200, Header: http.Header{"Content-Type": {"text/html"}}, Body: "<html>sign in</html>"},
		"slow down":    {Status: 429, Header: http.Header{"Retry-After": {"7"}}},
		"maintenance":  {Status: 503, Header: http.Header{"Retry-After": {"Fri, 20 Nov 2026 06:00:00 GMT"}}, Body: "back soon"},
		"a bad client": {RefuseClient: true},
	} {
		t.Run(name, func(t *testing.T) {
			b := open(t, authtest.Options{Dialect: authtest.Shell})
			b.Fail(f)
			a := b.send(t, http.MethodPost, "/v2/oauth/token", login(), asForm)
			if f.RefuseClient {
				f.Status, f.Body = http.StatusUnauthorized, "{\n\"ErrorCode\": \"invalid_client\",\n\"Error\": \"ClientId is Invalid\"\n}"
			}
			if a.status != f.Status || a.body != f.Body || a.header.Get("Retry-After") != f.Header.Get("Retry-After") {
				t.Errorf("got %+v", a)
			}
			want := authtest.Stats{TokenRequests: 1, Faults: 1}
			if f.RefuseClient {
				want.Refused = 1
			}
			if got := b.Stats(); got != want {
				t.Errorf("counted %+v want %+v", got, want)
			}
		})
	}
}

func TestRejectedClientOnTheConsentPage(t *testing.T) {
	b := open(t, authtest.Options{Dialect: authtest.Mazda})
	b.Fail(authtest.Fault{Op: authtest.OpAuthorize, RefuseClient: true})
	if got := b.consent(t, "user-1", "grant", nil).Get("error"); got != "unauthorized_client" {
		t.Errorf("got %q", got)
	}
}

func TestSameTokenOnDemand(t *testing.T) {
	b := open(t, authtest.Options{})
	ask := func() tokens { return b.ask(t, url.Values{"grant_type": {"client_credentials"}}).read(t, 200) }
	first := ask()
	b.Fail(authtest.Fault{Op: authtest.OpToken, SameToken: true})
	b.advance(time.Minute)
	second, third := ask(), ask()
	if first.Access != second.Access || second.Expires != 3540.0 || third.Access == first.Access {
		t.Errorf("got the same %v for %v more seconds, then the same %v", first.Access == second.Access, second.Expires, third.Access == first.Access)
	}
}

// What a connection's end looks like to the client, and what the server has done.
func TestDroppedConnections(t *testing.T) {
	for cut, c := range map[authtest.Cut]struct {
		want    error
		handled bool
	}{
		authtest.CutBefore: {io.EOF, false},
		authtest.CutAfter:  {io.EOF, true},
		authtest.CutHalf:   {io.ErrUnexpectedEOF, true},
		authtest.CutReset:  {syscall.ECONNRESET, false},
	} {
		t.Run(string(cut), func(t *testing.T) {
			b := open(t, authtest.Options{})
			first := b.granted(t, "user-1")
			b.Fail(authtest.Fault{Op: authtest.OpToken, Cut: cut})
			a, err := b.try(t, http.MethodPost, "/token", asClient(renew(first.Refresh)), asForm)
			if !errors.Is(err, c.want) {
				t.Errorf("got %v want %v", err, c.want)
			}
			if cut == authtest.CutHalf && (len(a.body) < 50 || !strings.HasPrefix(a.body, `{`) || strings.HasSuffix(a.body, `}`)) {
				t.Errorf("half an answer: %q", a.body)
			}
			if got := b.Stats().Refreshes == 1; got != c.handled {
				t.Errorf("handled %v want %v", got, c.handled)
			}
			// Where the answer was lost, the refresh token is spent: using it again ends the grant.
			again := b.ask(t, renew(first.Refresh))
			if spent := again.status == http.StatusBadRequest; spent != c.handled || b.lives(t, first.Access, "user-1") == spent {
				t.Errorf("again: status %d", again.status)
			}
		})
	}
}

func TestFaultResponseCanBeTruncated(t *testing.T) {
	b := open(t, authtest.Options{})
	for whole, half := range map[string]string{"12345678": "1234", "": ""} {
		b.Fail(authtest.Fault{Cut: authtest.CutHalf, Status: http.StatusBadGateway, Body: whole})
		a, err := b.try(t, http.MethodPost, "/token", login(), asForm)
		if !errors.Is(err, io.ErrUnexpectedEOF) || a.status != http.StatusBadGateway || a.body != half {
			t.Errorf("%q: got %+v and %v", whole, a, err)
		}
	}
}

func TestResetReachesTheSocketBelowTLS(t *testing.T) {
	s := authtest.New(authtest.Options{})
	server := httptest.NewTLSServer(s)
	defer server.Close()
	s.Fail(authtest.Fault{Cut: authtest.CutReset})
	_, err := server.Client().Post(server.URL+"/token", form, strings.NewReader(login()))
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("got %v want a reset", err)
	}
}

func TestHangEndsWithTheClient(t *testing.T) {
	b := open(t, authtest.Options{})
	b.Fail(authtest.Fault{Op: authtest.OpToken, Hang: true})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := b.try(t, http.MethodPost, "/token", login(), asForm, func(r *http.Request) { *r = *r.WithContext(ctx) })
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if got, want := b.Stats(), (authtest.Stats{TokenRequests: 1, Faults: 1}); got != want {
		t.Errorf("counted %+v want %+v", got, want)
	}
	// Closing the server waits for all answers: one that hangs on would hang here.
}

func TestDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := authtest.New(authtest.Options{})
		s.Fail(authtest.Fault{Op: authtest.OpCall, Delay: time.Minute, Times: 2})
		began := time.Now()
		_, a := call(t, s)
		if took := time.Since(began); took != time.Minute || a.status != http.StatusUnauthorized {
			t.Errorf("status %d after %s", a.status, took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		call(t, s, func(r *http.Request) { *r = *r.WithContext(ctx) })
		if took := time.Since(began); took != time.Minute+time.Second {
			t.Errorf("the client left after a second, and was answered after %s", took-time.Minute)
		}
	})
}

func TestManyAskAtOnce(t *testing.T) {
	b := open(t, authtest.Options{Record: true})
	first := b.granted(t, "user-1")
	var all sync.WaitGroup
	var mu sync.Mutex
	statuses := map[int]int{}
	for range 8 {
		all.Go(func() {
			a := b.ask(t, renew(first.Refresh))
			b.Check(first.Access)
			b.Fail(authtest.Fault{Op: authtest.OpRevoke, Status: 500})()
			b.RevokeAccess("user-2")
			b.Requests()
			mu.Lock()
			defer mu.Unlock()
			statuses[a.status]++
		})
	}
	all.Wait()
	if statuses[200] != 1 || statuses[400] != 7 || b.lives(t, first.Access, "user-1") {
		t.Errorf("one refresh token was good %v times", statuses)
	}
	if s := b.Stats(); s.TokenRequests != 9 || s.Refused != 7 || s.Refreshes != 1 {
		t.Errorf("counted %+v", s)
	}
}

package declared_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"orderbeat/clients"
)

// quota lets so many calls through in each period, and refuses further ones.
type quota struct {
	mu     sync.Mutex
	calls  int
	period time.Duration
	until  time.Time
	spent  int
	refuse func(w http.ResponseWriter, left time.Duration)
}

func (q *quota) passes(w http.ResponseWriter) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if now := time.Now(); now.After(q.until) {
		q.until, q.spent = now.Add(q.period), 0
	}
	if q.spent++; q.spent <= q.calls {
		return true
	}
	q.refuse(w, time.Until(q.until))
	return false
}

func tooMany(header func(left time.Duration) (name, value string)) func(http.ResponseWriter, time.Duration) {
	return func(w http.ResponseWriter, left time.Duration) {
		if header != nil {
			w.Header().Set(header(left))
		}
		w.WriteHeader(http.StatusTooManyRequests)
	}
}

func maintained(w http.ResponseWriter, _ time.Duration) {
	w.Header().Set("Retry-After", "1")
	w.WriteHeader(http.StatusServiceUnavailable)
}

// A quota that is used up in the middle of the pages costs time, and no page.
func TestQuotaExhaustedBetweenPagesIsWaitedFor(t *testing.T) {
	for name, c := range map[string]struct {
		refuse func(http.ResponseWriter, time.Duration)
		text   string
	}{
		"429 with Retry-After": {tooMany(func(time.Duration) (string, string) { return "Retry-After", "1" }), ""},
		"429 alone":            {tooMany(nil), ""},
		"429 with RateLimit": {tooMany(func(left time.Duration) (string, string) {
			return "RateLimit", fmt.Sprintf(`"x";r=0;t=%d`, int(left.Seconds())+1)
		}), ""},
		"503 with Retry-After": {maintained, ""},
		"503 alone":            {func(w http.ResponseWriter, _ time.Duration) { w.WriteHeader(http.StatusServiceUnavailable) }, ""},
		"a 403 that means so":  {func(w http.ResponseWriter, _ time.Duration) { w.WriteHeader(http.StatusForbidden) }, "[[failures]]\nstatus = [403]\ncode = \"throttled\"\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := &quota{calls: 5, period: 2 * time.Second, refuse: c.refuse}
			server := answering(t, func(w http.ResponseWriter, r *http.Request) {
				if q.passes(w) {
					fmt.Fprintf(w, `{"orders": [{"id": "o%s"}], "pages": 8}`, r.URL.Query().Get("page"))
				}
			})
			client := written(t, server.URL, simple("query = { page = '\\($page)' }\npaging = { by = \"page\", pages = \".pages\" }\n"+c.text))
			answer, err := client.Orders(t.Context(), window())
			if err != nil || len(answer.Orders) != 8 {
				t.Errorf("got %v and %v, want the orders of eight pages", ids(answer), err)
			}
		})
	}
}

// The first call of a job can as well be made later, and so can one whose wait is long.
func TestFirstCallsAndLongWaitsAreNotWaitedFor(t *testing.T) {
	for name, c := range map[string]struct {
		passes int
		after  string
		status int
		want   clients.Code
	}{
		"the first call":          {0, "1", 429, clients.CodeThrottled},
		"an hour":                 {3, "3600", 429, clients.CodeThrottled},
		"a 503 of minutes":        {3, "120", 503, clients.CodeUnavailable},
		"what is wrong otherwise": {3, "1", 400, clients.CodeInvalid},
		"another outage":          {3, "1", 500, clients.CodeUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := &quota{calls: c.passes, period: time.Hour, refuse: func(w http.ResponseWriter, _ time.Duration) {
				w.Header().Set("Retry-After", c.after)
				w.WriteHeader(c.status)
			}}
			server := answering(t, func(w http.ResponseWriter, _ *http.Request) {
				if q.passes(w) {
					fmt.Fprint(w, `{"orders": [], "pages": 8}`)
				}
			})
			client := written(t, server.URL, simple("query = { page = '\\($page)' }\npaging = { by = \"page\", pages = \".pages\" }\n"))
			_, err := client.Orders(t.Context(), window())
			if e := clients.AsError(err); e == nil || e.Code != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
			if n := len(server.asked()); n != c.passes+1 {
				t.Errorf("got %d calls, want %d", n, c.passes+1)
			}
		})
	}
}

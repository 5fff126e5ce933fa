package endpoint_test

import (
	"net/http"
	"testing"
	"time"

	"orderbeat/auth/endpoint"
)

func TestRetryAfterHasTwoFormats(t *testing.T) {
	const answered = "Fri, 20 Nov 2026 06:00:00 GMT"
	for name, tt := range map[string]struct {
		written string
		want    time.Duration
	}{
		"seconds":                  {"30", 30 * time.Second},
		"seconds with blanks":      {" 30 ", 30 * time.Second},
		"no time":                  {"0", 0},
		"more than is reasonable":  {"3600", 15 * time.Minute},
		"below nothing":            {"-30", 0},
		"a fraction":               {"8.5", 8500 * time.Millisecond},
		"a unit":                   {"8s", 8 * time.Second},
		"a unit with a blank":      {"8 seconds", 8 * time.Second},
		"minutes":                  {"1m30s", 90 * time.Second},
		"milliseconds":             {"1500ms", 1500 * time.Millisecond},
		"in quotes":                {`"30"`, 30 * time.Second},
		"a number beyond any":      {"99999999999", 15 * time.Minute},
		"another":                  {"9e99", 15 * time.Minute},
		"no number":                {"NaN", 0},
		"a Unix time":              {"1795154520", 2 * time.Minute},
		"one in milliseconds":      {"1795154520000", 2 * time.Minute},
		"one that was":             {"1795154300", 0},
		"a date in UTC":            {"Fri, 20 Nov 2026 06:02:00 UTC", 2 * time.Minute},
		"a date with +0000":        {"Fri, 20 Nov 2026 06:02:00 +0000", 2 * time.Minute},
		"a date in a zone":         {"Fri, 20 Nov 2026 07:02:00 +0100", 2 * time.Minute},
		"a date of asctime":        {"Fri Nov 20 06:02:00 2026", 2 * time.Minute},
		"a date of RFC 3339":       {"2026-11-20T06:02:00Z", 2 * time.Minute},
		"one with a blank":         {"2026-11-20 06:02:00Z", 2 * time.Minute},
		"a date":                   {"Fri, 20 Nov 2026 06:02:00 GMT", 2 * time.Minute},
		"a date of the older form": {"Friday, 20-Nov-26 06:02:00 GMT", 2 * time.Minute},
		"a date that was":          {"Fri, 20 Nov 2026 05:00:00 GMT", 0},
		"a date that is far":       {"Thu, 31 Dec 2099 00:00:00 GMT", 15 * time.Minute},
		"words":                    {"later", 0},
		"nothing":                  {"", 0},
	} {
		t.Run(name, func(t *testing.T) {
			h := http.Header{"Retry-After": {tt.written}, "Date": {answered}}
			if got := endpoint.RetryAfter(h, 15*time.Minute); got != tt.want {
				t.Errorf("got %v want %v", got, tt.want)
			}
		})
	}
}

func TestRateLimitResetIsARetryTime(t *testing.T) {
	for name, tt := range map[string]struct {
		status int
		header []string
		want   time.Duration
	}{
		"RateLimit-Reset":                     {429, []string{"RateLimit-Reset", "30"}, 30 * time.Second},
		"X-RateLimit-Reset as a Unix time":    {429, []string{"X-RateLimit-Reset", "1795154520"}, 2 * time.Minute},
		"as a duration":                       {429, []string{"X-Ratelimit-Reset", "1m0.5s"}, 60500 * time.Millisecond},
		"Retry-After goes before it":          {429, []string{"RateLimit-Reset", "30", "Retry-After", "7"}, 7 * time.Second},
		"but not one that says nothing":       {429, []string{"RateLimit-Reset", "30", "Retry-After", "soon"}, 30 * time.Second},
		"an outage has nothing to do with it": {503, []string{"RateLimit-Reset", "30"}, 0},
		"nor has an answer":                   {200, []string{"RateLimit-Reset", "30", "RateLimit-Remaining", "0"}, 0},
		"a 403 because nothing is left":       {403, []string{"X-RateLimit-Reset", "30", "X-RateLimit-Remaining", "0"}, 30 * time.Second},
		"RateLimit":                           {429, []string{"RateLimit", `"default";r=0;t=30`}, 30 * time.Second},
		"RateLimit with blanks":               {429, []string{"RateLimit", `"default"; r=0; t=30`}, 30 * time.Second},
		"the policy that is used up":          {429, []string{"RateLimit", `"burst";r=0;t=5, "daily";r=900;t=40000`}, 5 * time.Second},
		"the longer one that is":              {429, []string{"RateLimit", `"burst";r=0;t=5, "hourly";r=0;t=400`}, 400 * time.Second},
		"the shorter where none says so":      {429, []string{"RateLimit", `"burst";t=5, "daily";t=40000`}, 5 * time.Second},
		"the older form":                      {429, []string{"RateLimit", "limit=5, remaining=0, reset=30"}, 30 * time.Second},
		"nothing that can be read":            {429, []string{"RateLimit", "later"}, 0},
		"more than is reasonable":             {429, []string{"RateLimit-Reset", "99999999999"}, 15 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			h := http.Header{"Date": {"Fri, 20 Nov 2026 06:00:00 GMT"}}
			for i := 0; i < len(tt.header); i += 2 {
				h.Set(tt.header[i], tt.header[i+1])
			}
			if got := endpoint.Wait(tt.status, h, 15*time.Minute); got != tt.want {
				t.Errorf("got %v want %v", got, tt.want)
			}
		})
	}
}

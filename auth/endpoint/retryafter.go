package endpoint

import (
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// RetryAfter returns the wait that the Retry-After header requests, at most most; 0 if it is
// missing or unreadable. It is seconds or a date (RFC 9110 section 10.2.3); fractions, units ("8s"),
// dates with a numeric zone or in RFC 3339, and Unix times in seconds or milliseconds are accepted too. A
// date is relative to the response's own date, because clocks differ.
func RetryAfter(h http.Header, most time.Duration) time.Duration {
	return waitOf(h, "Retry-After", most)
}

// Wait returns how long a response requests to wait: its Retry-After or, after too many calls, the reset of
// its rate limit: RateLimit-Reset, X-RateLimit-Reset or the t of RateLimit (IETF drafts of RateLimit
// header fields for HTTP).
func Wait(status int, h http.Header, most time.Duration) time.Duration {
	if wait := RetryAfter(h, most); wait > 0 {
		return wait
	}
	spent := h.Get("RateLimit-Remaining") == "0" || h.Get("X-RateLimit-Remaining") == "0"
	if status != http.StatusTooManyRequests && (status < http.StatusBadRequest || !spent) {
		return 0
	}
	for _, name := range []string{"RateLimit-Reset", "X-RateLimit-Reset", "X-Rate-Limit-Reset"} {
		if wait := waitOf(h, name, most); wait > 0 {
			return wait
		}
	}
	return min(limitReset(strings.Join(h.Values("RateLimit"), ",")), most)
}

func waitOf(h http.Header, name string, most time.Duration) time.Duration {
	for _, written := range h.Values(name) {
		if wait := waitFrom(strings.Trim(written, " \t\""), responseDate(h)); wait > 0 {
			return min(wait, most)
		}
	}
	return 0
}

// responseDate returns the date of a response by the server's clock, or our time if it has no Date header.
func responseDate(h http.Header) time.Time {
	if now, err := http.ParseTime(h.Get("Date")); err == nil {
		return now
	}
	return time.Now()
}

// waitFrom parses a wait that begins at now; a time in the past is 0.
func waitFrom(written string, now time.Time) time.Duration {
	if n, err := strconv.ParseFloat(written, 64); err == nil {
		return waitOfNumber(n, now)
	}
	if m := inSeconds.FindStringSubmatch(written); m != nil {
		return waitFrom(m[1], now)
	}
	if d, err := time.ParseDuration(strings.ToLower(strings.ReplaceAll(written, " ", ""))); err == nil {
		return max(d, 0)
	}
	until, ok := dateOf(written)
	if !ok {
		return 0
	}
	return max(until.Sub(now), 0)
}

// inSeconds is a number with its unit spelled out.
var inSeconds = regexp.MustCompile(`(?i)^([0-9.]+)\s*(?:sec|secs|second|seconds)$`)

// waitOfNumber reads seconds, or a Unix time in seconds or milliseconds: a number above 30 years is not a
// wait.
func waitOfNumber(n float64, now time.Time) time.Duration {
	const (
		epoch       = 1e9  // 2001
		epochMillis = 1e12 // the same in milliseconds
		most        = float64(math.MaxInt64 / int64(time.Second))
	)
	switch {
	case !(n > 0): // also rejects NaN
		return 0
	case n >= epochMillis:
		n = n/1000 - float64(now.UnixMilli())/1000
	case n >= epoch:
		n -= float64(now.UnixMilli()) / 1000
	}
	if n <= 0 {
		return 0
	}
	return time.Duration(min(n, most-1) * float64(time.Second))
}

// dateOf parses a date in one of the formats that servers use.
func dateOf(written string) (time.Time, bool) {
	if t, err := http.ParseTime(written); err == nil {
		return t, true
	}
	written = utcNames.ReplaceAllString(written, "+0000")
	for _, layout := range []string{time.RFC1123Z, "Mon, 2 Jan 2006 15:04:05 -0700", "Monday, 02-Jan-06 15:04:05 -0700", time.RFC3339, "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05-0700", "2006-01-02 15:04:05 -0700"} {
		if t, err := time.Parse(layout, written); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// utcNames are the names of UTC at the end of a date.
var utcNames = regexp.MustCompile(`\b(UTC|GMT|UT)$`)

var (
	limitItem  = regexp.MustCompile(`(?i)(?:^|[;,\s])(?:t|reset)\s*=\s*([0-9.]+)`)
	limitSpent = regexp.MustCompile(`(?i)(?:^|[;,\s])(?:r|remaining)\s*=\s*0+\s*(?:[;,]|$)`)
)

// limitReset reads the header RateLimit: "policy";r=0;t=30, or limit=5, remaining=0, reset=30 in
// earlier drafts. With several policies it returns the longest reset of the exhausted ones; if none is
// marked as exhausted, the shortest reset.
func limitReset(field string) time.Duration {
	items := []string{field}
	if strings.Contains(field, ";") {
		items = strings.Split(field, ",")
	}
	var spent, other time.Duration
	for _, item := range items {
		m := limitItem.FindStringSubmatch(item)
		if m == nil {
			continue
		}
		wait := waitFrom(m[1], time.Now())
		if limitSpent.MatchString(item) {
			spent = max(spent, wait)
		} else if other == 0 || wait < other {
			other = wait
		}
	}
	if spent > 0 {
		return spent
	}
	return other
}

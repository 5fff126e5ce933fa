package auth

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// RetryAfter reads the header Retry-After, seconds or a date (RFC 9110 section
// 10.2.3), as the time to wait from now, at most most; 0 when there is none that can
// be read. A date counts from the answer's own, because clocks differ.
func RetryAfter(h http.Header, most time.Duration) time.Duration {
	written := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseUint(written, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, most)
	}
	until, err := http.ParseTime(written)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	return min(max(until.Sub(now), 0), most)
}

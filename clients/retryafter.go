package clients

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxRetryAfter is the longest wait that a provider may ask for. Beyond it a typing
// error of theirs is more likely than an outage that long.
const maxRetryAfter = 6 * time.Hour

// retryAfter reads the header Retry-After, seconds or a date (RFC 9110 section
// 10.2.3), as the time to wait from now; 0 when there is none that can be read. A
// date counts from the answer's own, because clocks differ.
func retryAfter(h http.Header) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, maxRetryAfter)
	}
	until, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	return min(max(until.Sub(now), 0), maxRetryAfter)
}

package auth_test

import (
	"net/http"
	"testing"
	"time"

	"orderbeat/auth"
)

func TestRetryAfterIsReadInBothForms(t *testing.T) {
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
		"a fraction":               {"1.5", 0},
		"a date":                   {"Fri, 20 Nov 2026 06:02:00 GMT", 2 * time.Minute},
		"a date of the older form": {"Friday, 20-Nov-26 06:02:00 GMT", 2 * time.Minute},
		"a date that was":          {"Fri, 20 Nov 2026 05:00:00 GMT", 0},
		"a date that is far":       {"Thu, 31 Dec 2099 00:00:00 GMT", 15 * time.Minute},
		"words":                    {"later", 0},
		"nothing":                  {"", 0},
	} {
		t.Run(name, func(t *testing.T) {
			h := http.Header{"Retry-After": {tt.written}, "Date": {answered}}
			if got := auth.RetryAfter(h, 15*time.Minute); got != tt.want {
				t.Errorf("got %v want %v", got, tt.want)
			}
		})
	}
}

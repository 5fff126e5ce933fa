package api

import (
	"time"

	"orderbeat/jobs"
)

// Freshness compares the last success of an account with fresh_for: "fresh", "stale" or "never".
func Freshness(p Provider, a Account, now time.Time) string {
	if a.LastSuccessAt == nil {
		return "never"
	}
	limit, err := jobs.ParseDuration(p.FreshFor)
	if p.FreshFor != "" && err == nil && now.Sub(*a.LastSuccessAt) > limit {
		return "stale"
	}
	return "fresh"
}

package settings

import (
	"time"

	"github.com/robfig/cron/v3"

	"orderbeat/jobs"
)

// Schedule starts runs at the due times of a cron spec.
type Schedule struct {
	Name     string
	Spec     string // as it is configured, for display
	Zone     string // likewise
	Cron     cron.Schedule
	AtStart  bool
	Provider string
	Kind     string
	Params   []byte // JSON object, or nil
	Accounts []string
	Priority jobs.Priority // "" for the kind's own
	Overlap  string        // skip | queue_one | allow
	CatchUp  string        // none | last | all
	Jitter   time.Duration // each tick is delayed by a uniform random share of it
	// PauseAfter is how many runs fail in a row before the schedule is paused, 0 for never.
	PauseAfter int
}

// Request is the run that a schedule's ticks start.
func (s *Schedule) Request() jobs.Request {
	return jobs.Request{
		Provider: s.Provider, Kind: s.Kind, Params: s.Params, Priority: s.Priority,
		Accounts: s.Accounts, Trigger: jobs.ScheduleTrigger(s.Name),
	}
}

package settings

import (
	"time"

	"github.com/robfig/cron/v3"

	"orderbeat/jobs"
)

// Schedule starts runs at the due times of a cron spec.
type Schedule struct {
	Name     string
	Spec     string // cron spec as configured, for display
	Zone     string // time zone as configured, for display
	Cron     cron.Schedule
	AtStart  bool
	Provider string
	Kind     string
	Params   []byte // JSON object, or nil
	Accounts []string
	Priority jobs.Priority // "" for the default of the kind
	Overlap  string        // skip | queue_one | allow
	CatchUp  string        // none | last | all
	Jitter   time.Duration // each tick is delayed by a random time of up to Jitter
	// PauseAfter is the number of failed runs in a row after which the schedule is paused, 0 for never.
	PauseAfter int
}

// Request returns the request that each tick of the schedule makes.
func (s *Schedule) Request() jobs.Request {
	return jobs.Request{
		Provider: s.Provider, Kind: s.Kind, Params: s.Params, Priority: s.Priority,
		Accounts: s.Accounts, Trigger: jobs.ScheduleTrigger(s.Name),
	}
}

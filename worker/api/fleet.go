package api

import (
	"fmt"
	"time"
)

// Fleet is the reply of fleet.list.
type Fleet struct {
	// Processes are the processes, the longest running first.
	Processes []Process `json:"processes"`
}

// Process is one process of the fleet.
type Process struct {
	// Process is the id of the process. With a database, the id stays the same after a restart.
	Process string `json:"process"`
	// Host is the name of its machine.
	Host string `json:"host"`
	// Role is its worker.role: all, store or fetch.
	Role string `json:"role"`
	// Leader reports whether it is the leader.
	Leader bool `json:"leader"`
	// Does lists what it does: leads or follows, and fetches if it calls providers. It is empty for a process
	// that has just started.
	Does []string `json:"does"`
	// Lag is how far the database of a follower is behind the published messages, as of a few seconds ago.
	Lag *Lag `json:"lag,omitempty"`
	// Version is its program version.
	Version string `json:"version"`
	// Since is when it was started.
	Since time.Time `json:"since"`
	// Providers are the providers in its configuration.
	Providers []string `json:"providers"`
	// Slots is the number of jobs that it performs at once; 0 if it performs none.
	Slots int `json:"slots"`
	// InFlight is the number of jobs that it performs now, as of a few seconds ago.
	InFlight int `json:"in_flight"`
}

// What a process does, in Process.Does.
const (
	Leads   = "leads"
	Follows = "follows"
	Fetches = "fetches"
)

// Lag is how far the database of a follower is behind the published messages.
type Lag struct {
	// AsOf is when its database last contained everything that was published. Absent if it never did
	// since the process started.
	AsOf *time.Time `json:"as_of,omitempty"`
	// Seconds is the time since as_of, or since the process started if as_of is absent. Up to 2 s is normal.
	Seconds float64 `json:"seconds"`
	// Messages is the maximum number of published messages that are not in its database yet.
	Messages uint64 `json:"messages"`
}

// String formats the lag, such as "0.6 s", "12 s, 345 messages" or "over 3m0s" for a database that was
// never up to date since its process started.
func (l Lag) String() string {
	const long = 120
	var text string
	switch {
	case l.Seconds < 10:
		text = fmt.Sprintf("%.1f s", l.Seconds)
	case l.Seconds < long:
		text = fmt.Sprintf("%.0f s", l.Seconds)
	default:
		text = (time.Duration(l.Seconds) * time.Second).String()
	}
	if l.AsOf == nil {
		text = "over " + text
	}
	switch l.Messages {
	case 0:
		return text
	case 1:
		return text + ", 1 message"
	default:
		return fmt.Sprintf("%s, %d messages", text, l.Messages)
	}
}

package api

import "time"

// Fleet is the reply of fleet.list.
type Fleet struct {
	// Processes are the processes, the longest running first.
	Processes []Process `json:"processes"`
}

// Process is one process of the fleet.
type Process struct {
	// Process is the id of the process. One with a database has the same after a restart.
	Process string `json:"process"`
	// Host is the name of its machine.
	Host string `json:"host"`
	// Role is its worker.role: all, store or fetch.
	Role string `json:"role"`
	// Leader reports that it is the leader, which replies.
	Leader bool `json:"leader"`
	// Version is the version of its program.
	Version string `json:"version"`
	// Since is when it was started.
	Since time.Time `json:"since"`
	// Providers are the providers that it has in its configuration.
	Providers []string `json:"providers"`
	// Slots is the number of jobs that it performs at once; 0 if it performs none.
	Slots int `json:"slots"`
	// InFlight is the number of jobs that it performs now, as of a few seconds ago.
	InFlight int `json:"in_flight"`
}

package clients

import "time"

// Traffic is how calls to a provider go now, in this process.
type Traffic struct {
	Breaker BreakerStatus
	// PerSecond is the rate that holds now, in calls per second: less than configured
	// after a 429. It is 0 without a limit.
	PerSecond float64
	// Rate is PerSecond as people write it, in the unit that is configured: "7.5/s".
	Rate string
}

// BreakerState is whether calls pass a breaker.
type BreakerState string

// The states of a breaker.
const (
	BreakerClosed   BreakerState = "closed"    // calls pass
	BreakerOpen     BreakerState = "open"      // none does
	BreakerHalfOpen BreakerState = "half_open" // one does, whose end decides
)

// BreakerStates are all that there are.
var BreakerStates = []BreakerState{BreakerClosed, BreakerOpen, BreakerHalfOpen}

// BreakerStatus is where a breaker stands.
type BreakerStatus struct {
	State BreakerState `json:"state"`
	// Since is when it came to stand there.
	Since time.Time `json:"since"`
	// Until is when an open breaker lets the next call pass; nil in the other states.
	Until *time.Time `json:"until,omitempty"`
	// Failures are the calls in a row that the provider has not answered.
	Failures int `json:"failures"`
}

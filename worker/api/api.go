// Package api has the requests and replies of the request/reply service, for the worker and its
// clients. It has types only; the subject of an endpoint is "<prefix>.api.<endpoint>", such as
// orderbeat.api.runs.start. The list of endpoints is in worker/service.
package api

import (
	"encoding/json"
	"fmt"
	"time"

	"orderbeat/auth/endpoint"

	"orderbeat/auth"
	"orderbeat/clients"
	"orderbeat/db"
	"orderbeat/jobs"
)

// Error is an error reply, in the member "error".
type Error struct {
	Status     int          `json:"-"`
	Code       clients.Code `json:"code"`
	Message    string       `json:"message"`
	Hint       string       `json:"hint,omitempty"`
	RetryAfter string       `json:"retry_after,omitempty"`
}

func (e *Error) Error() string {
	if e.Hint == "" {
		return fmt.Sprintf("%s: %s", e.Code, e.Message)
	}
	return fmt.Sprintf("%s: %s (%s)", e.Code, e.Message, e.Hint)
}

// GetOrder is the request of orders.get.
type GetOrder struct {
	Provider  string `json:"provider"`
	Account   string `json:"account,omitempty"`
	OrderID   string `json:"order_id,omitempty"`
	Reference string `json:"reference,omitempty"`
	MaxAge    string `json:"max_age,omitempty"`
}

// Order is the reply of orders.get.
type Order struct {
	Order      json.RawMessage `json:"order"` // a [clients.Order]
	Revision   int             `json:"revision"`
	Source     string          `json:"source"` // "stored" or "live"
	ObservedAt time.Time       `json:"observed_at"`
	// NotFoundSince is since when the provider's response to a request for this order is "not
	// found". Absent while the order is found.
	NotFoundSince *time.Time `json:"not_found_since,omitempty"`
}

// ListOrders is the request of orders.list.
type ListOrders struct {
	Provider     string `json:"provider"`
	Account      string `json:"account"`
	Status       string `json:"status"`
	ChangedSince string `json:"changed_since"`
	Reference    string `json:"reference"`
	Limit        int    `json:"limit"`
	Cursor       string `json:"cursor"`
}

// OrderHistory is the request of orders.history.
type OrderHistory struct {
	Provider string `json:"provider"`
	Account  string `json:"account"`
	OrderID  string `json:"order_id"`
	After    int    `json:"after"` // revision
	Limit    int    `json:"limit"`
}

// StartRun is the request of runs.start.
type StartRun struct {
	Provider string          `json:"provider"`
	Kind     string          `json:"kind"`
	Params   json.RawMessage `json:"params,omitempty"`
	Accounts []string        `json:"accounts,omitempty"`
	Priority jobs.Priority   `json:"priority,omitempty"`
	Wait     bool            `json:"wait,omitempty"`
}

// RunID is the request of runs.get and runs.cancel.
type RunID struct {
	RunID string `json:"run_id"`
}

// RunNote is the request of runs.pause and runs.resume.
type RunNote struct {
	RunID string `json:"run_id"`
	Note  string `json:"note,omitempty"`
}

// ListRuns is the request of runs.list.
type ListRuns struct {
	Provider string `json:"provider"`
	Kind     string `json:"kind"`
	State    string `json:"state"`
	Limit    int    `json:"limit"`
	Cursor   string `json:"cursor"`
}

// Run is the reply of endpoints about one run; Progress is set by runs.get.
type Run struct {
	Run      jobs.Run       `json:"run"`
	Progress *jobs.Progress `json:"progress,omitempty"`
}

// CancelledRun is the reply of runs.cancel, with the number of cancelled jobs.
type CancelledRun struct {
	Run       jobs.Run `json:"run"`
	Cancelled int      `json:"cancelled"`
}

// JobID is the request of jobs.get and jobs.cancel.
type JobID struct {
	JobID string `json:"job_id"`
}

// ListJobs is the request of jobs.list.
type ListJobs struct {
	Provider string `json:"provider"`
	Account  string `json:"account"`
	Kind     string `json:"kind"`
	State    string `json:"state"`
	Limit    int    `json:"limit"`
	Cursor   string `json:"cursor"`
}

// RetryJobs is the request of jobs.retry: one job, or a selection.
type RetryJobs struct {
	JobID    string `json:"job_id,omitempty"`
	RunID    string `json:"run_id,omitempty"`
	Provider string `json:"provider,omitempty"`
	State    string `json:"state,omitempty"`
	Since    string `json:"since,omitempty"`
	Cursor   string `json:"cursor,omitempty"`
}

// Job is the reply of endpoints about one job.
type Job struct {
	Job db.JobRow `json:"job"`
}

// Retried is the reply of jobs.retry for several jobs. Cursor is "" after the last of them.
type Retried struct {
	Retried int    `json:"retried"`
	Cursor  string `json:"cursor"`
}

// ScheduleName is the request of schedules.pause, schedules.resume and schedules.trigger.
type ScheduleName struct {
	Name string `json:"name"`
	Note string `json:"note,omitempty"`
}

// Schedule is one schedule with its state.
type Schedule struct {
	Name     string   `json:"name"`
	Cron     string   `json:"cron"`
	Timezone string   `json:"timezone"`
	Provider string   `json:"provider"`
	Kind     string   `json:"kind"`
	Accounts []string `json:"accounts"` // empty for all
	// NextDue is nil if the schedule is never due, or if it is unknown: "@every" counts from when
	// a worker first runs the schedule.
	NextDue  *time.Time `json:"next_due_at"`
	LastTick *db.Tick   `json:"last_tick"`
	Pause    *db.Pause  `json:"pause"`
}

// OneSchedule is the reply of schedules.pause and schedules.resume.
type OneSchedule struct {
	Schedule Schedule `json:"schedule"`
}

// Schedules is the reply of schedules.list.
type Schedules struct {
	Schedules []Schedule `json:"schedules"`
}

// ReplayEvents is the request of events.replay.
type ReplayEvents struct {
	Provider string `json:"provider,omitempty"`
	Account  string `json:"account,omitempty"`
	OrderID  string `json:"order_id,omitempty"`
	Since    string `json:"since,omitempty"`
	Until    string `json:"until,omitempty"`
	Subject  string `json:"subject,omitempty"`
	// Unpublishable selects the messages that were set aside instead of the history.
	Unpublishable bool `json:"unpublishable,omitempty"`
}

// Replayed is the reply of events.replay.
type Replayed struct {
	ReplayID string `json:"replay_id"`
	Events   int    `json:"events"`
}

// Remap is the request of exchanges.remap.
type Remap struct {
	Provider string `json:"provider,omitempty"`
	Account  string `json:"account,omitempty"`
	Since    string `json:"since,omitempty"`
	Until    string `json:"until,omitempty"`
	RunID    string `json:"run_id,omitempty"`
	JobID    string `json:"job_id,omitempty"`
}

// Providers is the reply of providers.list.
type Providers struct {
	Providers []Provider `json:"providers"`
}

// Provider is one provider, its credentials and accounts.
type Provider struct {
	Provider    string `json:"provider"`
	Kind        string `json:"kind"`
	Environment string `json:"environment"`
	Concurrency int    `json:"concurrency"`
	Rate        string `json:"rate"`
	// RateNow is below Rate after a 429, until it has recovered.
	RateNow     string                 `json:"rate_now,omitempty"`
	Breaker     *clients.BreakerStatus `json:"breaker,omitempty"`
	FreshFor    string                 `json:"fresh_for,omitempty"` // "" is no limit
	Auth        *auth.Status           `json:"auth,omitempty"`      // the first of Credentials
	Credentials []auth.Status          `json:"credentials"`
	Accounts    []Account              `json:"accounts"`
}

// Account is one account with its last success and failure.
type Account struct {
	Account       string       `json:"account"`
	BillTo        string       `json:"bill_to,omitempty"`
	LastSuccessAt *time.Time   `json:"last_success_at"`
	LastFailureAt *time.Time   `json:"last_failure_at"`
	FailureCode   clients.Code `json:"failure_code,omitempty"`
}

// Credential is the request of auth.*: a provider's credentials, or the one of a user.
type Credential struct {
	Provider string `json:"provider,omitempty"`
	User     string `json:"user,omitempty"`
}

// Credentials is the reply of auth.status and auth.unlatch.
type Credentials struct {
	Credentials []auth.Status `json:"credentials"`
}

// LoggedOut is the reply of auth.logout.
type LoggedOut struct {
	Revoked     bool          `json:"revoked"`
	Credentials []auth.Status `json:"credentials"`
}

// Authorize is the reply of auth.authorize.
type Authorize struct {
	Link      string    `json:"link"`
	ExpiresAt time.Time `json:"expires_at"`
}

// Introspections is the reply of auth.introspect.
type Introspections struct {
	Introspections []Introspection `json:"introspections"`
}

// Introspection is a provider's introspection of one token, or an error.
type Introspection struct {
	Credential
	*endpoint.Introspection
	Error *Error `json:"error,omitempty"`
}

// Rekeyed is the reply of auth.rekey.
type Rekeyed struct {
	Resealed   int `json:"resealed"`
	Unreadable int `json:"unreadable"`
}

// Prune is the request of db.prune: durations that override the configured retention.
type Prune struct {
	Exchanges string `json:"exchanges,omitempty"`
	Jobs      string `json:"jobs,omitempty"`
	Events    string `json:"events,omitempty"`
}

// Pruned is the reply of db.prune. The request is repeated until it is done.
type Pruned struct {
	Removed db.Pruned `json:"removed"`
	Done    bool      `json:"done"`
}

// Package api has the requests and replies of the request/reply service, for the worker and its
// clients. It has types and the names of headers only; the subject of an endpoint is "<prefix>.api.<endpoint>", such as
// orderbeat.api.runs.start. The list of endpoints is in worker/service.
package api

import (
	"encoding/json"
	"fmt"
	"time"

	"orderbeat/auth/endpoint"

	"orderbeat/auth"
	"orderbeat/clients"
	"orderbeat/db/orders"
	"orderbeat/db/outbox"
	"orderbeat/db/retention"
	"orderbeat/db/runs"
	"orderbeat/db/schedules"
	"orderbeat/jobs"
)

// The headers of requests and replies.
const (
	// HeaderTimeout is a caller's deadline, such as "5s".
	HeaderTimeout = "Orderbeat-Timeout"
	// HeaderWorker is where the worker that replies has its database, "host:path": for display.
	HeaderWorker = "Orderbeat-Worker"
)

// Error is an error reply, in the member "error".
type Error struct {
	Status int `json:"-"`
	// Code says what failed. The header Nats-Service-Error-Code has the status.
	Code clients.Code `json:"code"`
	// Message is for people: its wording may change.
	Message string `json:"message"`
	// Hint says what to do.
	Hint string `json:"hint,omitempty"`
	// RetryAfter is a duration such as "30s": repeat the request then. Absent if unknown.
	RetryAfter string `json:"retry_after,omitempty"`
}

// ErrorReply is the body of an error reply.
type ErrorReply struct {
	Error Error `json:"error"`
}

func (e *Error) Error() string {
	if e.Hint == "" {
		return fmt.Sprintf("%s: %s", e.Code, e.Message)
	}
	return fmt.Sprintf("%s: %s (%s)", e.Code, e.Message, e.Hint)
}

// GetOrder is the request of orders.get.
type GetOrder struct {
	// Provider is the name of the provider.
	Provider string `json:"provider"`
	// Account is the name of the account. Required to request an order live that is not stored.
	Account string `json:"account,omitempty"`
	// OrderID is the provider's order number. Exactly one of order_id and reference is required.
	OrderID string `json:"order_id,omitempty"`
	// Reference is the customer's order number (PO).
	Reference string `json:"reference,omitempty"`
	// MaxAge is a duration such as "15m": an order that was seen before that is requested live; "0s"
	// always is. Absent: any age will do.
	MaxAge string `json:"max_age,omitempty"`
}

// Order is the reply of orders.get.
type Order struct {
	// Order is the order.
	Order json.RawMessage `json:"order"` // a [clients.Order]
	// Revision is the number of the order's latest event, from 1.
	Revision int `json:"revision"`
	// Source is "stored", or "live" if the provider was called.
	Source string `json:"source"`
	// ObservedAt is when the provider last returned the order.
	ObservedAt time.Time `json:"observed_at"`
	// NotFoundSince is since when the provider's response to a request for this order is "not
	// found". Absent while the order is found.
	NotFoundSince *time.Time `json:"not_found_since,omitempty"`
	// AsOf is when the database of the worker that replies last contained everything that was published.
	// Absent if the leader replies.
	AsOf *time.Time `json:"as_of,omitempty"`
}

// ListOrders is the request of orders.list. Members that are absent do not filter.
type ListOrders struct {
	// Provider is the name of a provider.
	Provider string `json:"provider"`
	// Account is the name of an account.
	Account string `json:"account"`
	// Status is the status of the orders.
	Status string `json:"status"`
	// ChangedSince is a time in RFC 3339: orders whose last revision is not older.
	ChangedSince string `json:"changed_since"`
	// Reference is the customer's order number (PO).
	Reference string `json:"reference"`
	// Limit is the number of orders of a page: 100 if it is absent or 0, at most 1000.
	Limit int `json:"limit"`
	// Cursor is the cursor of the previous page, with the same filter.
	Cursor string `json:"cursor"`
}

// Orders is the reply of orders.list.
type Orders struct {
	// Orders is the page: by provider, account and number, or with changed_since by the last change,
	// oldest first.
	Orders []ListedOrder `json:"orders"`
	// Cursor requests the next page; "" after the last one.
	Cursor string `json:"cursor"`
	// AsOf is when the database of the worker that replies last contained everything that was published.
	// Absent if the leader replies.
	AsOf *time.Time `json:"as_of,omitempty"`
}

// ListedOrder is an order of orders.list.
type ListedOrder struct {
	orders.StoredOrder
	Truncated
}

// Truncated marks a row that alone is larger than a reply.
type Truncated struct {
	// Truncated is present if the row is larger than a reply and lacks its largest members.
	Truncated bool `json:"truncated,omitempty"`
}

// OrderHistory is the request of orders.history.
type OrderHistory struct {
	// Provider is the name of the provider.
	Provider string `json:"provider"`
	// Account is the name of the account.
	Account string `json:"account"`
	// OrderID is the provider's order number.
	OrderID string `json:"order_id"`
	// After is a revision: the events after it. 0 or absent: from the first.
	After int `json:"after"`
	// Limit is the number of events of a page: 100 if it is absent or 0, at most 1000.
	Limit int `json:"limit"`
}

// OrderEvents is the reply of orders.history.
type OrderEvents struct {
	// Events are the revisions, oldest first.
	Events []ListedEvent `json:"events"`
	// More reports that there are further events: request them with after.
	More bool `json:"more"`
	// AsOf is when the database of the worker that replies last contained everything that was published.
	// Absent if the leader replies.
	AsOf *time.Time `json:"as_of,omitempty"`
}

// ListedEvent is an event of orders.history: the published body with its id and type.
type ListedEvent struct {
	outbox.Event
	Truncated
}

// StartRun is the request of runs.start.
type StartRun struct {
	// Provider is the name of the provider.
	Provider string `json:"provider"`
	// Kind is the kind of run.
	Kind string `json:"kind"`
	// Params are the params of the kind.
	Params json.RawMessage `json:"params,omitempty"`
	// Accounts are names of accounts; absent or empty: all.
	Accounts []string `json:"accounts,omitempty"`
	// Priority is normal or low; absent: that of the kind.
	Priority jobs.Priority `json:"priority,omitempty"`
	// Wait delays the reply until the run has ended.
	Wait bool `json:"wait,omitempty"`
}

// RunID is the request of runs.get and runs.cancel.
type RunID struct {
	// RunID is the id of the run.
	RunID string `json:"run_id"`
}

// RunNote is the request of runs.pause and runs.resume.
type RunNote struct {
	// RunID is the id of the run.
	RunID string `json:"run_id"`
	// Note is the reason, for other people; at most 500 bytes.
	Note string `json:"note,omitempty"`
}

// ListRuns is the request of runs.list. Members that are absent do not filter.
type ListRuns struct {
	// Provider is the name of a provider.
	Provider string `json:"provider"`
	// Kind is a kind of run.
	Kind string `json:"kind"`
	// State is the state of the runs, or "paused".
	State string `json:"state"`
	// Limit is the number of runs of a page: 100 if it is absent or 0, at most 1000.
	Limit int `json:"limit"`
	// Cursor is the cursor of the previous page.
	Cursor string `json:"cursor"`
}

// Runs is the reply of runs.list.
type Runs struct {
	// Runs is the page, newest first.
	Runs []ListedRun `json:"runs"`
	// Cursor requests the next page; "" after the last one.
	Cursor string `json:"cursor"`
}

// ListedRun is a run of runs.list.
type ListedRun struct {
	jobs.Run
	Truncated
}

// Run is the reply of endpoints about one run.
type Run struct {
	// Run is the run.
	Run jobs.Run `json:"run"`
	// Progress is present in replies of runs.get.
	Progress *jobs.Progress `json:"progress,omitempty"`
}

// CancelledRun is the reply of runs.cancel.
type CancelledRun struct {
	// Run is the run.
	Run jobs.Run `json:"run"`
	// Cancelled is the number of jobs that had not ended.
	Cancelled int `json:"cancelled"`
}

// JobID is the request of jobs.get and jobs.cancel.
type JobID struct {
	// JobID is the id of the job.
	JobID string `json:"job_id"`
}

// ListJobs is the request of jobs.list. Members that are absent do not filter.
type ListJobs struct {
	// Provider is the name of a provider.
	Provider string `json:"provider"`
	// Account is the name of an account.
	Account string `json:"account"`
	// Kind is a kind of run.
	Kind string `json:"kind"`
	// State is the state of the jobs.
	State string `json:"state"`
	// Limit is the number of jobs of a page: 100 if it is absent or 0, at most 1000.
	Limit int `json:"limit"`
	// Cursor is the cursor of the previous page.
	Cursor string `json:"cursor"`
}

// Jobs is the reply of jobs.list.
type Jobs struct {
	// Jobs is the page, newest first.
	Jobs []ListedJob `json:"jobs"`
	// Cursor requests the next page; "" after the last one.
	Cursor string `json:"cursor"`
}

// ListedJob is a job of jobs.list.
type ListedJob struct {
	runs.JobRow
	Truncated
}

// RetryJobs is the request of jobs.retry: one job by its id, or up to 1000 jobs by the other
// members, at least one of which is required.
type RetryJobs struct {
	// JobID is the id of a job. It excludes the other members.
	JobID string `json:"job_id,omitempty"`
	// RunID selects the jobs of a run.
	RunID string `json:"run_id,omitempty"`
	// Provider selects the jobs of a provider.
	Provider string `json:"provider,omitempty"`
	// State selects jobs that are queued, failed, dead or cancelled; absent: failed and dead ones.
	State string `json:"state,omitempty"`
	// Since is a time in RFC 3339: jobs that ended or were queued at that time or later.
	Since string `json:"since,omitempty"`
	// Cursor is the cursor of the previous reply.
	Cursor string `json:"cursor,omitempty"`
}

// Job is the reply of endpoints about one job.
type Job struct {
	// Job is the job.
	Job runs.JobRow `json:"job"`
}

// Retried is the reply of jobs.retry for several jobs.
type Retried struct {
	// Retried is the number of jobs.
	Retried int `json:"retried"`
	// Cursor continues with further jobs; "" after the last one.
	Cursor string `json:"cursor"`
}

// ScheduleName is the request of schedules.pause, schedules.resume and schedules.trigger.
type ScheduleName struct {
	// Name is the name of the schedule.
	Name string `json:"name"`
	// Note is the reason, for other people; at most 500 bytes.
	Note string `json:"note,omitempty"`
}

// Schedule is one schedule with its state.
type Schedule struct {
	// Name is the schedule's name.
	Name string `json:"name"`
	// Cron is the cron spec.
	Cron string `json:"cron"`
	// Timezone is the time zone of the spec.
	Timezone string `json:"timezone"`
	// Provider is the name of the provider.
	Provider string `json:"provider"`
	// Kind is the kind of the runs.
	Kind string `json:"kind"`
	// Accounts are the names of accounts; empty for all.
	Accounts []string `json:"accounts"`
	// NextDue is the next due time; null if there is none, or if it is unknown: "@every" counts from
	// when a worker first runs the schedule.
	NextDue *time.Time `json:"next_due_at"`
	// LastTick is the latest due time and its outcome; null before the first.
	LastTick *schedules.Tick `json:"last_tick"`
	// Pause is the pause; null if the schedule is not paused.
	Pause *schedules.Pause `json:"pause"`
}

// OneSchedule is the reply of schedules.pause and schedules.resume.
type OneSchedule struct {
	// Schedule is the schedule.
	Schedule Schedule `json:"schedule"`
}

// Schedules is the reply of schedules.list.
type Schedules struct {
	// Schedules are in the order of the configuration.
	Schedules []Schedule `json:"schedules"`
}

// ReplayEvents is the request of events.replay. Without members all events are republished.
type ReplayEvents struct {
	// Provider is the name of a provider.
	Provider string `json:"provider,omitempty"`
	// Account is the name of an account.
	Account string `json:"account,omitempty"`
	// OrderID is an order number of the provider.
	OrderID string `json:"order_id,omitempty"`
	// Since is a time in RFC 3339, included.
	Since string `json:"since,omitempty"`
	// Until is a time in RFC 3339, excluded.
	Until string `json:"until,omitempty"`
	// Subject receives the events; absent: the events' own subjects.
	Subject string `json:"subject,omitempty"`
	// Unpublishable selects the messages that NATS rejected, instead of events. It can be combined with
	// provider only.
	Unpublishable bool `json:"unpublishable,omitempty"`
}

// Replayed is the reply of events.replay.
type Replayed struct {
	// ReplayID is the value of the header Orderbeat-Replay of the republished messages.
	ReplayID string `json:"replay_id"`
	// Events is the number of messages.
	Events int `json:"events"`
}

// Remap is the request of exchanges.remap.
type Remap struct {
	// Provider is the name of the provider.
	Provider string `json:"provider,omitempty"`
	// Account is the name of an account; absent: all.
	Account string `json:"account,omitempty"`
	// Since is a time in RFC 3339, included.
	Since string `json:"since,omitempty"`
	// Until is a time in RFC 3339, excluded.
	Until string `json:"until,omitempty"`
	// RunID selects the responses of a run.
	RunID string `json:"run_id,omitempty"`
	// JobID selects the responses of a job.
	JobID string `json:"job_id,omitempty"`
}

// Providers is the reply of providers.list.
type Providers struct {
	// Providers are in the order of the configuration.
	Providers []Provider `json:"providers"`
}

// Provider is one provider, its credentials and accounts.
type Provider struct {
	// Provider is the name of the provider's section in the configuration.
	Provider string `json:"provider"`
	// Kind is the kind of provider, such as "michelin".
	Kind string `json:"kind"`
	// Environment is "sandbox", "test" or "production".
	Environment string `json:"environment"`
	// Concurrency is the number of jobs that call the provider at once.
	Concurrency int `json:"concurrency"`
	// Rate is the configured limit of calls, such as "10/s".
	Rate string `json:"rate"`
	// RateNow is the current limit: below rate after a 429, until it has recovered.
	RateNow string `json:"rate_now,omitempty"`
	// Breaker is the state of the circuit breaker. Absent before the first call.
	Breaker *clients.BreakerStatus `json:"breaker,omitempty"`
	// FreshFor is the time without success until the alert "stale"; absent: never.
	FreshFor string `json:"fresh_for,omitempty"`
	// Auth is the first of credentials. Absent without credentials.
	Auth *auth.Status `json:"auth,omitempty"`
	// Credentials are those of the provider, or of each of its users.
	Credentials []auth.Status `json:"credentials"`
	// Accounts are in the order of the configuration.
	Accounts []Account `json:"accounts"`
}

// Account is one account with its last success and failure.
type Account struct {
	// Account is the account's name.
	Account string `json:"account"`
	// BillTo is the provider's customer number.
	BillTo string `json:"bill_to,omitempty"`
	// LastSuccessAt is when orders of the account were last received; null if never.
	LastSuccessAt *time.Time `json:"last_success_at"`
	// LastFailureAt is when that last failed; null if never.
	LastFailureAt *time.Time `json:"last_failure_at"`
	// FailureCode is the code of the last failure.
	FailureCode clients.Code `json:"failure_code,omitempty"`
}

// Credential names the credentials of a provider, or of one of its users.
type Credential struct {
	// Provider is the name of the provider.
	Provider string `json:"provider,omitempty"`
	// User is the user of an account, for providers whose tokens belong to users.
	User string `json:"user,omitempty"`
}

// Credentials is the reply of auth.status and auth.unlatch.
type Credentials struct {
	// Credentials has the state of each, never a token.
	Credentials []auth.Status `json:"credentials"`
}

// LoggedOut is the reply of auth.logout.
type LoggedOut struct {
	// Revoked reports that the provider revoked the tokens.
	Revoked bool `json:"revoked"`
	// Credentials has the state afterwards.
	Credentials []auth.Status `json:"credentials"`
}

// Authorize is the reply of auth.authorize.
type Authorize struct {
	// Link is the page where the user grants access. It works once.
	Link string `json:"link"`
	// ExpiresAt is when the link ends.
	ExpiresAt time.Time `json:"expires_at"`
}

// Introspections is the reply of auth.introspect.
type Introspections struct {
	// Introspections has one entry for each credential.
	Introspections []Introspection `json:"introspections"`
}

// Introspection is a provider's introspection of one token (RFC 7662), or an error.
type Introspection struct {
	Credential
	*endpoint.Introspection
	// Error is present if the introspection failed; then active is absent.
	Error *Error `json:"error,omitempty"`
}

// Rekeyed is the reply of auth.rekey.
type Rekeyed struct {
	// Resealed is the number of tokens that were sealed with the new key.
	Resealed int `json:"resealed"`
	// Unreadable is the number of tokens that could not be read.
	Unreadable int `json:"unreadable"`
}

// Prune is the request of db.prune: durations such as "90d" that override the configured retention.
type Prune struct {
	// Exchanges is the retention of recorded exchanges.
	Exchanges string `json:"exchanges,omitempty"`
	// Jobs is the retention of jobs, with their runs, ticks and resolved alerts.
	Jobs string `json:"jobs,omitempty"`
	// Events is the retention of the history of orders.
	Events string `json:"events,omitempty"`
}

// Pruned is the reply of db.prune.
type Pruned struct {
	// Removed counts the deleted rows of this request.
	Removed retention.Pruned `json:"removed"`
	// Done reports that nothing is left to delete. Otherwise repeat the request.
	Done bool `json:"done"`
}

// Reloaded is the reply of config.reload. What is wrong with a configuration that is rejected is in
// the error; it changes nothing.
type Reloaded struct {
	// Applied are the sections and keys that changed, each with what was done.
	Applied []string `json:"applied"`
	// Restart are the changed keys that take effect after a restart.
	Restart []string `json:"restart"`
}

// Configuration is the reply of config.get.
type Configuration struct {
	// Path is the file.
	Path string `json:"path"`
	// LoadedAt is when what applies now was read.
	LoadedAt time.Time `json:"loaded_at"`
	// RejectedAt is when a reload rejected the file. Absent if the last reload was successful, or
	// there was none.
	RejectedAt *time.Time `json:"rejected_at,omitempty"`
	// Error is why. Absent likewise.
	Error string `json:"error,omitempty"`
	// Restart are the changed keys that take effect after a restart.
	Restart []string `json:"restart"`
}

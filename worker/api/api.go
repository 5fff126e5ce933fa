// Package api has the requests and replies of the request/reply service, for the worker and its
// clients. It contains only types and header names. The subject of an endpoint is "<prefix>.api.<endpoint>", such as
// orderbeat.api.runs.start. [Endpoints] lists them.
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
	// HeaderWorker is the location of the replying worker's database, "host:path", for display.
	HeaderWorker = "Orderbeat-Worker"
)

// Error is the member "error" of an error reply.
type Error struct {
	Status int `json:"-"`
	// Code classifies the error. The header Nats-Service-Error-Code has the status.
	Code clients.Code `json:"code"`
	// Message is for people: its wording may change.
	Message string `json:"message"`
	// Hint says what to do.
	Hint string `json:"hint,omitempty"`
	// RetryAfter is a duration such as "30s" after which to repeat the request. Absent if unknown.
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
	// Account is the name of the account. Required to request an order that is not stored from the provider.
	Account string `json:"account,omitempty"`
	// OrderID is the provider's order number. Exactly one of order_id and reference is required.
	OrderID string `json:"order_id,omitempty"`
	// Reference is the customer's order number (PO).
	Reference string `json:"reference,omitempty"`
	// MaxAge is a duration such as "15m": an order observed longer ago is requested from the provider; with "0s"
	// every order is. Absent: the stored order is returned, whatever its age.
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
	// NotFoundSince is the time since which the provider has responded "not found" to requests for
	// this order. Absent while the order is found.
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
	// ChangedSince is a time in RFC 3339: only orders whose last revision is from that time or later.
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

// Truncated marks a row that is too large for a reply by itself.
type Truncated struct {
	// Truncated is present if the row was too large for a reply, so that its largest members are missing.
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
	// After is a revision: only events after it are returned. 0 or absent: all events.
	After int `json:"after"`
	// Limit is the number of events of a page: 100 if it is absent or 0, at most 1000.
	Limit int `json:"limit"`
}

// OrderEvents is the reply of orders.history.
type OrderEvents struct {
	// Events are the revisions, oldest first.
	Events []ListedEvent `json:"events"`
	// More reports that there are further events; request them with after.
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
	// Priority is normal or low; absent: the default of the kind.
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
	// Cancelled is the number of jobs that were cancelled.
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
	// State selects jobs that are queued, failed, dead or cancelled; absent: failed and dead jobs.
	State string `json:"state,omitempty"`
	// Since is a time in RFC 3339: only jobs that ended or were queued at that time or later.
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
	// Retried is the number of jobs that are retried.
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
	// NextDue is the next due time; null if there is none or it is unknown, because "@every" counts from
	// the time when a worker first runs the schedule.
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

// ReplayEvents is the request of events.replay. If it has no members, all events are republished.
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
	// Unpublishable selects the messages that NATS rejected, instead of events. It can only be combined
	// with provider.
	Unpublishable bool `json:"unpublishable,omitempty"`
}

// Replayed is the reply of events.replay.
type Replayed struct {
	// ReplayID is the value of the header Orderbeat-Replay of the republished messages.
	ReplayID string `json:"replay_id"`
	// Events is the number of republished messages.
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
	// Concurrency is the maximum number of jobs that call the provider at once.
	Concurrency int `json:"concurrency"`
	// Rate is the configured limit of calls, such as "10/s".
	Rate string `json:"rate"`
	// RateNow is the current limit. It is lower than rate for a while after a 429.
	RateNow string `json:"rate_now,omitempty"`
	// Breaker is the state of the circuit breaker. Absent before the first call.
	Breaker *clients.BreakerStatus `json:"breaker,omitempty"`
	// FreshFor is the time without a successful sync after which the alert "stale" is raised; absent: never.
	FreshFor string `json:"fresh_for,omitempty"`
	// Auth is the first element of credentials. Absent if there are no credentials.
	Auth *auth.Status `json:"auth,omitempty"`
	// Credentials are the states of the credentials of the provider, or of each of its users.
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
	// LastFailureAt is when a sync of the account last failed; null if never.
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
	// Credentials has the state of each credential. It never contains a token.
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
	// ExpiresAt is when the link expires.
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
	// Error is present if the introspection failed. Then active is absent.
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

// Reloaded is the reply of config.reload. If the configuration is invalid, nothing changes and the reply
// is an error that lists the mistakes.
type Reloaded struct {
	// Applied are the sections and keys that changed, each with the action taken.
	Applied []string `json:"applied"`
	// Restart are the changed keys that take effect after a restart.
	Restart []string `json:"restart"`
}

// Configuration is the reply of config.get.
type Configuration struct {
	// Path is the path of the configuration file.
	Path string `json:"path"`
	// LoadedAt is when the current configuration was read.
	LoadedAt time.Time `json:"loaded_at"`
	// RejectedAt is when a reload rejected the file. Absent if the last reload was successful, or
	// there was none.
	RejectedAt *time.Time `json:"rejected_at,omitempty"`
	// Error is why the file was rejected. Absent if rejected_at is absent.
	Error string `json:"error,omitempty"`
	// Restart are the changed keys that take effect after a restart.
	Restart []string `json:"restart"`
}

// Package jobs defines runs and jobs, plans runs into jobs, performs jobs and computes when a
// failed job is retried. It stores and publishes nothing: [Plan] and [Perform] receive all input
// as arguments and return the result.
//
// Start reading at [Plan], then the kinds ([Kinds]), then [Perform].
package jobs

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"orderbeat/clients"
	"orderbeat/clients/exchange"
)

// State is the state of a run or a job. A run is never waiting or dead.
type State string

// The states.
const (
	Queued    State = "queued"
	Running   State = "running"
	Waiting   State = "waiting" // jobs only: failed and due for a retry
	Succeeded State = "succeeded"
	Partial   State = "partial" // some of the orders or jobs failed
	Failed    State = "failed"  // not retryable
	Dead      State = "dead"    // jobs only: no attempts left
	Cancelled State = "cancelled"
)

// RunStates lists the states of a run in the order of its lifecycle.
var RunStates = []State{Queued, Running, Succeeded, Partial, Failed, Cancelled}

// Paused is a list filter: it selects paused runs that are queued or running.
const Paused State = "paused"

// ListedRunStates lists the states that runs can be filtered by.
var ListedRunStates = append(slices.Clone(RunStates), Paused)

// JobStates lists the states of a job in the order of its lifecycle.
var JobStates = []State{Queued, Running, Waiting, Succeeded, Partial, Failed, Dead, Cancelled}

// Ended reports whether the state is final.
func (s State) Ended() bool { return s != Queued && s != Running && s != Waiting }

// Priority decides which jobs are dispatched first.
type Priority string

// The priorities. Low-priority jobs are dispatched after all others, a few at a time per provider
// and at most one per account.
const (
	Normal Priority = "normal"
	Low    Priority = "low"
)

// Priorities lists all priorities.
var Priorities = []Priority{Normal, Low}

// Request is a request to start a run.
type Request struct {
	Provider string
	Kind     string
	// Priority defaults to the priority of the kind.
	Priority Priority
	// Accounts lists account names; empty means all accounts.
	Accounts []string
	// Params is a JSON object with the params of the kind, or empty.
	Params json.RawMessage
	// Trigger is the origin of the request: "schedule:<name>", "consent:<user>", "nats", "api" or "live".
	Trigger string
	// Key makes the request idempotent: a second request with the same key returns the first
	// run. Requests without a key are not deduplicated.
	Key string
	// ReplyTo is an additional subject that the result is published to, or "".
	ReplyTo string
	// Traceparent is the caller's W3C trace context. An invalid value is ignored.
	Traceparent string
}

// Run is one request to sync: a provider, its accounts and params such as a date range.
type Run struct {
	// ID is the id of the run, a ULID: it sorts by time.
	ID string `json:"run_id"`
	// Provider is the name of the provider's section in the configuration.
	Provider string `json:"provider"`
	// Kind is the kind of run, such as "sync".
	Kind string `json:"kind"`
	// State is the state of the run.
	State State `json:"state"`
	// Trigger is the origin: "schedule:<name>", "consent:<user>", "nats", "api" or "live".
	Trigger string `json:"trigger"`
	// DueAt is the due time of the schedule that started it; absent if none did.
	DueAt *time.Time `json:"due_at,omitempty"`
	// Accounts are the requested accounts. Absent for all.
	Accounts []string `json:"accounts,omitempty"`
	// Params are the params of the kind. Absent if there are none.
	Params json.RawMessage `json:"params,omitempty"`
	// Jobs counts the jobs by their final state.
	Jobs Counts `json:"jobs"`
	// Orders counts the orders that were received.
	Orders Tally `json:"orders"`
	// Errors lists the errors of failed and partial jobs, at most 100.
	Errors []RunError `json:"errors"`
	// RequestedAt is when the run was requested.
	RequestedAt time.Time `json:"requested_at"`
	// StartedAt is when its first job started; null before.
	StartedAt *time.Time `json:"started_at"`
	// FinishedAt is when its last job ended; null before.
	FinishedAt *time.Time `json:"finished_at"`

	// Priority is low, or absent for normal.
	Priority Priority `json:"priority,omitempty"`
	// PausedAt is when a low-priority run was paused; absent if it is not paused.
	PausedAt *time.Time `json:"paused_at,omitempty"`
	// Note is the reason why the run is paused or has no jobs.
	Note string `json:"note,omitempty"`

	// Reopened counts how often a retried job reopened the finished run. Absent if never.
	Reopened int `json:"reopened,omitempty"`

	Key         string `json:"-"`
	ReplyTo     string `json:"-"`
	Traceparent string `json:"-"`
	// LowPrioritySlots is [Target.LowPrioritySlots] for a low-priority run, else 0.
	LowPrioritySlots int `json:"-"`
	// Overlap is the policy for accounts that an earlier run with the same trigger is still
	// working on; "" is [OverlapAllow].
	Overlap string `json:"-"`
}

// Overlap policies for accounts that an earlier run of the schedule is still working on.
const (
	OverlapSkip     = "skip"      // leave the account out
	OverlapQueueOne = "queue_one" // start after the earlier run, unless a run is already waiting
	OverlapAllow    = "allow"
)

// MaxErrors limits [Run.Errors]; the jobs table has all errors.
const MaxErrors = 100

// RunError is one failure in the result of a run.
type RunError struct {
	// Account is the name of the account. Absent if the run could not be planned.
	Account string `json:"account,omitempty"`
	// Code says what failed.
	Code clients.Code `json:"code"`
	// Message is for people: its wording may change.
	Message string `json:"message"`
	// Hint says what to do.
	Hint string `json:"hint,omitempty"`
}

// Counts counts the jobs of a run by final state. Unfinished jobs only count in Total.
type Counts struct {
	// Total is the number of all jobs.
	Total int `json:"total"`
	// Succeeded is the number of jobs that succeeded.
	Succeeded int `json:"succeeded"`
	// Partial is the number of jobs of which some orders failed.
	Partial int `json:"partial"`
	// Failed is the number of jobs that failed and are not retried.
	Failed int `json:"failed"`
	// Dead is the number of jobs whose attempts or time are used up.
	Dead int `json:"dead"`
	// Cancelled is the number of cancelled jobs.
	Cancelled int `json:"cancelled"`
}

// Ended returns the number of jobs in a final state.
func (c Counts) Ended() int { return c.Succeeded + c.Partial + c.Failed + c.Dead + c.Cancelled }

// State returns the state of a run with these counts: succeeded if all jobs succeeded, failed if
// none succeeded even partly, else partial.
func (c Counts) State() State {
	switch {
	case c.Ended() < c.Total:
		return Running
	case c.Cancelled == c.Total && c.Total > 0:
		return Cancelled
	case c.Succeeded == c.Total:
		return Succeeded
	case c.Succeeded+c.Partial == 0:
		return Failed
	default:
		return Partial
	}
}

// Tally counts the orders that a run or a job received. For despatch advices and invoices it
// counts the known orders they belong to.
type Tally struct {
	// Seen is the number of orders that were received.
	Seen int `json:"seen"`
	// Created is the number of orders that were stored for the first time.
	Created int `json:"created"`
	// Changed is the number of orders with a new revision.
	Changed int `json:"changed"`
	// Unchanged is the number of orders that did not change.
	Unchanged int `json:"unchanged"`
}

// Job is one query for one account: the unit of retry, isolation, progress and resumption after a
// crash. Its JSON is the message on the jobs stream.
type Job struct {
	ID       string `json:"job_id"`
	RunID    string `json:"run_id"`
	Provider string `json:"provider"`
	Account  string `json:"account"`
	Kind     string `json:"kind"`
	Question
	// Attempt counts from 1. Tried is the number of attempts that do not count towards the
	// limit: those before the job was last retried by hand, and those that sent nothing
	// ([clients.Error.NotSent]).
	Attempt int `json:"attempt"`
	Tried   int `json:"tried,omitempty"`
	// FirstAt is when the first attempt was planned or the job was last retried by hand.
	FirstAt time.Time `json:"first_at"`
}

// Question is the query of a job without the account: a window of order dates, or order ids and
// references.
type Question struct {
	// From is the first day of the window.
	From clients.Date `json:"from,omitempty"`
	// To is the last day of the window.
	To clients.Date `json:"to,omitempty"`
	// OrderIDs are the requested order numbers of the provider.
	OrderIDs []string `json:"order_ids,omitempty"`
	// References are the requested order numbers of the customer.
	References []string `json:"references,omitempty"`
	// Remaps is the job whose recorded responses are mapped again; no request is sent.
	Remaps string `json:"remaps,omitempty"`
}

// Query returns the query for an account.
func (q Question) Query(a clients.Account) clients.Query {
	return clients.Query{Account: a, From: q.From, To: q.To, OrderIDs: q.OrderIDs, References: q.References}
}

// Outcome is the result of one attempt at a job.
type Outcome struct {
	Job
	// State is the new state of the job: succeeded, partial, failed, dead or waiting.
	State State
	// NextAt is when a waiting job is due.
	NextAt time.Time
	Orders []clients.Order
	// Advices and Invoices are the documents that despatch and invoice jobs received.
	Advices  []clients.Advice
	Invoices []clients.Invoice
	// Volatile is the provider's [clients.Traits.Volatile].
	Volatile []string
	// Exchanges are the HTTP exchanges, as far as the policy allows recording.
	Exchanges []exchange.Exchange
	// Unread is the number of orders that could not be decoded ([clients.Problem.Unread]); Err then has
	// [clients.CodeBadResponse].
	Unread int
	// Err is the reason of a failed or partial attempt; nil if it succeeded.
	Err *clients.Error
	// AskedAt is when the request was sent: the orders are as of this time. For a remap job it is
	// when the recorded request was sent.
	AskedAt    time.Time
	FinishedAt time.Time
	// Traceparent is the W3C trace context of the messages about the outcome; "" is the run's.
	Traceparent string
}

// storedTime returns t as it is stored: in UTC, truncated to milliseconds.
func storedTime(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// NewID returns a new run id: a ULID, which sorts by time.
func NewID(now time.Time) string {
	return ulid.MustNew(ulid.Timestamp(now), ulid.DefaultEntropy()).String()
}

// Progress is the progress of a run.
type Progress struct {
	// Ended is the number of jobs that have ended.
	Ended int `json:"ended"`
	// Total is the number of all jobs.
	Total int `json:"total"`
	// LeftSeconds is the estimated remaining time in seconds; null if unknown, or if the run is paused
	// or has ended.
	LeftSeconds *float64 `json:"left_seconds"`
}

// Estimate sets LeftSeconds from the rate at which the last jobs ended. ended holds their end
// times, newest first.
func (p *Progress) Estimate(ended []time.Time) {
	if len(ended) < 2 {
		return
	}
	pace := ended[0].Sub(ended[len(ended)-1]) / time.Duration(len(ended)-1)
	left := (pace * time.Duration(p.Total-p.Ended)).Seconds()
	p.LeftSeconds = &left
}

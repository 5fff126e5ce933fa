// Package jobs holds what a run is, how it is planned into jobs, what a job did,
// and when it is tried again. It stores and publishes nothing: [Plan] and
// [Perform] are given everything they need and return what happened.
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

// State is where a run or a job stands. A run is never waiting or dead.
type State string

// The states.
const (
	Queued    State = "queued"
	Running   State = "running"
	Waiting   State = "waiting" // a job: tried, and to be tried again
	Succeeded State = "succeeded"
	Partial   State = "partial" // some of the orders, or of the jobs, came with an error
	Failed    State = "failed"  // trying again does not help
	Dead      State = "dead"    // a job: its attempts are used up
	Cancelled State = "cancelled"
)

// RunStates are those that a run may be in, in the order of its life.
var RunStates = []State{Queued, Running, Succeeded, Partial, Failed, Cancelled}

// Paused is how runs are listed that are paused and have not ended: queued or running.
const Paused State = "paused"

// ListedRunStates are those that runs can be listed by.
var ListedRunStates = append(slices.Clone(RunStates), Paused)

// JobStates are those that a job may be in, in the order of its life.
var JobStates = []State{Queued, Running, Waiting, Succeeded, Partial, Failed, Dead, Cancelled}

// Ended reports whether the state is final.
func (s State) Ended() bool { return s != Queued && s != Running && s != Waiting }

// Priority says which jobs go first.
type Priority string

// The priorities. Of those that are low, a few at a time go out at a provider, one of each
// account, behind all others.
const (
	Normal Priority = "normal"
	Low    Priority = "low"
)

// Priorities are all there are.
var Priorities = []Priority{Normal, Low}

// Request is one "please run".
type Request struct {
	Provider string
	Kind     string
	// Priority is the kind's own when it is "".
	Priority Priority
	// Accounts names the accounts to ask; none means all.
	Accounts []string
	// Params are the kind's own, a JSON object or nothing.
	Params json.RawMessage
	// Trigger says who asked: "schedule:<name>", "consent:<user>", "nats", "api" or "live".
	Trigger string
	// Key makes the request once: a second one with the same key is the first
	// one again. "" is never the same.
	Key string
	// ReplyTo is a subject that the result is published to as well, or "".
	ReplyTo string
	// Traceparent is the caller's W3C trace context; what is none counts as "".
	Traceparent string
}

// Run is one asking: one provider, some accounts, one question.
type Run struct {
	ID       string          `json:"run_id"`
	Provider string          `json:"provider"`
	Kind     string          `json:"kind"`
	State    State           `json:"state"`
	Trigger  string          `json:"trigger"`
	Accounts []string        `json:"accounts,omitempty"`
	Params   json.RawMessage `json:"params,omitempty"`
	Jobs     Counts          `json:"jobs"`
	Orders   Tally           `json:"orders"`
	// Errors lists the accounts that failed or were partial, at most [MaxErrors].
	Errors      []RunError `json:"errors"`
	RequestedAt time.Time  `json:"requested_at"`
	StartedAt   *time.Time `json:"started_at"`
	FinishedAt  *time.Time `json:"finished_at"`

	// Priority is low, or "" for normal.
	Priority Priority `json:"priority,omitempty"`
	// PausedAt is when a run of low priority was paused; nil when it goes on.
	PausedAt *time.Time `json:"paused_at,omitempty"`
	// Note says why the run is paused, or why it has no jobs.
	Note string `json:"note,omitempty"`

	// Reopened is how often a job that was brought back made the run go on after its end.
	Reopened int `json:"reopened,omitempty"`

	Key         string `json:"-"`
	ReplyTo     string `json:"-"`
	Traceparent string `json:"-"`
	// LowPrioritySlots is [Target.LowPrioritySlots] where the priority is low, else 0.
	LowPrioritySlots int `json:"-"`
	// Overlap says what becomes of accounts that still work at an earlier run with the same
	// trigger; "" is [OverlapAllow].
	Overlap string `json:"-"`
}

// What becomes of an account that still works at an earlier run of a schedule.
const (
	OverlapSkip     = "skip"      // it is left out
	OverlapQueueOne = "queue_one" // it is asked when that has ended, unless it is to be already
	OverlapAllow    = "allow"
)

// MaxErrors bounds a run's list of errors; the jobs table has them all.
const MaxErrors = 100

// RunError is one failure as a run's result tells it.
type RunError struct {
	Account string       `json:"account,omitempty"`
	Code    clients.Code `json:"code"`
	Message string       `json:"message"`
	Hint    string       `json:"hint,omitempty"`
}

// Counts says how a run's jobs ended; those that did not yet are only in Total.
type Counts struct {
	Total     int `json:"total"`
	Succeeded int `json:"succeeded"`
	Partial   int `json:"partial"`
	Failed    int `json:"failed"`
	Dead      int `json:"dead"`
	Cancelled int `json:"cancelled"`
}

// Ended is how many jobs ended.
func (c Counts) Ended() int { return c.Succeeded + c.Partial + c.Failed + c.Dead + c.Cancelled }

// State is the state of a run whose jobs ended so: succeeded when all did, failed
// when none did even partly, else partial.
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

// Tally counts the orders that a run or a job was told or, where it asked for despatch
// advices or invoices, those known orders that these belong to: changed are the ones
// whose history tells something new.
type Tally struct {
	Seen      int `json:"seen"`
	Created   int `json:"created"`
	Changed   int `json:"changed"`
	Unchanged int `json:"unchanged"`
}

// Job is one question about one account: the unit of retry, of isolation, of
// progress and of resumption after a crash. Its JSON is the message on the
// jobs stream.
type Job struct {
	ID       string `json:"job_id"`
	RunID    string `json:"run_id"`
	Provider string `json:"provider"`
	Account  string `json:"account"`
	Kind     string `json:"kind"`
	Question
	// Attempt counts from 1. Tried is how many of the attempts do not count: those from
	// before the job was last brought back, and those in which nothing was sent
	// ([clients.Error.NotSent]).
	Attempt int `json:"attempt"`
	Tried   int `json:"tried,omitempty"`
	// FirstAt is when the first attempt was planned, or the job was brought back.
	FirstAt time.Time `json:"first_at"`
}

// Question is what a job asks, without the account: a window of order dates or
// some order ids and references.
type Question struct {
	From       clients.Date `json:"from,omitempty"`
	To         clients.Date `json:"to,omitempty"`
	OrderIDs   []string     `json:"order_ids,omitempty"`
	References []string     `json:"references,omitempty"`
	// Remaps is the job whose kept answers are mapped again; nothing is asked then.
	Remaps string `json:"remaps,omitempty"`
}

// Query is the question put to an account.
func (q Question) Query(a clients.Account) clients.Query {
	return clients.Query{Account: a, From: q.From, To: q.To, OrderIDs: q.OrderIDs, References: q.References}
}

// Outcome is what one attempt at a job did.
type Outcome struct {
	Job
	// State is what the job is in now: succeeded, partial, failed, dead or waiting.
	State State
	// NextAt is when a waiting job is due again.
	NextAt time.Time
	Orders []clients.Order
	// Advices and Invoices are what jobs of the kinds despatch and invoice were told.
	Advices  []clients.Advice
	Invoices []clients.Invoice
	// Volatile is the provider's [clients.Traits.Volatile].
	Volatile []string
	// Exchanges are what went over the wire, as far as it may be kept.
	Exchanges []exchange.Exchange
	// Unread is how many orders could not be read ([clients.Problem.Unread]); Err then has
	// [clients.CodeBadResponse].
	Unread int
	// Err is why the attempt failed, or what was partial about it; nil when it succeeded.
	Err *clients.Error
	// AskedAt is when the provider was asked: what the orders are as of. Of a job that maps
	// kept answers again it is when these came.
	AskedAt    time.Time
	FinishedAt time.Time
}

// moment is t as it is stored: in UTC, cut to milliseconds.
func moment(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// NewID makes an id for a run: a ULID, which sorts by time.
func NewID(now time.Time) string {
	return ulid.MustNew(ulid.Timestamp(now), ulid.DefaultEntropy()).String()
}

// Progress is how far a run is.
type Progress struct {
	Ended int `json:"ended"`
	Total int `json:"total"`
	// LeftSeconds is about how long the rest takes; nil when nobody can say, or the run is
	// paused or has ended.
	LeftSeconds *float64 `json:"left_seconds"`
}

// Estimate says how long the rest takes if it goes on as the last jobs ended, whose times
// are given newest first.
func (p *Progress) Estimate(ended []time.Time) {
	if len(ended) < 2 {
		return
	}
	pace := ended[0].Sub(ended[len(ended)-1]) / time.Duration(len(ended)-1)
	left := (pace * time.Duration(p.Total-p.Ended)).Seconds()
	p.LeftSeconds = &left
}

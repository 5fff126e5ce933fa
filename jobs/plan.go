package jobs

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"orderbeat/clients"
)

// MaxJobs limits the number of jobs of a run.
const MaxJobs = 20_000

// Target is the provider of a run with its accounts.
type Target struct {
	Traits clients.Traits
	// Err is the reason why no run can be planned for the provider, else nil.
	Err      error
	Accounts []clients.Account
	// Open has the open orders, by account, for kinds with [Kind.Follows].
	Open map[string][]OpenOrder
	// LowPrioritySlots is the number of low-priority jobs that run at once.
	LowPrioritySlots int
	// Kept has the jobs with recorded responses, by account, newest first, for kinds with
	// [Kind.Remaps].
	Kept map[string][]KeptJob
}

// Planning is the input for planning the jobs of one account.
type Planning struct {
	Params  json.RawMessage
	Account clients.Account
	Traits  clients.Traits
	Open    []OpenOrder // for kinds with Follows
	Kept    []KeptJob   // for kinds with Remaps
	Now     time.Time
}

// Kind is one kind of run.
type Kind struct {
	// Plan returns the queries for one account.
	Plan func(p Planning) ([]Question, error)
	// Params is a value of the type that the params are decoded into; nil if the kind has none.
	Params any
	// Follows is set if the kind requests open orders: it requires [Target.Open].
	Follows bool
	// Remaps is set if the kind maps recorded responses again without requests: it requires
	// [Target.Kept], and [Remap] performs its jobs. Its outcomes do not affect the health of the
	// provider or account.
	Remaps bool
	// Request sends one query to the provider; nil requests orders. If it is not nil, responses
	// do not affect the freshness of the account's orders.
	Request func(ctx context.Context, p clients.Provider, q clients.Query) (clients.Answer, error)
	// Hint is the hint for a partial response to Request.
	Hint string
	// Low makes low priority the default for runs of the kind.
	Low bool
}

// Kinds lists every kind. A new kind needs one file and one line here.
var Kinds = map[string]Kind{
	"sync":     {Plan: planSync, Params: windowParams{}},
	"fetch":    {Plan: planFetch, Params: fetchParams{}},
	"track":    {Plan: planTrack, Params: trackParams{}, Follows: true},
	"backfill": {Plan: planBackfill, Params: backfillParams{}, Low: true},
	"check":    {Plan: planCheck, Request: check},
	"despatch": {Plan: planDespatch, Params: windowParams{}, Request: requestAdvices, Hint: documentsHint},
	"invoice":  {Plan: planInvoice, Params: windowParams{}, Request: requestInvoices, Hint: documentsHint},
	"remap":    {Plan: planRemap, Params: remapParams{}, Remaps: true},
}

// Plan turns a request into a run and its jobs, one per account and query. If the request cannot
// be planned, the error is a *[clients.Error] with [clients.CodeInvalid], and the run is failed and
// has no jobs.
func Plan(r Request, targets map[string]Target, now time.Time) (Run, []Job, error) {
	now = storedTime(now)
	run := newRun(r, now)
	jobs, err := plan(run, targets, now)
	if err == nil && r.Priority != "" && !slices.Contains(Priorities, r.Priority) {
		err = Invalid("unknown priority "+quote(string(r.Priority))+" ("+list(Priorities)+")", "Use one of these priorities.")
	}
	if err != nil {
		run.fail(err, now)
		return run, nil, err
	}
	run.Jobs.Total = len(jobs)
	if r.Priority == Low || Kinds[r.Kind].Low && r.Priority != Normal {
		run.Priority, run.LowPrioritySlots = Low, max(1, targets[r.Provider].LowPrioritySlots)
	}
	return run, jobs, nil
}

func plan(run Run, targets map[string]Target, now time.Time) ([]Job, error) {
	target, ok := targets[run.Provider]
	if !ok {
		return nil, Invalid("unknown provider "+quote(run.Provider), "configured: "+names(targets))
	}
	if target.Err != nil {
		return nil, target.Err
	}
	kind, ok := Kinds[run.Kind]
	if !ok {
		return nil, Invalid("unknown kind "+quote(run.Kind), "known: "+names(Kinds))
	}
	accounts, err := choose(target.Accounts, run.Accounts)
	if err != nil {
		return nil, err
	}
	var queries [][]Question // by account
	total := 0
	for _, a := range accounts {
		var planned []Question
		err := clients.Recover("plan", func() (err error) { // a provider's traits may cause a panic
			planned, err = kind.Plan(Planning{Params: run.Params, Account: a, Traits: target.Traits, Open: target.Open[a.Name], Kept: target.Kept[a.Name], Now: now})
			return err
		})
		if err != nil {
			return nil, err
		}
		if total += len(planned); total > MaxJobs {
			return nil, Invalid(fmt.Sprintf("the run would have more than %d jobs", MaxJobs), "Use a shorter range or fewer accounts.")
		}
		queries = append(queries, planned)
	}
	return interleave(run, accounts, queries, now), nil
}

// interleave turns the queries of each account into jobs: the first query of each account, then the second
// of each, and so on.
func interleave(run Run, accounts []clients.Account, queries [][]Question, now time.Time) []Job {
	var jobs []Job
	for i, more := 0, true; more; i++ {
		more = false
		for n, planned := range queries {
			if i >= len(planned) {
				continue
			}
			more = true
			jobs = append(jobs, run.job(len(jobs), accounts[n].Name, planned[i], now))
		}
	}
	return jobs
}

// choose returns the named accounts, or all accounts if none is named.
func choose(all []clients.Account, named []string) ([]clients.Account, error) {
	if len(named) == 0 {
		return all, nil
	}
	var chosen []clients.Account
	for _, name := range named {
		i := slices.IndexFunc(all, func(a clients.Account) bool { return a.Name == name })
		if i < 0 {
			known := make([]string, len(all))
			for i, a := range all {
				known[i] = a.Name
			}
			return nil, Invalid("unknown account "+quote(name), "configured: "+list(known))
		}
		if !slices.ContainsFunc(chosen, func(a clients.Account) bool { return a.Name == name }) {
			chosen = append(chosen, all[i])
		}
	}
	return chosen, nil
}

// Invalid returns the error for a request that cannot be planned.
func Invalid(message, hint string) *clients.Error {
	return &clients.Error{Op: "plan", Code: clients.CodeInvalid, Message: message, Hint: hint}
}

// NewFailed returns the failed run of a request that could not be decoded.
func NewFailed(r Request, err error, now time.Time) Run {
	now = storedTime(now)
	run := newRun(r, now)
	run.fail(err, now)
	return run
}

func isObject(text []byte) bool {
	return json.Valid(text) && bytes.HasPrefix(bytes.TrimSpace(text), []byte("{"))
}

func newRun(r Request, now time.Time) Run {
	if string(bytes.TrimSpace(r.Params)) == "null" {
		r.Params = nil
	}
	run := Run{
		ID: NewID(now), Provider: r.Provider, Kind: r.Kind, State: Queued, Trigger: r.Trigger,
		Accounts: r.Accounts, Params: r.Params, Errors: []RunError{}, RequestedAt: now,
		Key: r.Key, ReplyTo: r.ReplyTo, Traceparent: r.Traceparent,
	}
	if !isTraceparent(run.Traceparent) { // sent unchanged in outgoing headers
		run.Traceparent = newTraceparent(run.ID)
	}
	return run
}

// fail ends a run without jobs. It drops large request values.
func (r *Run) fail(err error, now time.Time) {
	const maxBytes = 4 << 10
	e := clients.AsError(err)
	r.State, r.StartedAt, r.FinishedAt = Failed, &now, &now
	message := strings.ToValidUTF8(e.Message[:min(len(e.Message), 1000)], "") // may be a stack trace
	r.Errors = []RunError{{Code: e.Code, Message: message, Hint: e.Hint}}
	if len(r.Params) > maxBytes || !isObject(r.Params) {
		r.Params = nil
	}
	if len(strings.Join(r.Accounts, "")) > maxBytes {
		r.Accounts = nil
	}
	r.Provider, r.Kind = shorten(r.Provider), shorten(r.Kind)
}

func names[V any](m map[string]V) string { return list(slices.Sorted(maps.Keys(m))) }

// list joins names for a message, at most the first 20.
func list[S ~string](all []S) string {
	const limit = 20
	if len(all) == 0 {
		return "none"
	}
	var text []string
	for _, s := range all[:min(len(all), limit)] {
		text = append(text, string(s))
	}
	if len(all) > limit {
		return fmt.Sprintf("%s and %d more", strings.Join(text, ", "), len(all)-limit)
	}
	return strings.Join(text, ", ")
}

func quote(s string) string { return strconv.Quote(shorten(s)) }

// shorten truncates user input for a message.
func shorten(s string) string {
	const limit = 120
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}

// accountKind groups jobs that can replace each other.
type accountKind struct{ account, kind string }

// Fewest returns the missed jobs that must run again. missed is in planning order. It leaves out
// jobs whose query is covered by a later succeeded job, or by other missed jobs together.
func Fewest(missed, succeeded []Job) []Job {
	windows, covered := map[accountKind][]Job{}, map[accountKind]map[string]bool{}
	var fewest []Job
	for _, m := range slices.Backward(missed) {
		key := accountKind{m.Account, m.Kind}
		if slices.ContainsFunc(succeeded, func(s Job) bool { return accountKind{s.Account, s.Kind} == key && s.ID > m.ID && s.covers(m.Question) }) {
			continue
		}
		if m.From != "" {
			windows[key] = append(windows[key], m)
			continue
		}
		needed := covered[key] == nil
		if needed {
			covered[key] = map[string]bool{}
		}
		for _, name := range m.names() {
			needed = needed || !covered[key][name]
			covered[key][name] = true
		}
		if needed {
			fewest = append(fewest, m)
		}
	}
	for _, list := range windows {
		fewest = append(fewest, fewestWindows(list)...)
	}
	slices.SortFunc(fewest, func(a, b Job) int { return cmp.Compare(a.ID, b.ID) })
	return fewest
}

// fewestWindows returns a minimal subset of jobs whose windows cover every day of all windows.
func fewestWindows(list []Job) (chosen []Job) {
	slices.SortStableFunc(list, func(a, b Job) int { return cmp.Compare(a.From, b.From) })
	var next clients.Date // the first day not covered yet
	for len(list) > 0 {
		next = max(next, list[0].From)
		best := list[0]
		for _, j := range list {
			if j.From <= next && j.To > best.To {
				best = j
			}
		}
		chosen = append(chosen, best)
		next = best.To.AddDays(1)
		list = slices.DeleteFunc(list, func(j Job) bool { return j.To < next })
	}
	return chosen
}

// covers reports whether q requests everything that other requests.
func (q Question) covers(other Question) bool {
	names := q.names()
	return (other.From == "" || q.From != "" && q.From <= other.From && other.To <= q.To) &&
		!slices.ContainsFunc(other.names(), func(name string) bool { return !slices.Contains(names, name) })
}

func (q Question) names() (names []string) {
	for _, id := range q.OrderIDs {
		names = append(names, "id "+id)
	}
	for _, reference := range q.References {
		names = append(names, "reference "+reference)
	}
	return names
}

// PlanAgain plans a run with the queries of earlier jobs. slots is the number of low-priority slots
// of their runs, 0 for normal priority.
func PlanAgain(r Request, planned []Job, slots int, now time.Time) (Run, []Job) {
	now = storedTime(now)
	run := newRun(r, now)
	run.Jobs.Total = len(planned)
	if slots > 0 {
		run.Priority, run.LowPrioritySlots = Low, slots
	}
	again := make([]Job, len(planned))
	for i, j := range planned {
		again[i] = run.job(i, j.Account, j.Question, now)
	}
	return run, again
}

func (r *Run) job(i int, account string, q Question, now time.Time) Job {
	return Job{
		ID: fmt.Sprintf("%s-%05d", r.ID, i+1), RunID: r.ID, Provider: r.Provider,
		Account: account, Kind: r.Kind, Question: q, Attempt: 1, FirstAt: now,
	}
}

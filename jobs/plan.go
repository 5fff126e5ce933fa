package jobs

import (
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

// MaxJobs bounds what one run may be planned into.
const MaxJobs = 20_000

// Target is whom a run asks.
type Target struct {
	Traits clients.Traits
	// Err is why no run can be planned for the provider; nil when one can.
	Err      error
	Accounts []clients.Account
	// Open holds the open orders of each account, for kinds that follow them
	// ([Kind.Follows]).
	Open map[string][]OpenOrder
	// LowPrioritySlots is how many jobs of low priority run at once.
	LowPrioritySlots int
	// Kept holds the jobs of each account whose answers are kept, newest first, for kinds
	// that map these again ([Kind.Remaps]).
	Kept map[string][]KeptJob
}

// Planning is what is known when a run is planned for one account.
type Planning struct {
	Params  json.RawMessage
	Account clients.Account
	Traits  clients.Traits
	Open    []OpenOrder // of kinds that follow open orders
	Kept    []KeptJob   // of kinds that map kept answers again
	Now     time.Time
}

// Kind is one kind of run.
type Kind struct {
	// Plan finds the questions to put to one account.
	Plan func(p Planning) ([]Question, error)
	// Follows says that it asks for orders that are open: [Target.Open] is needed.
	Follows bool
	// Remaps says that it asks nobody, and maps kept answers again: [Target.Kept] is needed,
	// and jobs are performed by [Remap]. What comes of it says nothing about how the
	// provider, or the account, is.
	Remaps bool
	// Ask puts one of them to the provider; nil asks for orders. Where it is not nil, an
	// answer says nothing about how well the account's orders are known.
	Ask func(ctx context.Context, p clients.Provider, q clients.Query) (clients.Answer, error)
	// Hint says what becomes of a partial answer to Ask.
	Hint string
	// Low says that its runs have low priority where the request does not say.
	Low bool
}

// Kinds lists every kind there is. A new kind is one file and one line here.
var Kinds = map[string]Kind{
	"sync":     {Plan: planSync},
	"fetch":    {Plan: planFetch},
	"track":    {Plan: planTrack, Follows: true},
	"backfill": {Plan: planBackfill, Low: true},
	"check":    {Plan: planCheck, Ask: check},
	"despatch": {Plan: planDespatch, Ask: askAdvices, Hint: documentsHint},
	"invoice":  {Plan: planInvoice, Ask: askInvoices, Hint: documentsHint},
	"remap":    {Plan: planRemap, Remaps: true},
}

// Plan turns a request into a run and its jobs, one per account and question.
// A request that cannot be planned is a *[clients.Error] with [clients.CodeInvalid];
// the run is then already failed, and has no jobs.
func Plan(r Request, targets map[string]Target, now time.Time) (Run, []Job, error) {
	now = moment(now)
	run := newRun(r, now)
	jobs, err := plan(run, targets, now)
	if err == nil && r.Priority != "" && !slices.Contains(Priorities, r.Priority) {
		err = Invalid("priority "+quote(string(r.Priority))+" is none", "the priorities are "+list(Priorities))
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
	var asked [][]Question // of each account
	total := 0
	for _, a := range accounts {
		var questions []Question
		err := clients.Recover("plan", func() (err error) { // traits are the provider's to say
			questions, err = kind.Plan(Planning{Params: run.Params, Account: a, Traits: target.Traits, Open: target.Open[a.Name], Kept: target.Kept[a.Name], Now: now})
			return err
		})
		if err != nil {
			return nil, err
		}
		if total += len(questions); total > MaxJobs {
			return nil, Invalid(fmt.Sprintf("the run would have more than %d jobs", MaxJobs), "ask for a shorter range, or for fewer accounts at a time")
		}
		asked = append(asked, questions)
	}
	return inTurn(run, accounts, asked, now), nil
}

// inTurn makes the jobs of questions: the first ones of all accounts, then the second ones.
func inTurn(run Run, accounts []clients.Account, asked [][]Question, now time.Time) []Job {
	var jobs []Job
	for i, more := 0, true; more; i++ {
		more = false
		for n, questions := range asked {
			if i >= len(questions) {
				continue
			}
			more = true
			jobs = append(jobs, run.job(len(jobs), accounts[n].Name, questions[i], now))
		}
	}
	return jobs
}

// choose picks the named accounts, all when none is named.
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

// Invalid is the error of a request that cannot be planned.
func Invalid(message, hint string) *clients.Error {
	return &clients.Error{Op: "plan", Code: clients.CodeInvalid, Message: message, Hint: hint}
}

// NewFailed is the run of a request that could not even be read.
func NewFailed(r Request, err error, now time.Time) Run {
	now = moment(now)
	run := newRun(r, now)
	run.fail(err, now)
	return run
}

func newRun(r Request, now time.Time) Run {
	run := Run{
		ID: NewID(now), Provider: r.Provider, Kind: r.Kind, State: Queued, Trigger: r.Trigger,
		Accounts: r.Accounts, Params: r.Params, Errors: []RunError{}, RequestedAt: now,
		Key: r.Key, ReplyTo: r.ReplyTo, Traceparent: r.Traceparent,
	}
	if !isTraceparent(run.Traceparent) { // it goes into our own headers as it is
		run.Traceparent = newTraceparent(run.ID)
	}
	return run
}

// fail ends a run that has no jobs. What was asked is kept only where it is small.
func (r *Run) fail(err error, now time.Time) {
	const keep = 4 << 10
	e := clients.AsError(err)
	r.State, r.StartedAt, r.FinishedAt = Failed, &now, &now
	message := strings.ToValidUTF8(e.Message[:min(len(e.Message), 1000)], "") // it may be a stack
	r.Errors = []RunError{{Code: e.Code, Message: message, Hint: e.Hint}}
	if len(r.Params) > keep || !json.Valid(r.Params) {
		r.Params = nil
	}
	if len(strings.Join(r.Accounts, "")) > keep {
		r.Accounts = nil
	}
	r.Provider, r.Kind = shorten(r.Provider), shorten(r.Kind)
}

func names[V any](m map[string]V) string { return list(slices.Sorted(maps.Keys(m))) }

// list joins names, leaving out what nobody would read.
func list[S ~string](all []S) string {
	const most = 20
	if len(all) == 0 {
		return "none"
	}
	var text []string
	for _, s := range all[:min(len(all), most)] {
		text = append(text, string(s))
	}
	if len(all) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(text, ", "), len(all)-most)
	}
	return strings.Join(text, ", ")
}

func quote(s string) string { return strconv.Quote(shorten(s)) }

// shorten keeps what a message repeats of somebody's input readable.
func shorten(s string) string {
	const most = 120
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// line is the jobs of one kind about one account, which can stand for each other.
type line struct{ account, kind string }

// Fewest leaves out those of the missed jobs, which are in the order in which they were
// planned, that others stand for: a later one that succeeded and asked for all that they
// ask for, or missed ones that together do.
func Fewest(missed, succeeded []Job) []Job {
	windows, asked := map[line][]Job{}, map[line]map[string]bool{}
	var fewest []Job
	for _, m := range slices.Backward(missed) {
		l := line{m.Account, m.Kind}
		if slices.ContainsFunc(succeeded, func(s Job) bool { return line{s.Account, s.Kind} == l && s.ID > m.ID && s.covers(m.Question) }) {
			continue
		}
		if m.From != "" {
			windows[l] = append(windows[l], m)
			continue
		}
		fresh := asked[l] == nil
		if fresh {
			asked[l] = map[string]bool{}
		}
		for _, name := range m.names() {
			fresh = fresh || !asked[l][name]
			asked[l][name] = true
		}
		if fresh {
			fewest = append(fewest, m)
		}
	}
	for _, list := range windows {
		fewest = append(fewest, fewestWindows(list)...)
	}
	slices.SortFunc(fewest, func(a, b Job) int { return cmp.Compare(a.ID, b.ID) })
	return fewest
}

// fewestWindows chooses jobs whose windows have every day of all.
func fewestWindows(list []Job) (chosen []Job) {
	slices.SortStableFunc(list, func(a, b Job) int { return cmp.Compare(a.From, b.From) })
	var next clients.Date // the first day that no chosen window has
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

// covers reports whether a question asks for all that another one asks for.
func (q Question) covers(other Question) bool {
	names := q.names()
	return (other.From == "" || q.From != "" && q.From <= other.From && other.To <= q.To) &&
		!slices.ContainsFunc(other.names(), func(name string) bool { return !slices.Contains(names, name) })
}

// names are the orders that a question names, by either number.
func (q Question) names() (names []string) {
	for _, id := range q.OrderIDs {
		names = append(names, "id "+id)
	}
	for _, reference := range q.References {
		names = append(names, "reference "+reference)
	}
	return names
}

// PlanAgain makes a run of the questions of jobs that were planned before. slots are the low-priority slots
// of their runs, 0 for those of normal priority.
func PlanAgain(r Request, planned []Job, slots int, now time.Time) (Run, []Job) {
	now = moment(now)
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

// job is the run's i-th job.
func (r *Run) job(i int, account string, q Question, now time.Time) Job {
	return Job{
		ID: fmt.Sprintf("%s-%05d", r.ID, i+1), RunID: r.ID, Provider: r.Provider,
		Account: account, Kind: r.Kind, Question: q, Attempt: 1, FirstAt: now,
	}
}

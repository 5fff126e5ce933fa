package jobs

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"orderbeat/clients"
)

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

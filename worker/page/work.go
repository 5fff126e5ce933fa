package page

import (
	"net/http"
	"slices"

	"orderbeat/db/reports"
	"orderbeat/db/runs"
	"orderbeat/jobs"
	"orderbeat/worker/api"
)

// workQuery is the query of the lists of runs and jobs.
type workQuery struct{ Provider, Account, Kind, State string }

func workFilter(r *http.Request) workQuery {
	get := r.URL.Query().Get
	return workQuery{Provider: get("provider"), Account: get("account"), Kind: get("kind"), State: get("state")}
}

func (q workQuery) address(path, cursor string) string {
	return query(path, "provider", q.Provider, "account", q.Account, "kind", q.Kind, "state", q.State, "cursor", cursor)
}

type runsBody struct {
	Query   workQuery
	Choices choices
	Kinds   []string
	States  []jobs.State
	Runs    []jobs.Run
	Next    string
}

func kinds() []string {
	var names []string
	for name := range jobs.Kinds {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// runs lists runs, the latest first.
func (p *Page) runs(rw http.ResponseWriter, r *http.Request) error {
	q := workFilter(r)
	var list runList
	request := api.ListRuns{Provider: q.Provider, Kind: q.Kind, State: q.State, Limit: maxRows, Cursor: r.URL.Query().Get("cursor")}
	if err := p.Call(r.Context(), "runs.list", request, &list); err != nil {
		return err
	}
	b := runsBody{Query: q, Choices: choicesOf(p.Providers()), Kinds: kinds(), States: jobs.ListedRunStates, Runs: list.Runs}
	if list.Cursor != "" {
		b.Next = q.address("/ui/runs", list.Cursor)
	}
	return p.show(rw, r, http.StatusOK, "runs.html", "runs", "Runs", b)
}

type runBody struct {
	Run      jobs.Run
	Progress jobs.Progress
	Jobs     []runs.JobRow
	More     int // jobs that are not shown
	Retry    bool
}

// run shows a run with its jobs.
func (p *Page) run(rw http.ResponseWriter, r *http.Request) error {
	const shown = 500
	var reply api.Run
	if err := p.Call(r.Context(), "runs.get", api.RunID{RunID: r.URL.Query().Get("id")}, &reply); err != nil {
		return err
	}
	b := runBody{Run: reply.Run, Retry: reply.Run.Jobs.Failed+reply.Run.Jobs.Dead+reply.Run.Jobs.Cancelled > 0}
	if reply.Progress != nil {
		b.Progress = *reply.Progress
	}
	var err error
	if b.Jobs, err = p.Store.RunJobs(r.Context(), reply.Run.ID); err != nil {
		return err
	}
	if len(b.Jobs) > shown {
		b.Jobs, b.More = b.Jobs[:shown], len(b.Jobs)-shown
	}
	return p.show(rw, r, http.StatusOK, "run.html", "runs", "Run "+reply.Run.ID, b)
}

type jobsBody struct {
	Query   workQuery
	Choices choices
	Kinds   []string
	States  []jobs.State
	Jobs    []runs.JobRow
	Next    string
}

// jobs lists jobs, the latest first.
func (p *Page) jobs(rw http.ResponseWriter, r *http.Request) error {
	q := workFilter(r)
	var list jobList
	request := api.ListJobs{Provider: q.Provider, Account: q.Account, Kind: q.Kind, State: q.State, Limit: maxRows, Cursor: r.URL.Query().Get("cursor")}
	if err := p.Call(r.Context(), "jobs.list", request, &list); err != nil {
		return err
	}
	b := jobsBody{Query: q, Choices: choicesOf(p.Providers()), Kinds: kinds(), States: jobs.JobStates, Jobs: list.Jobs}
	if list.Cursor != "" {
		b.Next = q.address("/ui/jobs", list.Cursor)
	}
	return p.show(rw, r, http.StatusOK, "jobs.html", "runs", "Jobs", b)
}

type jobBody struct {
	Job       runs.JobRow
	Exchanges []reports.ExchangeRow
	Retry     bool
}

// job shows a job with its exchanges, by attempt.
func (p *Page) job(rw http.ResponseWriter, r *http.Request) error {
	var reply api.Job
	if err := p.Call(r.Context(), "jobs.get", api.JobID{JobID: r.URL.Query().Get("id")}, &reply); err != nil {
		return err
	}
	exchanges, _, _, err := p.Store.Reports().Exchanges(r.Context(), reports.ExchangeFilter{JobID: reply.Job.JobID, Limit: 4 * maxRows})
	if err != nil {
		return err
	}
	retry := slices.Contains(runs.RetryStates, reply.Job.State)
	return p.show(rw, r, http.StatusOK, "job.html", "runs", "Job "+reply.Job.JobID, jobBody{Job: reply.Job, Exchanges: exchanges, Retry: retry})
}

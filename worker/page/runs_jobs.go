package page

import (
	"maps"
	"net/http"
	"slices"

	"orderbeat/db/exchanges"
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

// workBody is a list of runs or jobs.
type workBody struct {
	Query   workQuery
	Choices choices
	Kinds   []string
	States  []jobs.State
	Runs    []api.ListedRun
	Jobs    []api.ListedJob
	Next    string
}

// showWork shows a list of runs or jobs. name is its path and template; cursor is where the next page starts.
func (p *Page) showWork(rw http.ResponseWriter, r *http.Request, name, title, cursor string, b workBody) error {
	b.Choices, b.Kinds = choicesOf(p.Providers()), slices.Sorted(maps.Keys(jobs.Kinds))
	if q := b.Query; cursor != "" {
		b.Next = query("/ui/"+name, "provider", q.Provider, "account", q.Account, "kind", q.Kind, "state", q.State, "cursor", cursor)
	}
	return p.show(rw, r, http.StatusOK, name+".html", "runs", title, b)
}

// runs lists runs, the latest first.
func (p *Page) runs(rw http.ResponseWriter, r *http.Request) error {
	q := workFilter(r)
	var list api.Runs
	request := api.ListRuns{Provider: q.Provider, Kind: q.Kind, State: q.State, Limit: maxRows, Cursor: r.URL.Query().Get("cursor")}
	if err := p.Call(r.Context(), "runs.list", request, &list); err != nil {
		return err
	}
	return p.showWork(rw, r, "runs", "Runs", list.Cursor, workBody{Query: q, States: jobs.ListedRunStates, Runs: list.Runs})
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
	if b.Jobs, err = p.DB.RunJobs(r.Context(), reply.Run.ID); err != nil {
		return err
	}
	if len(b.Jobs) > shown {
		b.Jobs, b.More = b.Jobs[:shown], len(b.Jobs)-shown
	}
	return p.show(rw, r, http.StatusOK, "run.html", "runs", "Run "+reply.Run.ID, b)
}

// jobs lists jobs, the latest first.
func (p *Page) jobs(rw http.ResponseWriter, r *http.Request) error {
	q := workFilter(r)
	var list api.Jobs
	request := api.ListJobs{Provider: q.Provider, Account: q.Account, Kind: q.Kind, State: q.State, Limit: maxRows, Cursor: r.URL.Query().Get("cursor")}
	if err := p.Call(r.Context(), "jobs.list", request, &list); err != nil {
		return err
	}
	return p.showWork(rw, r, "jobs", "Jobs", list.Cursor, workBody{Query: q, States: jobs.JobStates, Jobs: list.Jobs})
}

type jobBody struct {
	Job       runs.JobRow
	Exchanges []exchanges.ExchangeRow
	Retry     bool
}

// job shows a job with its exchanges, by attempt.
func (p *Page) job(rw http.ResponseWriter, r *http.Request) error {
	var reply api.Job
	if err := p.Call(r.Context(), "jobs.get", api.JobID{JobID: r.URL.Query().Get("id")}, &reply); err != nil {
		return err
	}
	list, err := p.DB.Exchanges(r.Context(), exchanges.ExchangeFilter{JobID: reply.Job.JobID, Limit: 4 * maxRows})
	if err != nil {
		return err
	}
	retry := slices.Contains(runs.RetryStates, reply.Job.State)
	return p.show(rw, r, http.StatusOK, "job.html", "runs", "Job "+reply.Job.JobID, jobBody{Job: reply.Job, Exchanges: list, Retry: retry})
}

package cli

import (
	"context"
	"fmt"
	"strings"

	"orderbeat/db"
	"orderbeat/db/runs"
)

// maxCandidates is the maximum number of ids that an error lists.
const maxCandidates = 10

// RunID returns the id of the run whose id begins with text. It returns text if the database of this machine
// has no such run: a worker on another machine may have it. Several matches are a usage error.
func (a *App) RunID(ctx context.Context, text string) (string, error) {
	return a.expand(ctx, "run", text, func(database *db.DB) (found []candidate, err error) {
		if r, ok, err := database.Run(ctx, text); ok || err != nil {
			return []candidate{{id: r.ID}}, err
		}
		list, err := database.Runs(ctx, runs.RunFilter{Prefix: text, Limit: maxCandidates + 1})
		for _, r := range list {
			found = append(found, candidate{r.ID, fmt.Sprintf("%s %s %s, requested %s", r.Provider, r.Kind, r.State, a.Moment(r.RequestedAt))})
		}
		return found, err
	})
}

// JobID is [App.RunID] for jobs.
func (a *App) JobID(ctx context.Context, text string) (string, error) {
	return a.expand(ctx, "job", text, func(database *db.DB) (found []candidate, err error) {
		if j, ok, err := database.Job(ctx, text); ok || err != nil {
			return []candidate{{id: j.JobID}}, err
		}
		list, err := database.Jobs(ctx, runs.JobFilter{Prefix: text, Limit: maxCandidates + 1})
		for _, j := range list {
			found = append(found, candidate{j.JobID, fmt.Sprintf("%s/%s %s %s, planned %s", j.Provider, j.Account, j.Kind, j.State, a.Moment(j.PlannedAt))})
		}
		return found, err
	})
}

type candidate struct{ id, about string }

func (a *App) expand(ctx context.Context, noun, text string, find func(*db.DB) ([]candidate, error)) (string, error) {
	if text == "" {
		return "", nil
	}
	database, err := a.openDatabase(ctx, func(context.Context, string) {})
	if err != nil {
		return text, nil // the worker looks it up
	}
	defer database.Close()
	found, err := find(database)
	switch {
	case err != nil || len(found) == 0:
		return text, err
	case len(found) == 1:
		return found[0].id, nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "orderbeat: several %ss begin with %q:", noun, text)
	for _, c := range found[:min(len(found), maxCandidates)] {
		fmt.Fprintf(&b, "\n  %s  %s", c.id, Plain(c.about))
	}
	if len(found) > maxCandidates {
		fmt.Fprintf(&b, "\n  and more: see `orderbeat %ss`", noun)
	}
	return "", Exit(Usage, fmt.Errorf("%s", b.String()))
}

package jobs

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"orderbeat/auth/mask"
	"orderbeat/clients"
	"orderbeat/clients/exchange"
)

// KeptJob is a job that succeeded, at least in part, and whose answers are kept as a whole.
type KeptJob struct {
	ID, RunID string
	Kind      string
	Question
	// AskedAt is when the provider was asked.
	AskedAt time.Time
}

// Remapping says which kept answers are mapped again; what is empty chooses all.
type Remapping struct {
	// Since and Until bound when they came: from Since on, and before Until.
	Since, Until time.Time
	RunID, JobID string
}

// ReadRemapping reads the params of remap: {"since": "2026-01-31T06:00:00Z", "until": …,
// "run_id": …, "job_id": …}.
func ReadRemapping(params []byte) (r Remapping, err error) {
	var p struct {
		Since string `json:"since"`
		Until string `json:"until"`
		RunID string `json:"run_id"`
		JobID string `json:"job_id"`
	}
	if err := decodeParams(params, &p, "since, until, run_id, job_id"); err != nil {
		return r, err
	}
	r.RunID, r.JobID = p.RunID, p.JobID
	for _, bound := range []struct {
		name, text string
		into       *time.Time
	}{{"since", p.Since, &r.Since}, {"until", p.Until, &r.Until}} {
		if bound.text == "" {
			continue
		}
		if *bound.into, err = time.Parse(time.RFC3339, bound.text); err != nil {
			return r, Invalid(bound.name+" "+quote(bound.text)+" is not a time", `write it like "2026-01-31T06:00:00Z"`)
		}
	}
	if !r.Until.IsZero() && !r.Since.Before(r.Until) {
		return r, Invalid("since is not before until", "exchange them")
	}
	return r, nil
}

// planRemap maps the kept answers of jobs again ([Remapping]), a job for each of them, the
// newest first: an order that one tells of is nothing that an older one could change.
func planRemap(p Planning) ([]Question, error) {
	if _, err := ReadRemapping(p.Params); err != nil {
		return nil, err
	}
	var questions []Question
	for _, kept := range p.Kept {
		questions = append(questions, Question{Remaps: kept.ID})
	}
	return questions, nil
}

// Remap maps the kept answers of a job again, as [Perform] would if they came now, and
// asks nobody. What comes of it is as of when they came. There is no second try. An order
// or a document with a value that was hidden when the answers were kept becomes a problem:
// it cannot be known to be another than the one that is stored.
func Remap(ctx context.Context, p clients.Provider, a clients.Account, job Job, kept KeptJob, exchanges []exchange.Exchange) (Outcome, error) {
	out := Outcome{Job: job, AskedAt: kept.AskedAt}
	answer, volatile, err := ask(exchange.WithPlayback(ctx, exchanges), Kinds[kept.Kind], p, kept.Query(a))
	if err != nil && errors.Is(context.Cause(ctx), context.Canceled) {
		return Outcome{}, fmt.Errorf("job %s: %w", job.ID, context.Cause(ctx))
	}
	out.Volatile, out.FinishedAt = volatile, moment(time.Now())
	if err != nil {
		out.State, out.Err = Failed, clients.AsError(err)
		return out, nil
	}
	setAside(&answer)
	setHiddenAside(&answer)
	out.keep(answer)
	if out.Err != nil {
		out.Err.Hint = "the rest was mapped again; these are as they were"
	}
	return out, nil
}

// setHiddenAside turns what has a hidden value into problems.
func setHiddenAside(answer *clients.Answer) {
	const message = "a value was hidden when the answer was kept"
	answer.Orders = whole(answer, answer.Orders, func(o *clients.Order) (string, clients.Problem) {
		return string(o.AppendJSON(nil)), clients.Problem{OrderID: o.OrderID, Reference: string(o.Reference), Message: message}
	})
	answer.Advices = whole(answer, answer.Advices, func(a *clients.Advice) (string, clients.Problem) {
		return fmt.Sprintf("%+v", *a), clients.Problem{Message: "despatch advice " + a.AdviceID + ": " + message}
	})
	answer.Invoices = whole(answer, answer.Invoices, func(i *clients.Invoice) (string, clients.Problem) {
		return fmt.Sprintf("%+v", *i), clients.Problem{Message: "invoice " + i.Number + ": " + message}
	})
}

// whole leaves out what says that something of it is hidden. tell is its text, and the
// problem.
func whole[T any](answer *clients.Answer, all []T, tell func(*T) (string, clients.Problem)) []T {
	kept := all[:0]
	for i := range all {
		text, problem := tell(&all[i])
		if strings.Contains(text, mask.Redacted) {
			answer.Partial = append(answer.Partial, problem)
			continue
		}
		kept = append(kept, all[i])
	}
	return kept
}

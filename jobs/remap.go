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

// KeptJob is a succeeded or partial job whose responses are recorded in full.
type KeptJob struct {
	ID, RunID string
	Kind      string
	Question
	// AskedAt is when the request was sent.
	AskedAt time.Time
}

// Remapping selects the recorded responses to map again. Empty fields match all.
type Remapping struct {
	// Since (inclusive) and Until (exclusive) limit the response time.
	Since, Until time.Time
	RunID, JobID string
}

// remapParams are the params of remap. Without params all recorded responses are mapped again.
type remapParams struct {
	// Since is a time in RFC 3339: responses at that time or later.
	Since string `json:"since"`
	// Until is a time in RFC 3339: responses before that time.
	Until string `json:"until"`
	// RunID selects the responses of one run.
	RunID string `json:"run_id"`
	// JobID selects the responses of one job.
	JobID string `json:"job_id"`
}

// ReadRemapping decodes the params of remap: {"since": "2026-01-31T06:00:00Z", "until": …,
// "run_id": …, "job_id": …}.
func ReadRemapping(params []byte) (r Remapping, err error) {
	var p remapParams
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
			return r, Invalid(bound.name+" "+quote(bound.text)+" is not a time", `Write it like "2026-01-31T06:00:00Z".`)
		}
	}
	if !r.Until.IsZero() && !r.Since.Before(r.Until) {
		return r, Invalid("since must be before until", "Swap since and until.")
	}
	return r, nil
}

// planRemap plans one job per recorded job ([Remapping]), newest first: older responses cannot
// change an order that a newer response already set.
func planRemap(p Planning) ([]Question, error) {
	if _, err := ReadRemapping(p.Params); err != nil {
		return nil, err
	}
	var queries []Question
	for _, kept := range p.Kept {
		queries = append(queries, Question{Remaps: kept.ID})
	}
	return queries, nil
}

// Remap maps the recorded responses of a job again without sending requests. The orders are as of
// the time of the recorded request. Errors are not retried. An order or document with a redacted
// value becomes a problem: the value cannot be compared with the stored one.
func Remap(ctx context.Context, p clients.Provider, a clients.Account, job Job, kept KeptJob, exchanges []exchange.Exchange) (Outcome, error) {
	out := Outcome{Job: job, AskedAt: kept.AskedAt}
	answer, volatile, err := send(exchange.WithPlayback(ctx, exchanges), Kinds[kept.Kind], p, kept.Query(a))
	if err != nil && errors.Is(context.Cause(ctx), context.Canceled) {
		return Outcome{}, fmt.Errorf("job %s: %w", job.ID, context.Cause(ctx))
	}
	out.Volatile, out.FinishedAt = volatile, storedTime(time.Now())
	if err != nil {
		out.State, out.Err = Failed, clients.AsError(err)
		return out, nil
	}
	rejectLongIDs(&answer)
	rejectRedacted(&answer)
	out.setResult(answer)
	if out.Err != nil {
		out.Err.Hint = "The other orders and documents were mapped again; these are unchanged."
	}
	return out, nil
}

// rejectRedacted turns orders and documents with redacted values into problems.
func rejectRedacted(answer *clients.Answer) {
	redacted := func(text, before string, p clients.Problem) *clients.Problem {
		if !strings.Contains(text, mask.Redacted) {
			return nil
		}
		p.Message = before + "a value was redacted in the recorded response"
		return &p
	}
	answer.Orders = reject(answer, answer.Orders, func(o *clients.Order) *clients.Problem {
		return redacted(string(o.AppendJSON(nil)), "", clients.Problem{OrderID: o.OrderID, Reference: string(o.Reference)})
	})
	answer.Advices = reject(answer, answer.Advices, func(a *clients.Advice) *clients.Problem {
		return redacted(fmt.Sprintf("%+v", *a), "despatch advice "+a.AdviceID+": ", clients.Problem{})
	})
	answer.Invoices = reject(answer, answer.Invoices, func(i *clients.Invoice) *clients.Problem {
		return redacted(fmt.Sprintf("%+v", *i), "invoice "+i.Number+": ", clients.Problem{})
	})
}

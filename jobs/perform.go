package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"orderbeat/clients"
	"orderbeat/clients/exchange"
)

// Perform makes one attempt at a job and returns its outcome, including when to retry. ctx limits
// the time of the attempt. An order or document with an id longer than 128 bytes becomes a
// [clients.Problem] of a partial response. A panic in the provider is a failed attempt with its
// stack. The outcome has the HTTP exchanges as far as the policy allows recording. If ctx is
// cancelled, because the program stops or the caller disconnects, Perform returns an error that
// wraps [context.Canceled] and the attempt does not count.
func Perform(ctx context.Context, p clients.Provider, a clients.Account, job Job, retry clients.Retry) (Outcome, error) {
	out := Outcome{Job: job, AskedAt: storedTime(time.Now())}
	kind := Kinds[job.Kind]
	ctx, recording := exchange.Record(ctx)
	answer, volatile, err := send(ctx, kind, p, job.Query(a))
	out.Volatile = volatile
	out.Exchanges = recording.Exchanges()
	if err != nil && errors.Is(context.Cause(ctx), context.Canceled) {
		return Outcome{}, fmt.Errorf("job %s: %w", job.ID, context.Cause(ctx))
	}
	out.FinishedAt = storedTime(time.Now())
	rejectLongIDs(&answer)
	switch {
	case err != nil:
		out.Err = clients.AsError(err)
		out.Err.Hint = hint(out.Err, job)
		out.State, out.NextAt = nextState(out.Err, job, retry, out.FinishedAt)
		if out.Err.NotSent {
			out.Tried++
		}
	case len(answer.Partial) > 0:
		out.setResult(answer)
		out.Err.Hint = kind.Hint
		if kind.Request == nil {
			out.Err.Hint = "The readable orders were stored. The next run requests the others again."
		}
	default:
		out.setResult(answer)
	}
	return out, nil
}

// setResult stores the response in the outcome and sets its state to succeeded or partial.
func (o *Outcome) setResult(a clients.Answer) {
	o.Orders, o.Advices, o.Invoices = a.Orders, a.Advices, a.Invoices
	o.State = Succeeded
	if len(a.Partial) > 0 {
		o.State, o.Err = Partial, partial(a.Partial)
		counted := map[string]bool{}
		for _, p := range a.Partial {
			if !p.Unread {
				continue
			}
			o.Err.Code = clients.CodeBadResponse
			if p.OrderID == "" || !counted[p.OrderID] {
				counted[p.OrderID] = true
				o.Unread++
			}
		}
	}
}

// send sends a query to a provider. volatile is the provider's [clients.Traits.Volatile].
func send(ctx context.Context, kind Kind, p clients.Provider, q clients.Query) (answer clients.Answer, volatile []string, err error) {
	traits, err := clients.TraitsOf(p)
	if err != nil {
		return answer, nil, err
	}
	err = clients.Recover("request", func() (err error) {
		if kind.Request != nil {
			answer, err = kind.Request(ctx, p, q)
		} else {
			answer, err = p.Orders(ctx, q)
		}
		return err
	})
	return answer, traits.Volatile, err
}

// hint returns the hint of an error, with the location of the recorded response if there is one.
func hint(e *clients.Error, job Job) string {
	if e.Exchange == nil {
		return e.Hint
	}
	recorded := fmt.Sprintf("the response is recorded: select * from exchanges where job_id = '%s'", job.ID)
	if e.Hint == "" {
		return recorded
	}
	return e.Hint + "; " + recorded
}

// rejectLongIDs turns orders and documents whose ids are too long for a subject or a message id
// into problems.
func rejectLongIDs(answer *clients.Answer) {
	tooLong := func(id, what string, p clients.Problem) *clients.Problem {
		if len(id) <= maxNumberBytes {
			return nil
		}
		p.Message = fmt.Sprintf("%s is longer than %d bytes", what, maxNumberBytes)
		return &p
	}
	answer.Orders = reject(answer, answer.Orders, func(o *clients.Order) *clients.Problem {
		return tooLong(o.OrderID, "the order id", clients.Problem{OrderID: shorten(o.OrderID), Reference: shorten(string(o.Reference))})
	})
	answer.Advices = reject(answer, answer.Advices, func(a *clients.Advice) *clients.Problem {
		return tooLong(a.AdviceID, "the number of despatch advice "+shorten(a.AdviceID), clients.Problem{})
	})
	answer.Invoices = reject(answer, answer.Invoices, func(i *clients.Invoice) *clients.Problem {
		return tooLong(i.Number, "the number of invoice "+shorten(i.Number), clients.Problem{})
	})
}

// reject drops the entries of a list that have a problem, and adds the problems to answer.
func reject[T any](answer *clients.Answer, all []T, problem func(*T) *clients.Problem) []T {
	kept := all[:0]
	for i := range all {
		if p := problem(&all[i]); p != nil {
			answer.Partial = append(answer.Partial, *p)
			continue
		}
		kept = append(kept, all[i])
	}
	return kept
}

// partial returns an error with the first problems of a partial response.
func partial(problems []clients.Problem) *clients.Error {
	const limit = 5
	e := &clients.Error{Op: "request", Code: clients.CodeInvalid}
	for i, p := range problems {
		if i == limit {
			e.Message += fmt.Sprintf("; and %d more", len(problems)-limit)
			break
		}
		if i > 0 {
			e.Message += "; "
		}
		e.Message += orderPrefix(p) + p.Message
		if p.Code != "" {
			e.Message += " (code " + p.Code + ")"
		}
	}
	return e
}

// orderPrefix returns the order of a problem as a message prefix, "" if the order is unknown.
func orderPrefix(p clients.Problem) string {
	switch {
	case p.OrderID != "" && p.Reference != "":
		return "order " + p.OrderID + " (" + p.Reference + "): "
	case p.OrderID+p.Reference != "":
		return "order " + p.OrderID + p.Reference + ": "
	}
	return ""
}

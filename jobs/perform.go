package jobs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"orderbeat/clients"
	"orderbeat/clients/exchange"
)

// Perform asks the provider a job's question once and says what came of it,
// including when, if ever, to ask again. ctx bounds the asking. An order or a document
// whose id is longer than 128 bytes becomes a problem of a partial answer. A panic in the
// provider is a failed attempt with its stack. What went over the wire is in the outcome, as
// far as it may be kept. When ctx was cancelled, because the
// program stops or a caller left, Perform returns an error that wraps
// [context.Canceled] and nothing happened: the attempt does not count.
func Perform(ctx context.Context, p clients.Provider, a clients.Account, job Job, retry clients.Retry) (Outcome, error) {
	out := Outcome{Job: job, AskedAt: moment(time.Now())}
	kind := Kinds[job.Kind]
	ctx, recording := exchange.Record(ctx)
	answer, volatile, err := ask(ctx, kind, p, job.Query(a))
	out.Volatile = volatile
	out.Exchanges = recording.Exchanges()
	if err != nil && errors.Is(context.Cause(ctx), context.Canceled) {
		return Outcome{}, fmt.Errorf("job %s: %w", job.ID, context.Cause(ctx))
	}
	out.FinishedAt = moment(time.Now())
	setAside(&answer)
	switch {
	case err != nil:
		out.Err = clients.AsError(err)
		out.Err.Hint = hint(out.Err, job)
		out.State, out.NextAt = again(out.Err, job, retry, out.FinishedAt)
		if out.Err.NotSent {
			out.Tried++
		}
	case len(answer.Partial) > 0:
		out.keep(answer)
		out.Err.Hint = kind.Hint
		if kind.Ask == nil {
			out.Err.Hint = "what could be read was stored; the other orders are asked for again with the next run"
		}
	default:
		out.keep(answer)
	}
	return out, nil
}

// keep takes what was told, and succeeds at least in part.
func (o *Outcome) keep(a clients.Answer) {
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

// ask puts a question to a provider. volatile is its [clients.Traits.Volatile].
func ask(ctx context.Context, kind Kind, p clients.Provider, q clients.Query) (answer clients.Answer, volatile []string, err error) {
	traits, err := clients.TraitsOf(p)
	if err != nil {
		return answer, nil, err
	}
	err = clients.Recover("ask", func() (err error) {
		if kind.Ask != nil {
			answer, err = kind.Ask(ctx, p, q)
		} else {
			answer, err = p.Orders(ctx, q)
		}
		return err
	})
	return answer, traits.Volatile, err
}

// hint is an error's, and where to find an answer that could not be read.
func hint(e *clients.Error, job Job) string {
	if e.Exchange == nil {
		return e.Hint
	}
	kept := fmt.Sprintf("the answer is kept: select * from exchanges where job_id = '%s'", job.ID)
	if e.Hint == "" {
		return kept
	}
	return e.Hint + "; " + kept
}

// setAside turns orders and documents into problems whose ids nothing can carry: no
// subject, and no key of a message.
func setAside(answer *clients.Answer) {
	answer.Orders = carried(answer, answer.Orders, func(o *clients.Order) (string, clients.Problem) {
		return o.OrderID, clients.Problem{OrderID: shorten(o.OrderID), Reference: shorten(string(o.Reference)), Message: "the order id"}
	})
	answer.Advices = carried(answer, answer.Advices, func(a *clients.Advice) (string, clients.Problem) {
		return a.AdviceID, clients.Problem{Message: "the number of despatch advice " + shorten(a.AdviceID)}
	})
	answer.Invoices = carried(answer, answer.Invoices, func(i *clients.Invoice) (string, clients.Problem) {
		return i.Number, clients.Problem{Message: "the number of invoice " + shorten(i.Number)}
	})
}

// carried leaves out what has too long an id, and notes the problem. name tells the id,
// and the problem as far as it depends on what it is.
func carried[T any](answer *clients.Answer, all []T, name func(*T) (string, clients.Problem)) []T {
	endless := func(v T) bool {
		id, _ := name(&v)
		return len(id) > maxNumberBytes
	}
	if !slices.ContainsFunc(all, endless) {
		return all
	}
	var kept []T
	for _, v := range all {
		if !endless(v) {
			kept = append(kept, v)
			continue
		}
		_, p := name(&v)
		p.Message += fmt.Sprintf(" is longer than %d bytes", maxNumberBytes)
		answer.Partial = append(answer.Partial, p)
	}
	return kept
}

// partial tells about the first few of the problems that an answer came with.
func partial(problems []clients.Problem) *clients.Error {
	const most = 5
	e := &clients.Error{Op: "ask", Code: clients.CodeInvalid}
	for i, p := range problems {
		if i == most {
			e.Message += fmt.Sprintf("; and %d more", len(problems)-most)
			break
		}
		if i > 0 {
			e.Message += "; "
		}
		e.Message += named(p) + p.Message
		if p.Code != "" {
			e.Message += " (code " + p.Code + ")"
		}
	}
	return e
}

// named begins a text about a problem with the order it is about, if that is known.
func named(p clients.Problem) string {
	switch {
	case p.OrderID != "" && p.Reference != "":
		return "order " + p.OrderID + " (" + p.Reference + "): "
	case p.OrderID+p.Reference != "":
		return "order " + p.OrderID + p.Reference + ": "
	}
	return ""
}

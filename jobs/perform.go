package jobs

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"orderbeat/clients"
)

// Perform asks the provider a job's question once and says what came of it,
// including when, if ever, to ask again. ctx bounds the asking. A panic in the
// provider is a failed attempt with its stack. When ctx was cancelled, because the
// program stops or a caller left, Perform returns an error that wraps
// [context.Canceled] and nothing happened: the attempt does not count.
func Perform(ctx context.Context, p clients.Provider, a clients.Account, job Job, retry clients.Retry) (Outcome, error) {
	out := Outcome{Job: job, Volatile: p.Traits().Volatile, AskedAt: time.Now()}
	answer, err := ask(ctx, p, job.Query(a))
	if err != nil && errors.Is(context.Cause(ctx), context.Canceled) {
		return Outcome{}, fmt.Errorf("job %s: %w", job.ID, context.Cause(ctx))
	}
	out.FinishedAt = time.Now()
	switch {
	case err != nil:
		out.Err = clients.AsError(err)
		out.State, out.NextAt = again(out.Err, job, retry, out.FinishedAt)
	case len(answer.Partial) > 0:
		out.Orders, out.State, out.Err = answer.Orders, Partial, partial(answer.Partial)
	default:
		out.Orders, out.State = answer.Orders, Succeeded
	}
	return out, nil
}

func ask(ctx context.Context, p clients.Provider, q clients.Query) (answer clients.Answer, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &clients.Error{Op: "ask", Code: clients.CodeInternal, Message: fmt.Sprintf("panic: %v\n%s", r, debug.Stack())}
		}
	}()
	return p.Orders(ctx, q)
}

// partial tells about the first few of the orders that came with an error.
func partial(problems []clients.Problem) *clients.Error {
	const most = 5
	e := &clients.Error{Op: "ask", Code: clients.CodeInvalid, Hint: "what could be read was stored; the other orders are asked for again with the next run"}
	for i, p := range problems {
		if i == most {
			e.Message += fmt.Sprintf("; and %d more", len(problems)-most)
			break
		}
		if i > 0 {
			e.Message += "; "
		}
		if name := p.OrderID + p.Reference; name != "" {
			e.Message += "order " + name + ": "
		}
		e.Message += p.Message
		if p.Code != "" {
			e.Message += " (code " + p.Code + ")"
		}
	}
	return e
}

package httpapi

import (
	"context"
	"errors"

	"orderbeat/auth/endpoint"

	"orderbeat/clients"
	"orderbeat/clients/exchange"
)

// guard makes a call if the breaker allows it. ask returns errors like [HTTP.Do]. Checks and playback
// bypass the breaker.
func (h *HTTP) guard(ctx context.Context, c Call, ask func() error) error {
	if c.Check || exchange.IsPlayback(ctx) {
		return ask()
	}
	leave, refused := h.base.breaker.acquire(c.Account)
	if refused != nil {
		return h.failure(ctx, c.Op, 0, refused)
	}
	came, last := errUnsure, (*clients.Error)(nil) // if ask panics
	defer func() { leave(came, last) }()
	err := ask()
	last, came = outcomeOf(ctx, err)
	return err
}

// outcomeOf returns a call's failure and its outcome for the breaker. Token errors, which have a cooldown
// of their own, and cancelled calls say nothing about the API.
func outcomeOf(ctx context.Context, err error) (failure *clients.Error, came error) {
	if err == nil {
		return nil, nil
	}
	e, ok := errors.AsType[*clients.Error](err)
	if !ok || e.NotSent || ctx.Err() != nil {
		return nil, errUnsure
	}
	if _, token := errors.AsType[*endpoint.Error](err); token {
		return nil, errUnsure
	}
	if e.Code == clients.CodeUnavailable {
		return e, errDown
	}
	return nil, nil
}

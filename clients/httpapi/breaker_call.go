package httpapi

import (
	"context"
	"errors"

	"orderbeat/auth/endpoint"

	"orderbeat/clients"
	"orderbeat/clients/exchange"
)

// guard makes a call if the breaker lets it pass. ask returns errors like [HTTP.Do]. Playback sends
// nothing and says nothing about the provider.
func (h *HTTP) guard(ctx context.Context, c Call, ask func() error) error {
	if c.Check || exchange.IsPlayback(ctx) {
		return ask()
	}
	leave, refused := h.base.breaker.admit(c.Account)
	if refused != nil {
		return h.failure(ctx, c.Op, 0, refused)
	}
	came, last := errUnsure, (*clients.Error)(nil) // if ask panics
	defer func() { leave(came, last) }()
	err := ask()
	last, came = meaning(ctx, err)
	return err
}

// meaning is the outcome of a call, and its failure. A token endpoint has a cooldown of its own, and
// a cancelled call did not give the provider its time.
func meaning(ctx context.Context, err error) (failure *clients.Error, came error) {
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

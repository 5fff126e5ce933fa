package clients

import (
	"context"
	"errors"
	"time"

	"orderbeat/auth"
)

// guard makes a call if the breaker lets it pass. ask's error is as [HTTP.Do] returns it.
// What is played back asks nobody, and says nothing of the provider.
func (h *HTTP) guard(ctx context.Context, c Call, ask func() error) error {
	if c.Check || PlaysBack(ctx) {
		return ask()
	}
	leave, refused := h.base.breaker.admit(c.Account)
	if refused != nil {
		return h.failure(ctx, c.Op, 0, refused)
	}
	wait, came := time.Duration(0), errUnsure // should ask panic
	defer func() { leave(came, wait) }()
	err := ask()
	wait, came = meaning(ctx, err)
	return err
}

// meaning is how long a call was told to wait, and what its end says. A token endpoint
// that is down has a cooldown of its own, and who leaves early did not give the provider
// its time.
func meaning(ctx context.Context, err error) (wait time.Duration, came error) {
	if err == nil {
		return 0, nil
	}
	e, ok := errors.AsType[*Error](err)
	if !ok || e.NotSent || ctx.Err() != nil {
		return 0, errUnsure
	}
	if _, token := errors.AsType[*auth.Error](err); token {
		return 0, errUnsure
	}
	if e.Code == CodeUnavailable {
		return e.After, errDown
	}
	return 0, nil
}

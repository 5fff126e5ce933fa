package jobs

import (
	"context"

	"orderbeat/clients"
)

// planCheck plans one credential check per account. It has no params.
func planCheck(p Planning) ([]Question, error) {
	if err := decodeParams(p.Params, &struct{}{}, "none"); err != nil {
		return nil, err
	}
	return []Question{{}}, nil
}

// check verifies the account's credentials with the provider ([clients.Checker]). It requests
// no orders.
func check(ctx context.Context, p clients.Provider, q clients.Query) (clients.Answer, error) {
	c, ok := p.(clients.Checker)
	if !ok {
		return clients.Answer{}, &clients.Error{Op: "check", Code: clients.CodeInvalid, Message: "the provider does not support credential checks"}
	}
	problems, err := c.Check(ctx, q.Account)
	return clients.Answer{Partial: problems}, err
}

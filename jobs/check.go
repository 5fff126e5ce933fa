package jobs

import (
	"context"

	"orderbeat/clients"
)

// planCheck asks whether an account's credentials work. It has no params.
func planCheck(p Planning) ([]Question, error) {
	if err := decodeParams(p.Params, &struct{}{}, "none"); err != nil {
		return nil, err
	}
	return []Question{{}}, nil
}

// check has the provider prove the account's credentials. It asks for no order, so
// that an answer without any is a proof.
func check(ctx context.Context, p clients.Provider, q clients.Query) (clients.Answer, error) {
	c, ok := p.(clients.Checker)
	if !ok {
		return clients.Answer{}, &clients.Error{Op: "check", Code: clients.CodeInvalid, Message: "nothing of this provider can be checked"}
	}
	problems, err := c.Check(ctx, q.Account)
	return clients.Answer{Partial: problems}, err
}

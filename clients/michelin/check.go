package michelin

import (
	"context"

	"orderbeat/clients"
)

// Check implements [clients.Checker] with an access token, and with what
// introspection says of it. That is a hint only: the portal page calls it optional,
// and authorization servers have called tokens inactive that worked. The API itself
// cannot be reached without asking for orders.
func (c *Client) Check(ctx context.Context, _ clients.Account) ([]clients.Problem, error) {
	if c.basic {
		return nil, &clients.Error{
			Provider: c.name, Op: "check", Code: clients.CodeInvalid, Message: "nothing can be checked without asking for orders",
			Hint: `scheme "basic_apikey" has no tokens: run a sync over one day instead`,
		}
	}
	if err := c.http.Token(ctx, "check"); err != nil {
		return nil, err
	}
	if told, err := c.source.Introspect(ctx); err == nil && !told.Active {
		return []clients.Problem{{
			Code: "inactive", Message: "a token was granted, but introspection says that it is not active; a call tells, and renews it",
		}}, nil
	}
	return nil, nil
}

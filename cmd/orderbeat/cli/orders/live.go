package orders

import (
	"context"
	"errors"
	"fmt"
	"time"

	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/db/orders"
	"orderbeat/worker/api"
)

// liveReply is the result of a request to the provider.
type liveReply struct {
	// Source is "live", or "stored" if the provider does not list the order any more. Absent with an
	// error.
	Source string     `json:"source,omitempty"`
	Error  *api.Error `json:"error,omitempty"`
}

// requestLive has the running worker request an order from the provider and store it. If the provider
// does not respond and the order is stored, the error is nil and the reply has the reason.
func requestLive(ctx context.Context, a *cli.App, o orderOptions, stored []orders.StoredOrder) (reply liveReply, err error) {
	request := api.GetOrder{Provider: o.provider, Account: o.account, OrderID: o.name, MaxAge: "0s"}
	switch {
	case len(stored) > 0:
		request.Provider, request.Account, request.OrderID = stored[0].Provider, stored[0].Account, stored[0].OrderID
	case o.provider == "" || o.account == "":
		return reply, cli.Misuse("order %q is not stored; to request it from a provider, give --provider and --account", o.name)
	}
	w, err := a.DialWorker()
	if err == nil {
		defer w.Close()
		reply.Source, err = getOrder(ctx, w, request, o.timeout)
		if e, ok := errors.AsType[*api.Error](err); ok && e.Code == "not_found" && len(stored) == 0 {
			request.OrderID, request.Reference = "", o.name
			reply.Source, err = getOrder(ctx, w, request, o.timeout)
		}
		w.PrintWorker(a.Stderr)
	}
	if ctx.Err() != nil || err != nil && len(stored) == 0 {
		return reply, err
	}
	switch {
	case err != nil:
		e, ok := errors.AsType[*api.Error](err)
		if !ok {
			e = &api.Error{Code: "unavailable", Message: err.Error()}
		}
		reply.Error = e
		fmt.Fprintf(a.Stderr, "no live state: %s\nshown as stored\n", cli.Plain(e.Error()))
	case reply.Source == "stored":
		fmt.Fprintln(a.Stderr, "the provider does not list the order any more; shown as stored")
	}
	return reply, nil
}

// getOrder requests an order. timeout is the deadline for the worker.
func getOrder(ctx context.Context, w *cli.Client, request api.GetOrder, timeout time.Duration) (source string, err error) {
	const transit = 5 * time.Second
	var reply api.Order
	w.SetDeadline(timeout)
	err = w.Request(ctx, timeout+transit, "orders.get", request, &reply)
	return reply.Source, err
}

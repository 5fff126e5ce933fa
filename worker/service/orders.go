package service

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"orderbeat/clients"
	"orderbeat/db/orders"
	"orderbeat/jobs"
	"orderbeat/worker/api"
)

// orderReply returns an encoded [api.Order]. The stored document is copied as it is: encoding it again takes
// longer than reading it from the database.
func orderReply(o orders.OrderText, source string) (encoded, error) {
	const head = `{"order":`
	frame, err := json.Marshal(api.Order{
		Order: json.RawMessage("0"), Revision: o.Revision, Source: source, ObservedAt: o.LastSeenAt, NotFoundSince: o.NotFoundSince,
	})
	if err != nil {
		return nil, err
	}
	return slices.Concat(encoded(head), encoded(o.Document), encoded(frame[len(head+"0"):])), nil
}

// getOrder replies with the stored order if it is recent enough, and otherwise requests it from the
// provider.
func (s *Service) getOrder(ctx context.Context, r *request, q api.GetOrder) (any, error) {
	recentEnough, err := s.checkGetOrder(q)
	if err != nil {
		return nil, err
	}
	if err := s.reserve(ctx, r); err != nil { // an order can be as large as a page of orders
		return nil, err
	}
	stored, found, err := s.find(ctx, &q)
	if err != nil {
		return nil, err
	}
	if found && recentEnough(stored.LastSeenAt) {
		return orderReply(stored, "stored")
	}
	if r.follower {
		return nil, errLeader
	}
	if q.Account == "" {
		return nil, notFound("the order is not stored", "Set account to request it from the provider.")
	}
	requested := time.Now()
	r.free() // do not hold the memory during the provider call
	if err := s.requestLive(ctx, q, r.Header.Get("traceparent")); err != nil {
		return nil, err
	}
	if err := s.reserve(ctx, r); err != nil {
		return nil, err
	}
	if stored, found, err = s.find(ctx, &q); err != nil {
		return nil, err
	}
	if !found {
		return nil, notFound("neither the database nor the provider has the order", "")
	}
	source := "live"
	if stored.LastSeenAt.Before(requested.Truncate(time.Millisecond)) {
		source = "stored" // the provider no longer lists it
	}
	return orderReply(stored, source)
}

// checkGetOrder validates a request, and returns a function that checks an order's age.
func (s *Service) checkGetOrder(q api.GetOrder) (recentEnough func(seen time.Time) bool, err error) {
	if q.Provider == "" {
		return nil, invalid("provider is required", "providers.list lists the names.")
	}
	if err := s.checkNames(q.Provider, q.Account); err != nil {
		return nil, err
	}
	if (q.OrderID == "") == (q.Reference == "") {
		return nil, invalid("exactly one of order_id and reference is required", "order_id is the provider's number, reference the customer's.")
	}
	if q.MaxAge == "" {
		return func(time.Time) bool { return true }, nil
	}
	maxAge, err := jobs.ParseDuration(q.MaxAge)
	if err != nil || maxAge < 0 {
		return nil, invalid(fmt.Sprintf("max_age %.40q is not a duration", q.MaxAge), `Write it like "15m", or "0s" to always request the order from the provider.`)
	}
	return func(seen time.Time) bool { return maxAge > 0 && time.Since(seen) <= maxAge }, nil
}

// find looks up the order, and sets the account and order_id of the request. If a reference
// matches several orders, it returns an error.
func (s *Service) find(ctx context.Context, q *api.GetOrder) (orders.OrderText, bool, error) {
	if q.Account != "" && q.OrderID != "" {
		return s.DB.OrderText(ctx, q.Provider, q.Account, q.OrderID)
	}
	const enough = 10
	found, _, err := s.DB.Orders(ctx, orders.OrderFilter{
		Provider: q.Provider, Account: q.Account, OrderID: q.OrderID, Reference: q.Reference, Limit: enough,
	})
	switch {
	case err != nil || len(found) == 0:
		return orders.OrderText{}, false, err
	case len(found) == 1:
		q.Account, q.OrderID, q.Reference = found[0].Account, found[0].OrderID, ""
		return s.DB.OrderText(ctx, q.Provider, q.Account, q.OrderID)
	}
	names := make([]string, len(found))
	for i, o := range found {
		names[i] = o.Account + "/" + o.OrderID
	}
	return orders.OrderText{}, false, &api.Error{
		Status: 409, Code: clients.CodeInvalid,
		Message: "several orders match: " + strings.Join(names, ", "), Hint: "Set account and order_id.",
	}
}

// requestLive requests one order from the provider: a run with one job and one attempt, within
// the caller's deadline, stored like any other.
func (s *Service) requestLive(ctx context.Context, q api.GetOrder, traceparent string) error {
	params := map[string][]string{"order_ids": {q.OrderID}}
	if q.OrderID == "" {
		params = map[string][]string{"references": {q.Reference}}
	}
	body, err := json.Marshal(params)
	if err != nil {
		return err
	}
	return s.Live(ctx, jobs.Request{
		Provider: q.Provider, Kind: "fetch", Accounts: []string{q.Account}, Params: body, Trigger: "live", Traceparent: traceparent,
	})
}

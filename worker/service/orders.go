package service

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"orderbeat/clients"
	"orderbeat/db"
	"orderbeat/jobs"
	"orderbeat/worker/api"
)

func orderReply(o db.StoredOrder, source string) api.Order {
	return api.Order{Order: o.Order, Revision: o.Revision, Source: source, ObservedAt: o.LastSeenAt, NotFoundSince: o.NotFoundSince}
}

// getOrder answers from the database what is young enough, and asks the provider
// for the rest.
func (s *Service) getOrder(ctx context.Context, r *request, q api.GetOrder) (any, error) {
	youngEnough, err := s.checkQuestion(q)
	if err != nil {
		return nil, err
	}
	if err := s.reserve(ctx, r); err != nil { // an order can be as large as a page of them
		return nil, err
	}
	stored, found, err := s.find(ctx, q)
	if err != nil {
		return nil, err
	}
	if found && youngEnough(stored.LastSeenAt) {
		return orderReply(stored, "stored"), nil
	}
	if found {
		q.Account, q.OrderID, q.Reference = stored.Account, stored.OrderID, ""
	}
	if q.Account == "" {
		return nil, notFound("the order is not stored", "name an account to have its supplier asked")
	}
	asked := time.Now()
	r.free() // while the provider is asked
	if err := s.askLive(ctx, q, r.Header.Get("traceparent")); err != nil {
		return nil, err
	}
	if err := s.reserve(ctx, r); err != nil {
		return nil, err
	}
	if stored, found, err = s.find(ctx, q); err != nil {
		return nil, err
	}
	if !found {
		return nil, notFound("neither the database nor the supplier knows the order", "")
	}
	source := "live"
	if stored.LastSeenAt.Before(asked.Truncate(time.Millisecond)) {
		source = "stored" // the supplier no longer lists it
	}
	return orderReply(stored, source), nil
}

// checkQuestion refuses what cannot be answered, and returns the test of age.
func (s *Service) checkQuestion(q api.GetOrder) (youngEnough func(seen time.Time) bool, err error) {
	if q.Provider == "" {
		return nil, invalid("give a provider", "providers.list has the names")
	}
	if err := s.checkNames(q.Provider, q.Account); err != nil {
		return nil, err
	}
	if (q.OrderID == "") == (q.Reference == "") {
		return nil, invalid("give one of order_id and reference", "order_id is the supplier's number, reference the customer's")
	}
	if q.MaxAge == "" {
		return func(time.Time) bool { return true }, nil
	}
	maxAge, err := jobs.ParseDuration(q.MaxAge)
	if err != nil || maxAge < 0 {
		return nil, invalid(fmt.Sprintf("max_age %.40q is not a length of time", q.MaxAge), `write it like "15m", or "0s" to ask always`)
	}
	return func(seen time.Time) bool { return maxAge > 0 && time.Since(seen) <= maxAge }, nil
}

// find looks the order up. A reference may name several orders; then nobody can
// tell which one was meant.
func (s *Service) find(ctx context.Context, q api.GetOrder) (db.StoredOrder, bool, error) {
	if q.Account != "" && q.OrderID != "" {
		return s.DB.Order(ctx, q.Provider, q.Account, q.OrderID)
	}
	const enough = 10
	found, _, err := s.DB.Orders(ctx, db.OrderFilter{
		Provider: q.Provider, Account: q.Account, OrderID: q.OrderID, Reference: q.Reference, Limit: enough,
	})
	switch {
	case err != nil || len(found) == 0:
		return db.StoredOrder{}, false, err
	case len(found) == 1:
		return found[0], true, nil
	}
	names := make([]string, len(found))
	for i, o := range found {
		names[i] = o.Account + "/" + o.OrderID
	}
	return db.StoredOrder{}, false, &api.Error{
		Status: 409, Code: clients.CodeInvalid,
		Message: "several orders match: " + strings.Join(names, ", "), Hint: "name account and order_id",
	}
}

// askLive asks the provider for one order, in line: a run with one job that is
// tried once, within the caller's deadline, and kept like every other.
func (s *Service) askLive(ctx context.Context, q api.GetOrder, traceparent string) error {
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

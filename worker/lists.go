package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"orderbeat/clients"
	"orderbeat/db"
)

// listOrders pages through the stored orders. A page ends where the reply would
// become larger than the server takes.
func (s *service) listOrders(ctx context.Context, r *request) (any, error) {
	var q struct {
		Provider     string `json:"provider"`
		Account      string `json:"account"`
		Status       string `json:"status"`
		ChangedSince string `json:"changed_since"`
		Reference    string `json:"reference"`
		Limit        int    `json:"limit"`
		Cursor       string `json:"cursor"`
	}
	if err := r.decode(&q); err != nil {
		return nil, err
	}
	if err := s.checkNames(q.Provider, q.Account); err != nil {
		return nil, err
	}
	limit, err := pageSize(q.Limit)
	if err != nil {
		return nil, err
	}
	if q.Status != "" && !slices.Contains(clients.Statuses, clients.Status(q.Status)) {
		return nil, invalid(fmt.Sprintf("status %.40q is none", q.Status), fmt.Sprintf("the statuses are %v", clients.Statuses))
	}
	filter := db.OrderFilter{
		Provider: q.Provider, Account: q.Account, Status: clients.Status(q.Status),
		Reference: q.Reference, Limit: limit, Cursor: q.Cursor,
	}
	if q.ChangedSince != "" {
		since, err := time.Parse(time.RFC3339, q.ChangedSince)
		if err != nil {
			return nil, invalid(fmt.Sprintf("changed_since %.40q is not a time", q.ChangedSince), `write it like "2026-01-31T06:00:00Z"`)
		}
		filter.ChangedSince = since
	}
	orders, cursor, err := s.db.Orders(ctx, filter)
	for err == nil && len(orders) > 1 && !s.fits(orders) {
		filter.Limit = len(orders) / 2
		orders, cursor, err = s.db.Orders(ctx, filter)
	}
	if errors.Is(err, db.ErrCursor) {
		return nil, invalid(err.Error(), "pass on the cursor of the page before, with the same filter")
	}
	if err != nil {
		return nil, err
	}
	return map[string]any{"orders": s.listed(orders), "cursor": cursor}, nil
}

// listedOrder is an order as a list tells it: without its lines where these alone
// are more than a message takes.
type listedOrder struct {
	db.StoredOrder
	Truncated bool `json:"truncated,omitempty"`
}

func (s *service) listed(orders []db.StoredOrder) []listedOrder {
	list := make([]listedOrder, len(orders))
	for i, o := range orders {
		list[i].StoredOrder = o
	}
	if len(list) == 1 && !s.fits(list) {
		list[0].Lines, list[0].Truncated = nil, true
	}
	return list
}

// orderHistory tells an order's events, oldest first.
func (s *service) orderHistory(ctx context.Context, r *request) (any, error) {
	var q struct {
		Provider string `json:"provider"`
		Account  string `json:"account"`
		OrderID  string `json:"order_id"`
		After    int    `json:"after"` // revision
		Limit    int    `json:"limit"`
	}
	if err := r.decode(&q); err != nil {
		return nil, err
	}
	if q.Provider == "" || q.Account == "" || q.OrderID == "" {
		return nil, invalid("give provider, account and order_id", "")
	}
	limit, err := pageSize(q.Limit)
	if err != nil {
		return nil, err
	}
	events, err := s.db.History(ctx, q.Provider, q.Account, q.OrderID, q.After, limit)
	for err == nil && len(events) > 1 && !s.fits(events) {
		events = events[:len(events)/2]
	}
	if err != nil {
		return nil, err
	}
	if len(events) == 0 && q.After == 0 {
		return nil, notFound("the order is not stored", "orders.list has what is")
	}
	list := make([]listedEvent, len(events))
	for i, e := range events {
		list[i].Event = e
	}
	if len(list) == 1 && !s.fits(list) {
		list[0].Order, list[0].Truncated = nil, true
	}
	return map[string]any{"events": list}, nil
}

// listedEvent is an event of a history, without its order where that alone is more
// than a message takes.
type listedEvent struct {
	db.Event
	Truncated bool `json:"truncated,omitempty"`
}

// pageSize is how many rows a caller gets at once.
func pageSize(asked int) (int, error) {
	const usual, most = 100, 1000
	switch {
	case asked < 0:
		return 0, invalid(fmt.Sprintf("limit %d is less than nothing", asked), "leave it out for 100")
	case asked == 0:
		return usual, nil
	default:
		return min(asked, most), nil
	}
}

// fits reports whether v is small enough to be answered in one message.
func (s *service) fits(v any) bool {
	body, err := json.Marshal(v)
	return err == nil && int64(len(body)) < s.maxReply()
}

// orEmpty makes "none" an empty JSON array.
func orEmpty[T any](all []T) []T {
	if all == nil {
		return []T{}
	}
	return all
}

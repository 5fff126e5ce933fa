package worker

import (
	"context"
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
	page, err := s.newPage(ctx, r, limit)
	if err != nil {
		return nil, err
	}
	last, err := fill(page, s.db.EachOrder(ctx, filter), func(o db.StoredOrder) any {
		o.Lines = nil
		return listedOrder{o, true}
	})
	if errors.Is(err, db.ErrCursor) {
		return nil, invalid(err.Error(), "pass on the cursor of the page before, with the same filter")
	}
	if err != nil {
		return nil, err
	}
	cursor := ""
	if page.More {
		cursor = filter.CursorAfter(&last)
	}
	return map[string]any{"orders": page.Rows, "cursor": cursor}, nil
}

// listedOrder is an order without its lines, because it alone is larger than a reply.
type listedOrder struct {
	db.StoredOrder
	Truncated bool `json:"truncated"`
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
	page, err := s.newPage(ctx, r, limit)
	if err != nil {
		return nil, err
	}
	_, err = fill(page, s.db.EachEvent(ctx, q.Provider, q.Account, q.OrderID, q.After, limit+1), func(e db.Event) any {
		e.Order = nil
		if size := len(e.Changes) + len(e.DespatchAdvice) + len(e.Invoice); int64(size) > s.maxReply()/2 {
			e.Changes, e.DespatchAdvice, e.Invoice = nil, nil, nil
		}
		return listedEvent{e, true}
	})
	if err != nil {
		return nil, err
	}
	if len(page.Rows) == 0 && q.After == 0 {
		return nil, notFound("the order is not stored", "orders.list has what is")
	}
	return map[string]any{"events": page.Rows, "more": page.More}, nil
}

// listedEvent is an event without its order, because it alone is larger than a reply, and
// without its changes and documents where these are too large as well.
type listedEvent struct {
	db.Event
	Truncated bool `json:"truncated"`
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

// orEmpty makes "none" an empty JSON array.
func orEmpty[T any](all []T) []T {
	if all == nil {
		return []T{}
	}
	return all
}

package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"

	"orderbeat/clients"
	"orderbeat/db/orders"
	"orderbeat/db/outbox"
	"orderbeat/db/runs"
	"orderbeat/jobs"
	"orderbeat/worker/api"
)

// truncated marks a row that would not fit into a reply and is returned without its largest members.
var truncated = api.Truncated{Truncated: true}

func (s *Service) listOrders(ctx context.Context, r *request, q api.ListOrders) (any, error) {
	if err := s.checkNames(q.Provider, q.Account); err != nil {
		return nil, err
	}
	if err := oneOf("status", q.Status, clients.Statuses); err != nil {
		return nil, err
	}
	since, err := timeOf("changed_since", q.ChangedSince)
	if err != nil {
		return nil, err
	}
	filter := orders.OrderFilter{
		Provider: q.Provider, Account: q.Account, Status: clients.Status(q.Status), Reference: q.Reference, ChangedSince: since, Cursor: q.Cursor,
	}
	short := func(o orders.StoredOrder) any {
		o.Lines = nil
		return api.ListedOrder{StoredOrder: o, Truncated: truncated}
	}
	reply, err := list(ctx, s, r, "orders", q.Limit, func(limit int) iter.Seq2[orders.StoredOrder, error] {
		filter.Limit = limit
		return s.DB.EachOrder(ctx, filter)
	}, short, func(last orders.StoredOrder) string { return filter.CursorAfter(&last) })
	if errors.Is(err, orders.ErrCursor) {
		return nil, invalid(err.Error(), "Use the cursor of the previous page with the same filter.")
	}
	return reply, err
}

func (s *Service) listRuns(ctx context.Context, r *request, q api.ListRuns) (any, error) {
	if err := oneOf("state", q.State, jobs.ListedRunStates); err != nil {
		return nil, err
	}
	short := func(run jobs.Run) any {
		run.Params, run.Accounts = nil, nil
		return api.ListedRun{Run: run, Truncated: truncated}
	}
	return list(ctx, s, r, "runs", q.Limit, func(limit int) iter.Seq2[jobs.Run, error] {
		return s.DB.EachRun(ctx, runs.RunFilter{Provider: q.Provider, Kind: q.Kind, State: jobs.State(q.State), Limit: limit + 1, Before: q.Cursor})
	}, short, func(last jobs.Run) string { return last.ID })
}

func (s *Service) listJobs(ctx context.Context, r *request, q api.ListJobs) (any, error) {
	if err := oneOf("state", q.State, jobs.JobStates); err != nil {
		return nil, err
	}
	short := func(j runs.JobRow) any {
		j.Question = jobs.Question{}
		return api.ListedJob{JobRow: j, Truncated: truncated}
	}
	return list(ctx, s, r, "jobs", q.Limit, func(limit int) iter.Seq2[runs.JobRow, error] {
		return s.DB.EachJob(ctx, runs.JobFilter{
			Provider: q.Provider, Account: q.Account, Kind: q.Kind, State: jobs.State(q.State), Limit: limit + 1, Before: q.Cursor,
		})
	}, short, func(last runs.JobRow) string { return last.JobID })
}

// orderHistory lists an order's events, oldest first.
func (s *Service) orderHistory(ctx context.Context, r *request, q api.OrderHistory) (any, error) {
	if q.Provider == "" || q.Account == "" || q.OrderID == "" {
		return nil, invalid("provider, account and order_id are required", "")
	}
	short := func(e outbox.Event) any {
		e.Order = nil
		if size := len(e.Changes) + len(e.DespatchAdvice) + len(e.Invoice); int64(size) > s.maxReply()/2 {
			e.Changes, e.DespatchAdvice, e.Invoice = nil, nil, nil
		}
		return api.ListedEvent{Event: e, Truncated: truncated}
	}
	page, _, err := readPage(ctx, s, r, q.Limit, func(limit int) iter.Seq2[outbox.Event, error] {
		return s.DB.EachEvent(ctx, q.Provider, q.Account, q.OrderID, q.After, limit+1)
	}, short)
	if err != nil {
		return nil, err
	}
	if len(page.rows) == 0 && q.After == 0 {
		return nil, notFound("the order is not stored", "orders.list lists stored orders.")
	}
	return map[string]any{"events": page.rows, "more": page.more}, nil
}

// list replies with a page of rows under a name, and the cursor of the next page.
func list[T any](ctx context.Context, s *Service, r *request, name string, limit int, rows func(limit int) iter.Seq2[T, error], short func(T) any, cursor func(last T) string) (any, error) {
	page, last, err := readPage(ctx, s, r, limit, rows, short)
	if err != nil {
		return nil, err
	}
	next := ""
	if page.more {
		next = cursor(last)
	}
	return map[string]any{name: page.rows, "cursor": next}, nil
}

// pageFrame bounds the size of a page without its rows (the member names and a cursor), in bytes.
const pageFrame = 4096

// listPage has the rows of a page, as JSON. It ends at the limit, or when the reply would exceed
// what the server accepts.
type listPage struct {
	rows []json.RawMessage
	more bool // there are more rows
}

// readPage reads the rows of a page, and also returns the last row. rows must read at least one row more
// than its limit. If the first row does not fit into a reply, short shortens it.
func readPage[T any](ctx context.Context, s *Service, r *request, limit int, rows func(limit int) iter.Seq2[T, error], short func(T) any) (p listPage, last T, err error) {
	if limit, err = pageSize(limit); err != nil {
		return p, last, err
	}
	if err := s.reserve(ctx, r); err != nil {
		return p, last, err
	}
	p.rows = []json.RawMessage{}
	room := s.maxReply() - pageFrame
	for row, err := range rows(limit) {
		if err != nil {
			return p, last, err
		}
		if p.more = len(p.rows) == limit; p.more {
			break
		}
		text, err := json.Marshal(row)
		if err == nil && int64(len(text)) >= room && len(p.rows) == 0 {
			text, err = json.Marshal(short(row))
		}
		if err != nil {
			return p, last, err
		}
		if p.more = int64(len(text)) >= room && len(p.rows) > 0; p.more {
			break
		}
		p.rows, room, last = append(p.rows, text), room-int64(len(text))-1, row
	}
	return p, last, nil
}

// pageSize returns the number of rows of a page for the requested limit.
func pageSize(requested int) (int, error) {
	const usual, most = 100, 1000
	switch {
	case requested < 0:
		return 0, invalid(fmt.Sprintf("limit must not be negative, got %d", requested), "Omit it for 100.")
	case requested == 0:
		return usual, nil
	default:
		return min(requested, most), nil
	}
}

// replyMemory bounds the memory of all list replies, in bytes.
const replyMemory = 64 << 20

// reserve waits until there is memory for a reply of the maximum size. It is released when the reply is
// sent.
func (s *Service) reserve(ctx context.Context, r *request) error {
	n := min(s.maxReply(), replyMemory)
	if err := s.memory.Acquire(ctx, n); err != nil {
		return err
	}
	r.reserved = func() { s.memory.Release(n) }
	return nil
}

package worker

import (
	"context"
	"encoding/json"
	"iter"

	"golang.org/x/sync/semaphore"
)

const (
	// replyMemory bounds what the replies of lists hold together, in bytes as they are sent.
	replyMemory = 64 << 20
	// pageFrame is what a page needs beside its rows: the names, and a cursor.
	pageFrame = 4096
)

// listPage collects the rows of a list, as JSON, while they are read. It ends at limit rows, or
// where the reply would become larger than the server takes.
type listPage struct {
	Rows  []json.RawMessage
	More  bool // there are rows behind the last one
	limit int
	room  int64
}

// fill reads rows into a page. A first row that is larger than a reply is made smaller by
// shorten. It returns the last row that is on the page.
func fill[T any](p *listPage, rows iter.Seq2[T, error], shorten func(T) any) (last T, err error) {
	for row, err := range rows {
		if err != nil {
			return last, err
		}
		if p.More = len(p.Rows) == p.limit; p.More {
			return last, nil
		}
		text, err := json.Marshal(row)
		if err == nil && int64(len(text)) >= p.room && len(p.Rows) == 0 {
			text, err = json.Marshal(shorten(row))
		}
		if err != nil {
			return last, err
		}
		if p.More = int64(len(text)) >= p.room && len(p.Rows) > 0; p.More {
			return last, nil
		}
		p.Rows, p.room, last = append(p.Rows, text), p.room-int64(len(text))-1, row
	}
	return last, nil
}

// newPage is an empty page for a request, whose reply is counted from here on.
func (s *service) newPage(ctx context.Context, r *request, limit int) (*listPage, error) {
	if err := s.reserve(ctx, r); err != nil {
		return nil, err
	}
	return &listPage{Rows: []json.RawMessage{}, limit: limit, room: s.maxReply() - pageFrame}, nil
}

// reserve waits until there is memory for a reply of the largest size. It is free again
// when the reply was sent.
func (s *service) reserve(ctx context.Context, r *request) error {
	n := min(s.maxReply(), replyMemory)
	if err := s.memory.Acquire(ctx, n); err != nil {
		return err
	}
	r.reserved = func() { s.memory.Release(n) }
	return nil
}

// newReplyMemory is what requests reserve of.
func newReplyMemory() *semaphore.Weighted { return semaphore.NewWeighted(replyMemory) }

package sqlite

import (
	"context"
	"database/sql"
	"sync"
)

// Statement is a query that is prepared once per connection of a pool. It is safe for concurrent use and
// closed with the pool.
type Statement struct {
	pool  *sql.DB
	query string

	mu       sync.Mutex // guards prepared
	prepared statement
}

// NewStatement returns a statement that is prepared on first use.
func NewStatement(pool *sql.DB, query string) *Statement {
	return &Statement{pool: pool, query: query}
}

// Row reads one row into dest and returns [sql.ErrNoRows] if there is none. It ignores the end of ctx,
// because an interruptible query costs a goroutine: use it only for searches by key.
func (s *Statement) Row(ctx context.Context, args []any, dest ...any) error {
	ctx = context.WithoutCancel(ctx)
	s.mu.Lock()
	if s.prepared.sql == nil {
		p, err := s.pool.PrepareContext(ctx, s.query)
		if err != nil {
			s.mu.Unlock()
			return err
		}
		s.prepared.sql = p
	}
	s.mu.Unlock()
	return s.prepared.sql.QueryRowContext(ctx, args...).Scan(dest...)
}

package sqlite

import (
	"context"
	"database/sql"
	"sync"
)

// Statement is a query that is prepared once for each connection of a pool. It is safe for
// concurrent use, and is closed with the pool.
type Statement struct {
	pool  *sql.DB
	query string

	mu       sync.Mutex // guards prepared
	prepared statement
}

// NewStatement returns a statement, which is prepared at its first use.
func NewStatement(pool *sql.DB, query string) *Statement {
	return &Statement{pool: pool, query: query}
}

// Row reads one row into dest; it is [sql.ErrNoRows] when there is none. It does not end with ctx:
// an interruptible query costs a goroutine, so this is for those that search by a key.
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

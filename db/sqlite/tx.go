package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"iter"
	"slices"
	"strings"
	"sync"
)

// Tx is the transaction of an operation.
type Tx struct {
	w     *writer
	ctx   context.Context //nolint:containedctx // of the transaction, not of a caller: it is never done
	wake  []string        // [Tx.Wake]
	after []func()        // [Tx.AfterCommit]
}

// statement is a prepared statement that is closed with the writer. It is a separate type because the
// linter requires that each *sql.Stmt is closed by the function that creates it.
type statement struct{ sql *sql.Stmt }

// prepared returns the prepared statement of a query. Queries are constants; there are a few dozen.
func (t *Tx) prepared(query string) (statement, error) {
	if s, ok := t.w.statements[query]; ok {
		return s, nil
	}
	s, err := t.w.conn.PrepareContext(t.ctx, query)
	if err != nil {
		t.w.outcome(query, err)
		return statement{}, err
	}
	t.w.statements[query] = statement{s}
	return statement{s}, nil
}

// Wake notifies [DB.Wake] after the commit of the transaction, of what has changed.
func (t *Tx) Wake(what string) {
	if !slices.Contains(t.wake, what) {
		t.wake = append(t.wake, what)
	}
}

// AfterCommit registers f to be called after the commit, before the next transaction begins. It is not
// called if the operation fails.
func (t *Tx) AfterCommit(f func()) { t.after = append(t.after, f) }

// Exec runs a statement and returns the number of changed rows.
func (t *Tx) Exec(query string, args ...any) (int64, error) {
	r, err := t.result(query, args)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// Insert runs a statement that inserts one row and returns its rowid.
func (t *Tx) Insert(query string, args ...any) (int64, error) {
	r, err := t.result(query, args)
	if err != nil {
		return 0, err
	}
	return r.LastInsertId()
}

func (t *Tx) result(query string, args []any) (sql.Result, error) {
	s, err := t.prepared(query)
	if err != nil {
		return nil, err
	}
	r, err := s.sql.ExecContext(t.ctx, args...)
	t.w.outcome(query, err)
	return r, err
}

// Row reads one row into dest and returns [sql.ErrNoRows] if there is none.
func (t *Tx) Row(query string, args []any, dest ...any) error {
	s, err := t.prepared(query)
	if err != nil {
		return err
	}
	err = s.sql.QueryRowContext(t.ctx, args...).Scan(dest...)
	t.w.outcome(query, err)
	return err
}

// Each calls scan for each row.
func (t *Tx) Each(query string, args []any, scan func(*sql.Rows) error) error {
	s, err := t.prepared(query)
	if err != nil {
		return err
	}
	rows, err := s.sql.QueryContext(t.ctx, args...)
	if err == nil {
		err = all(rows, scan)
	}
	t.w.outcome(query, err)
	return err
}

// ErrEnough is returned by a scan function to stop reading rows.
var ErrEnough = errors.New("enough")

// all calls scan for each row until it returns [ErrEnough] or an error, and closes rows.
func all(rows *sql.Rows, scan func(*sql.Rows) error) error {
	defer func() { _ = rows.Close() }() // Err reports the error
	for rows.Next() {
		if err := scan(rows); errors.Is(err, ErrEnough) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return rows.Err()
}

// Query calls scan for each row of a query until it returns [ErrEnough] or an error.
func Query(ctx context.Context, pool *sql.DB, scan func(*sql.Rows) error, query string, args ...any) error {
	rows, err := pool.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	return all(rows, scan)
}

// EachRow streams the rows of a query, converted by scan.
func EachRow[T any](ctx context.Context, pool *sql.DB, query string, args []any, scan func(*sql.Rows) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		rows, err := pool.QueryContext(ctx, query, args...)
		if err != nil {
			yield(zero, err)
			return
		}
		defer func() { _ = rows.Close() }() // Err reports the error
		for rows.Next() {
			if v, err := scan(rows); !yield(v, err) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(zero, err)
		}
	}
}

// Collect returns all values of a sequence, or its first error.
func Collect[T any](rows iter.Seq2[T, error]) ([]T, error) {
	list := []T{}
	for v, err := range rows {
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

// Fetch returns the rows of a query, converted by scan.
func Fetch[T any](ctx context.Context, pool *sql.DB, scan func(*sql.Rows) (T, error), query string, args ...any) ([]T, error) {
	return Collect(EachRow(ctx, pool, query, args, scan))
}

// FetchIn is [Fetch] within a transaction.
func FetchIn[T any](t *Tx, scan func(*sql.Rows) (T, error), query string, args ...any) (list []T, err error) {
	err = t.Each(query, args, func(rows *sql.Rows) error {
		v, err := scan(rows)
		list = append(list, v)
		return err
	})
	return list, err
}

// Column scans a row with one column.
func Column[T any](rows *sql.Rows) (v T, err error) {
	err = rows.Scan(&v)
	return v, err
}

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
	if err := s.prepare(ctx); err != nil {
		return err
	}
	return s.prepared.sql.QueryRowContext(ctx, args...).Scan(dest...)
}

// Each calls scan for each row until it returns [ErrEnough] or an error. Like [Statement.Row] it ignores the end of
// ctx.
func (s *Statement) Each(ctx context.Context, args []any, scan func(*sql.Rows) error) error {
	ctx = context.WithoutCancel(ctx)
	if err := s.prepare(ctx); err != nil {
		return err
	}
	rows, err := s.prepared.sql.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	return all(rows, scan)
}

func (s *Statement) prepare(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.prepared.sql != nil {
		return nil
	}
	p, err := s.pool.PrepareContext(ctx, s.query)
	s.prepared.sql = p
	return err
}

// defaultLimit is the default number of rows of a list.
const defaultLimit = 100

// Limit returns the number of rows of a list: n, or 100 if n is not positive.
func Limit(n int) int {
	if n <= 0 {
		return defaultLimit
	}
	return n
}

// Where collects the conditions of a query. The zero value has no conditions.
type Where struct {
	conditions []string
	// Args are the arguments of all conditions.
	Args []any
}

// And adds a condition and its arguments.
func (w *Where) And(condition string, args ...any) {
	w.conditions = append(w.conditions, condition)
	w.Args = append(w.Args, args...)
}

// Add adds a condition with one argument, unless the argument is empty.
func (w *Where) Add(condition, arg string) {
	if arg != "" {
		w.And(condition, arg)
	}
}

// AddPrefix adds the condition that a column begins with text, unless it is empty.
func (w *Where) AddPrefix(column, text string) {
	if text != "" {
		w.And(column+" >= ? AND "+column+" < ?", text, text+"\U0010ffff")
	}
}

// SQL returns the WHERE clause, "" without conditions.
func (w *Where) SQL() string {
	if len(w.conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.conditions, " AND ")
}

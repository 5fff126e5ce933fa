package sqlite

import (
	"context"
	"database/sql"
)

// Fetch returns what scan makes of each row of a query.
func Fetch[T any](ctx context.Context, pool *sql.DB, scan func(*sql.Rows) (T, error), query string, args ...any) ([]T, error) {
	return Collect(EachRow(ctx, pool, query, args, scan))
}

// FetchIn is Fetch within a transaction.
func FetchIn[T any](t *Tx, scan func(*sql.Rows) (T, error), query string, args ...any) (list []T, err error) {
	err = t.Each(query, args, func(rows *sql.Rows) error {
		v, err := scan(rows)
		list = append(list, v)
		return err
	})
	return list, err
}

// Column scans a row of one column.
func Column[T any](rows *sql.Rows) (v T, err error) {
	err = rows.Scan(&v)
	return v, err
}

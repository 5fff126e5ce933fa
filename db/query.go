package db

import (
	"context"
	"database/sql"
)

// fetch returns what scan makes of each row of a query.
func fetch[T any](ctx context.Context, pool *sql.DB, scan func(*sql.Rows) (T, error), query string, args ...any) ([]T, error) {
	return collect(each(ctx, pool, query, args, scan))
}

// fetchIn is fetch within a transaction.
func fetchIn[T any](t *tx, scan func(*sql.Rows) (T, error), query string, args ...any) (list []T, err error) {
	err = t.each(query, args, func(rows *sql.Rows) error {
		v, err := scan(rows)
		list = append(list, v)
		return err
	})
	return list, err
}

// column scans a row of one column.
func column[T any](rows *sql.Rows) (v T, err error) {
	err = rows.Scan(&v)
	return v, err
}

// write runs one statement in a transaction, and returns how many rows it changed.
func (d *DB) write(ctx context.Context, query string, args ...any) (changed int64, err error) {
	err = d.writer.do(ctx, 1, false, func(t *tx) error {
		changed, err = t.exec(query, args...)
		return err
	})
	return changed, err
}

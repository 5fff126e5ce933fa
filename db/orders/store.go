package orders

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"orderbeat/clients"
	"orderbeat/db/outbox"
	"orderbeat/db/sqlite"
)

// Store reads orders and publishes those that are late.
type Store struct {
	file   *sqlite.DB
	outbox *outbox.Store
	// text reads one order ([Store.OrderText]).
	text *sqlite.Statement
}

// New returns the orders of a file.
func New(file *sqlite.DB, messages *outbox.Store) *Store {
	return &Store{file: file, outbox: messages, text: sqlite.NewStatement(file.Bulk(), orderTextSQL)}
}

// Tx is a transaction on orders.
type Tx struct {
	*sqlite.Tx
	outbox *outbox.Store
}

// In returns a transaction on orders.
func (s *Store) In(t *sqlite.Tx) Tx { return Tx{t, s.outbox} }

// do runs an operation in a transaction.
func (s *Store) do(ctx context.Context, rows int, wait sqlite.Durability, run func(Tx) error) error {
	return s.file.Write(ctx, rows, wait, func(t *sqlite.Tx) error { return run(s.In(t)) })
}

// StoredOrder is the current version of an order.
type StoredOrder struct {
	clients.Order
	// DaysLate is the number of days since next_promised_on in the account's time zone; 0 if the order
	// is not late.
	DaysLate int `json:"days_late"`
	// Revision is the number of the order's latest event, from 1.
	Revision int `json:"revision"`
	// FirstSeenAt is when the provider first returned the order.
	FirstSeenAt time.Time `json:"first_seen_at"`
	// LastSeenAt is when the provider last returned the order.
	LastSeenAt time.Time `json:"last_seen_at"`
	// LastChangedAt is when the last revision was observed.
	LastChangedAt time.Time `json:"last_changed_at"`
	// NotFoundSince is when a request by number first returned "not found"; absent while the order is
	// found.
	NotFoundSince *time.Time `json:"not_found_since,omitempty"`
}

// Order returns one order; ok is false if it does not exist.
func (s *Store) Order(ctx context.Context, provider, account, orderID string) (StoredOrder, bool, error) {
	o, err := scanOrder(s.file.Bulk().QueryRowContext(ctx, orderSQL, provider, account, orderID))
	if errors.Is(err, sql.ErrNoRows) {
		return StoredOrder{}, false, nil
	}
	return o, err == nil, err
}

const (
	selectOrder = `SELECT document, next_promised_on,
       coalesce(max(0, CAST(julianday(` + accountDate + `) - julianday(next_promised_on) AS INTEGER)), 0),
       revision, first_seen_at, last_seen_at, last_changed_at, not_found_since FROM orders`
	orderSQL = selectOrder + ` WHERE provider = ? AND account = ? AND order_id = ?`
)

func scanOrder(row interface{ Scan(dest ...any) error }) (o StoredOrder, err error) {
	err = row.Scan(sqlite.JSON(&o.Order), &o.NextPromisedOn, &o.DaysLate, &o.Revision, sqlite.Time(&o.FirstSeenAt), sqlite.Time(&o.LastSeenAt), sqlite.Time(&o.LastChangedAt),
		sqlite.TimeOrNil(&o.NotFoundSince))
	return o, err
}

// OrderText is an order with its stored JSON document.
type OrderText struct {
	Document      json.RawMessage // a [clients.Order]
	Revision      int
	LastSeenAt    time.Time
	NotFoundSince *time.Time // [StoredOrder.NotFoundSince]
}

// OrderText returns one order; found is false if it does not exist. It is cheaper than [Store.Order].
func (s *Store) OrderText(ctx context.Context, provider, account, orderID string) (t OrderText, found bool, err error) {
	err = s.text.Row(ctx, []any{provider, account, orderID}, (*sqlite.Raw)(&t.Document), &t.Revision, sqlite.Time(&t.LastSeenAt), sqlite.TimeOrNil(&t.NotFoundSince))
	if errors.Is(err, sql.ErrNoRows) {
		return t, false, nil
	}
	if err != nil || bytes.Contains(t.Document, []byte(`"next_promised_on":`)) {
		return t, err == nil, err
	}
	// A document of an earlier version lacks derived fields.
	o, found, err := s.Order(ctx, provider, account, orderID)
	if err != nil || !found {
		return t, false, err
	}
	t.Document, err = o.AppendJSON(nil), nil
	return t, true, err
}

const orderTextSQL = `
SELECT document, revision, last_seen_at, not_found_since FROM orders WHERE provider = ? AND account = ? AND order_id = ?`

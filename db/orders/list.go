package orders

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"iter"
	"slices"
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

// OrderFilter selects orders; an empty field matches all.
type OrderFilter struct {
	Provider  string
	Account   string
	Status    clients.Status
	Reference string
	OrderID   string
	// Prefix selects orders whose id begins with it, and ReferencePrefix those whose reference does.
	// They are in no order and have no next page.
	Prefix, ReferencePrefix string
	// ChangedSince selects orders whose last change was observed at or after this time.
	ChangedSince time.Time
	// Open selects open orders.
	Open bool
	// Late selects open orders with a promised date before today, in the account's time zone.
	Late bool
	// Limit defaults to 100.
	Limit int
	// Cursor continues after an earlier page of the same filter.
	Cursor string
}

// ErrCursor is returned for a cursor that was not returned by the same kind of list.
var ErrCursor = errors.New("invalid cursor for this list")

// Orders returns a page of orders and the cursor of the next page, "" for the last page. Orders are
// sorted by provider, account and order id. With ChangedSince they are sorted by the time of the last
// change first, so that orders that change during paging are on a later page.
func (s *Store) Orders(ctx context.Context, f OrderFilter) ([]StoredOrder, string, error) {
	page, err := sqlite.Collect(s.EachOrder(ctx, f))
	if err != nil || len(page) <= sqlite.Limit(f.Limit) {
		return page, "", err
	}
	page = page[:sqlite.Limit(f.Limit)]
	return page, f.CursorAfter(&page[len(page)-1]), nil
}

// EachOrder streams the orders of a page, and one more if another page follows. A caller that stops
// early can continue with [OrderFilter.CursorAfter]. The read transaction stays open until the loop
// ends and prevents checkpoints, so the loop body must not block.
func (s *Store) EachOrder(ctx context.Context, f OrderFilter) iter.Seq2[StoredOrder, error] {
	query, args, err := f.query()
	if err != nil {
		return func(yield func(StoredOrder, error) bool) { yield(StoredOrder{}, err) }
	}
	return sqlite.EachRow(ctx, s.file.Bulk(), query, args, func(rows *sql.Rows) (StoredOrder, error) { return scanOrder(rows) })
}

const (
	// accountDate is today in the time zone of an order's account, if recorded.
	accountDate = `(SELECT local_date FROM accounts AS a WHERE a.provider = orders.provider AND a.account = orders.account)`
	localDate   = `coalesce(` + accountDate + `, date('now'))`
)

// query selects one order more than the page size to detect a next page.
func (f OrderFilter) query() (string, []any, error) {
	var w sqlite.Where
	w.Add("provider = ?", f.Provider)
	w.Add("account = ?", f.Account)
	w.Add("order_id = ?", f.OrderID)
	w.Add("reference = ?", f.Reference)
	w.Add("status = ?", string(f.Status))
	if f.Open || f.Late || f.Status != "" && !f.Status.Ended() {
		w.And("status NOT IN ('shipped', 'delivered', 'cancelled')")
	}
	if f.Late {
		w.And("next_promised_on < " + localDate)
	}
	w.AddPrefix("order_id", f.Prefix)
	w.AddPrefix("reference", f.ReferencePrefix)
	if f.OrderID+f.Prefix != "" && (f.Provider == "" || f.Account == "") {
		// The key starts with provider and account, so search every account.
		w.And("(provider, account) IN (SELECT provider, account FROM freshness)")
	}
	from, key, marks := selectOrder, "provider, account, order_id", "?, ?, ?"
	switch {
	case f.Reference != "":
		// Otherwise SQLite reads all orders of a provider in the order of the page. Few are sorted instead.
		from += " INDEXED BY orders_reference"
	case f.byChange():
		// Otherwise SQLite reads and sorts all orders of an account.
		from += " INDEXED BY orders_changed"
	case f.Status.Ended() && f.OrderID+f.Prefix+f.ReferencePrefix == "":
		// Otherwise SQLite reads all orders until the page is full.
		from += " INDEXED BY orders_ended"
		w.And("status IN ('shipped', 'delivered', 'cancelled')")
	}
	if f.byChange() {
		w.And("last_changed_at >= ?", sqlite.Stamp(f.ChangedSince))
		key, marks = "last_changed_at, "+key, "?, "+marks
	}
	if f.Cursor != "" {
		after, err := f.after()
		if err != nil {
			return "", nil, err
		}
		w.And("("+key+") > ("+marks+")", after...)
	}
	sorted := " ORDER BY " + key
	if f.Prefix+f.ReferencePrefix != "" {
		sorted = "" // it would read all orders that match
	}
	return from + w.SQL() + sorted + " LIMIT ?", append(w.Args, sqlite.Limit(f.Limit)+1), nil
}

func (f OrderFilter) byChange() bool { return !f.ChangedSince.IsZero() }

// CursorAfter returns the cursor of the page after an order: the encoded sort key.
func (f OrderFilter) CursorAfter(last *StoredOrder) string {
	key := []string{last.Provider, last.Account, last.OrderID}
	if f.byChange() {
		key = slices.Insert(key, 0, sqlite.Stamp(last.LastChangedAt))
	}
	text, _ := json.Marshal(key) // encoding strings does not fail
	return base64.RawURLEncoding.EncodeToString(text)
}

// after returns the sort key of the cursor.
func (f OrderFilter) after() ([]any, error) {
	text, err := base64.RawURLEncoding.DecodeString(f.Cursor)
	if err != nil {
		return nil, ErrCursor
	}
	var key []string
	if err := json.Unmarshal(text, &key); err != nil {
		return nil, ErrCursor
	}
	want := 3
	if f.byChange() {
		want = 4
	}
	if len(key) != want {
		return nil, ErrCursor
	}
	args := make([]any, len(key))
	for i := range key {
		args[i] = key[i]
	}
	return args, nil
}

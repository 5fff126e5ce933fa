package db

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
	"orderbeat/db/sqlite"
)

// StoredOrder is an order as it is known now.
type StoredOrder struct {
	clients.Order
	// DaysLate is the number of days since NextPromisedOn in the account's time zone, 0 for an
	// order that is not late. It is known since the account's date is on record.
	DaysLate int `json:"days_late"`
	// Revision counts what is known of the order: 1 when it was first seen.
	Revision      int       `json:"revision"`
	FirstSeenAt   time.Time `json:"first_seen_at"`
	LastSeenAt    time.Time `json:"last_seen_at"`
	LastChangedAt time.Time `json:"last_changed_at"`
	// NotFoundSince is when a request for this order by its number was first answered with
	// "not found"; nil since it was seen again.
	NotFoundSince *time.Time `json:"not_found_since,omitempty"`
}

// Order returns one order, false when there is none.
func (d *DB) Order(ctx context.Context, provider, account, orderID string) (StoredOrder, bool, error) {
	o, err := scanOrder(d.bulk.QueryRowContext(ctx, orderSQL, provider, account, orderID))
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

// OrderText is an order with its document as it is stored.
type OrderText struct {
	Document      json.RawMessage // a [clients.Order]
	Revision      int
	LastSeenAt    time.Time
	NotFoundSince *time.Time // [StoredOrder.NotFoundSince]
}

// OrderText returns one order, false when there is none. It costs less than [DB.Order].
func (d *DB) OrderText(ctx context.Context, provider, account, orderID string) (t OrderText, found bool, err error) {
	err = d.orderText.Row(ctx, []any{provider, account, orderID}, (*sqlite.Raw)(&t.Document), &t.Revision, sqlite.Time(&t.LastSeenAt), sqlite.TimeOrNil(&t.NotFoundSince))
	if errors.Is(err, sql.ErrNoRows) {
		return t, false, nil
	}
	if err != nil || bytes.Contains(t.Document, []byte(`"next_promised_on":`)) {
		return t, err == nil, err
	}
	// The document is of an earlier version, and lacks what is derived today.
	o, found, err := d.Order(ctx, provider, account, orderID)
	if err != nil || !found {
		return t, false, err
	}
	t.Document, err = o.AppendJSON(nil), nil
	return t, true, err
}

const orderTextSQL = `
SELECT document, revision, last_seen_at, not_found_since FROM orders WHERE provider = ? AND account = ? AND order_id = ?`

// OrderFilter chooses orders; an empty field chooses all.
type OrderFilter struct {
	Provider  string
	Account   string
	Status    clients.Status
	Reference string
	OrderID   string
	// ChangedSince chooses orders whose last change was observed then or later.
	ChangedSince time.Time
	// Open chooses orders of which something is still expected.
	Open bool
	// Late chooses open orders of which something was promised for a day before today, in the
	// account's time zone.
	Late bool
	// Limit is 100 when it is 0.
	Limit int
	// Cursor goes on behind an earlier page of the same filter.
	Cursor string
}

// ErrCursor is returned for a cursor that no earlier page of such a filter returned.
var ErrCursor = errors.New("the cursor is not one of this list")

// Orders returns a page of orders and the cursor of the next page, "" at the end.
// They are sorted by provider, account and order id; with ChangedSince, by the
// time of their last change first, so that what changes meanwhile comes later.
func (d *DB) Orders(ctx context.Context, f OrderFilter) ([]StoredOrder, string, error) {
	page, err := sqlite.Collect(d.EachOrder(ctx, f))
	if err != nil || len(page) <= limit(f.Limit) {
		return page, "", err
	}
	page = page[:limit(f.Limit)]
	return page, f.CursorAfter(&page[len(page)-1]), nil
}

// EachOrder yields the orders of a page while they are read, and one more if another page
// follows. A caller that stops before continues at [OrderFilter.CursorAfter]. The database
// keeps what it has replaced meanwhile until the loop ends: nothing in it may wait for others.
func (d *DB) EachOrder(ctx context.Context, f OrderFilter) iter.Seq2[StoredOrder, error] {
	query, args, err := f.query()
	if err != nil {
		return func(yield func(StoredOrder, error) bool) { yield(StoredOrder{}, err) }
	}
	return sqlite.EachRow(ctx, d.bulk, query, args, func(rows *sql.Rows) (StoredOrder, error) { return scanOrder(rows) })
}

const (
	// accountDate is today in the time zone of an order's account, where that is on record.
	accountDate = `(SELECT local_date FROM accounts AS a WHERE a.provider = orders.provider AND a.account = orders.account)`
	localDate   = `coalesce(` + accountDate + `, date('now'))`
)

// query asks for one order more than the page has, to know whether there is a next page.
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
	if f.OrderID != "" && (f.Provider == "" || f.Account == "") {
		// The key begins with provider and account: every account is looked at.
		w.And("(provider, account) IN (SELECT provider, account FROM freshness)")
	}
	from, key, marks := selectOrder, "provider, account, order_id", "?, ?, ?"
	if f.byChange() {
		// Left alone, SQLite would rather read all of an account and sort it.
		from += " INDEXED BY orders_changed"
		w.And("last_changed_at >= ?", stamp(f.ChangedSince))
		key, marks = "last_changed_at, "+key, "?, "+marks
	}
	if f.Cursor != "" {
		after, err := f.after()
		if err != nil {
			return "", nil, err
		}
		w.And("("+key+") > ("+marks+")", after...)
	}
	return from + w.SQL() + " ORDER BY " + key + " LIMIT ?", append(w.Args, limit(f.Limit)+1), nil
}

func (f OrderFilter) byChange() bool { return !f.ChangedSince.IsZero() }

// CursorAfter is the cursor of the page behind an order of this one: its sort key.
func (f OrderFilter) CursorAfter(last *StoredOrder) string {
	key := []string{last.Provider, last.Account, last.OrderID}
	if f.byChange() {
		key = slices.Insert(key, 0, stamp(last.LastChangedAt))
	}
	text, _ := json.Marshal(key) // strings always can be encoded
	return base64.RawURLEncoding.EncodeToString(text)
}

// after is the sort key that a cursor holds.
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

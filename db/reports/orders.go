package reports

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"orderbeat/clients"
	"orderbeat/db/sqlite"
)

// OrderRow is an order in a list.
type OrderRow struct {
	Provider, Account, OrderID         string
	Reference                          clients.Text
	Status                             clients.Status
	OrderedOn                          clients.Date
	Method                             clients.Text
	Ordered, Shipped, Open             clients.Quantity
	PromisedOn, NextPromisedOn         clients.Date
	DaysLate                           int // 0 if the order is not late
	Revision                           int
	FirstSeenAt, LastSeenAt, ChangedAt time.Time
	NotFoundSince                      *time.Time
	id                                 int64
}

// The sort orders of a list of orders.
const (
	SortChanged = "changed" // the latest change first; the default
	SortPromise = "promise" // open orders with a promise, the earliest first
	SortOrder   = "order"   // by provider, account and order number
)

// Sorts lists all sort orders.
var Sorts = []string{SortChanged, SortPromise, SortOrder}

// OrderFilter selects orders; an empty field matches all.
type OrderFilter struct {
	Provider, Account string
	Status            clients.Status
	// Search is the beginning of an order number or of a reference. It is not combined with Sort.
	Search       string
	ChangedSince time.Time
	// Late selects open orders with a promise before today in the account's time zone; they are
	// sorted by promise.
	Late   bool
	Sort   string
	Limit  int    // of rows
	Cursor string // continues after an earlier page of the same filter
}

// OrderPage is a page of orders.
type OrderPage struct {
	Orders []OrderRow
	// Cursor continues the list, "" at its end. A page may have fewer rows than the limit, or
	// none, and still a cursor: Searched orders were compared with the filter.
	Cursor   string
	Searched int // 0 unless the page ended for that reason
}

// maxSearched bounds the rows that one page compares with the filter, so that a page is fast however
// rare the matches are.
const maxSearched = 10_000

// ErrCursor is returned for a cursor that was not returned by the same list.
var ErrCursor = errors.New("invalid cursor for this list")

const orderColumns = `provider, account, order_id, reference, status, ordered_on, method, ordered_quantity, shipped_quantity, open_quantity,
       promised_on, next_promised_on, revision, first_seen_at, last_seen_at, last_changed_at, not_found_since, rowid,
       CASE WHEN ` + isOpen + ` THEN coalesce(max(0, CAST(julianday(` + localDate + `) - julianday(next_promised_on) AS INTEGER)), 0) ELSE 0 END`

const (
	isOpen    = `status NOT IN ('shipped', 'delivered', 'cancelled')`
	localDate = `coalesce((SELECT local_date FROM accounts AS a WHERE a.provider = orders.provider AND a.account = orders.account), date('now'))`
)

func scanOrder(rows *sql.Rows) (o OrderRow, err error) {
	err = rows.Scan(&o.Provider, &o.Account, &o.OrderID, &o.Reference, &o.Status, &o.OrderedOn, &o.Method, &o.Ordered, &o.Shipped, &o.Open,
		&o.PromisedOn, &o.NextPromisedOn, &o.Revision, sqlite.Time(&o.FirstSeenAt), sqlite.Time(&o.LastSeenAt), sqlite.Time(&o.ChangedAt),
		sqlite.TimeOrNil(&o.NotFoundSince), &o.id, &o.DaysLate)
	return o, err
}

// walk is a scan of the orders along an index.
type walk struct {
	index      string // FROM clause
	key        []string
	descending bool
	within     sqlite.Where // bounds of the index
	filter     sqlite.Where // what the index does not select
	keyOf      func(o *OrderRow) []any
}

// Orders returns a page of orders.
func (r *Reports) Orders(ctx context.Context, f OrderFilter) (OrderPage, error) {
	if f.Search != "" {
		found, err := sqlite.Fetch(ctx, r.bulk, scanOrder, searchSQL, f.Search, f.Search+afterAll, f.Search, f.Search+afterAll, f.Limit)
		return OrderPage{Orders: found}, err
	}
	w := f.walk()
	if f.Cursor != "" {
		after, err := w.parse(f.Cursor)
		if err != nil {
			return OrderPage{}, err
		}
		w.after(after)
	}
	edge, err := r.edge(ctx, w)
	if err != nil {
		return OrderPage{}, err
	}
	if edge != nil {
		w.upto(edge)
	}
	query, args := w.page(f.Limit + 1)
	found, err := sqlite.Fetch(ctx, r.bulk, scanOrder, query, args...)
	if err != nil {
		return OrderPage{}, err
	}
	page := OrderPage{Orders: found}
	switch {
	case len(found) > f.Limit:
		page.Orders = found[:f.Limit]
		page.Cursor = cursor(w.keyOf(&found[f.Limit-1]))
	case edge != nil:
		page.Cursor, page.Searched = cursor(edge), maxSearched
	}
	return page, nil
}

// afterAll follows all characters of order numbers and references.
const afterAll = "\U0010ffff"

// searchSQL finds orders by the beginning of the number or of the reference. The key starts with
// provider and account, so every account is searched.
const searchSQL = `
SELECT ` + orderColumns + ` FROM orders WHERE rowid IN (
  SELECT * FROM (SELECT o.rowid FROM freshness AS f CROSS JOIN orders AS o
                  WHERE o.provider = f.provider AND o.account = f.account AND o.order_id >= ? AND o.order_id < ? LIMIT 200)
   UNION ALL
  SELECT * FROM (SELECT rowid FROM orders WHERE reference IS NOT NULL AND reference >= ? AND reference < ? LIMIT 200))
 ORDER BY last_changed_at DESC LIMIT ?`

// walk chooses the index of a filter.
func (f OrderFilter) walk() walk {
	var w walk
	w.filter.Add("status = ?", string(f.Status))
	switch {
	case f.Late || f.Sort == SortPromise:
		w.index, w.key = "orders INDEXED BY orders_next_promised", []string{"next_promised_on", "rowid"}
		w.keyOf = func(o *OrderRow) []any { return []any{string(o.NextPromisedOn), o.id} }
		w.within.And(isOpen)
		w.within.And("next_promised_on > ''")
		if f.Late {
			w.within.And("next_promised_on < (SELECT max(coalesce((SELECT max(local_date) FROM accounts), ''), date('now')))")
			w.filter.And("next_promised_on < " + localDate)
		}
	case f.Sort == SortOrder:
		w.index, w.key = "orders", []string{"provider", "account", "order_id"}
		w.keyOf = func(o *OrderRow) []any { return []any{o.Provider, o.Account, o.OrderID} }
		w.within.Add("provider = ?", f.Provider)
		if f.Provider != "" {
			w.within.Add("account = ?", f.Account)
		}
	default:
		w.index, w.descending = "orders INDEXED BY orders_changed", true
		w.key = []string{"last_changed_at", "provider", "account", "order_id"}
		w.keyOf = func(o *OrderRow) []any { return []any{stamp(o.ChangedAt), o.Provider, o.Account, o.OrderID} }
		if !f.ChangedSince.IsZero() {
			w.within.And("last_changed_at >= ?", stamp(f.ChangedSince))
		}
	}
	if w.key[0] != "last_changed_at" && !f.ChangedSince.IsZero() {
		w.filter.And("last_changed_at >= ?", stamp(f.ChangedSince))
	}
	w.filter.Add("+provider = ?", f.Provider) // + leaves the choice of the index alone
	w.filter.Add("+account = ?", f.Account)
	return w
}

func (w *walk) after(key []any) { w.bound(">", "<", key) }
func (w *walk) upto(key []any)  { w.bound("<=", ">=", key) }

func (w *walk) bound(ascending, descending string, key []any) {
	compare := ascending
	if w.descending {
		compare = descending
	}
	marks := "?" + strings.Repeat(", ?", len(w.key)-1)
	w.within.And("("+w.columns("")+") "+compare+" ("+marks+")", key...)
}

// columns lists the key, with a direction after each column.
func (w *walk) columns(direction string) string {
	return strings.Join(w.key, direction+", ") + direction
}

func (w *walk) ordered() string {
	if w.descending {
		return " ORDER BY " + w.columns(" DESC")
	}
	return " ORDER BY " + w.columns("")
}

// edge returns the key of the last order that a page may compare, nil if there are fewer.
func (r *Reports) edge(ctx context.Context, w walk) ([]any, error) {
	key := make([]any, len(w.key))
	dest := make([]any, len(w.key))
	for i := range key {
		dest[i] = &key[i]
	}
	err := r.bulk.QueryRowContext(ctx, w.edgeQuery(), append(slices.Clone(w.within.Args), maxSearched-1)...).Scan(dest...)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return key, err
}

func (w *walk) edgeQuery() string {
	return "SELECT " + w.columns("") + " FROM " + w.index + w.within.SQL() + w.ordered() + " LIMIT 1 OFFSET ?"
}

func (w *walk) page(limit int) (string, []any) {
	all := w.within
	all.And("true")
	where := all.SQL()
	if filter := w.filter.SQL(); filter != "" {
		where += " AND " + filter[len(" WHERE "):]
	}
	return "SELECT " + orderColumns + " FROM " + w.index + where + w.ordered() + " LIMIT ?", slices.Concat(all.Args, w.filter.Args, []any{limit})
}

func cursor(key []any) string {
	text, _ := json.Marshal(key) // encoding strings and numbers does not fail
	return base64.RawURLEncoding.EncodeToString(text)
}

// parse decodes a cursor: strings, and numbers for the row id.
func (w *walk) parse(cursor string) ([]any, error) {
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return nil, ErrCursor
	}
	var key []any
	if err := json.Unmarshal(text, &key); err != nil || len(key) != len(w.key) {
		return nil, ErrCursor
	}
	for i, v := range key {
		switch v := v.(type) {
		case string:
		case float64:
			key[i] = int64(v)
		default:
			return nil, ErrCursor
		}
	}
	return key, nil
}

package orders

import (
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

// OrderFilter selects orders; an empty field matches all.
type OrderFilter struct {
	Provider  string
	Account   string
	Status    clients.Status
	Reference string
	OrderID   string
	// Prefix selects orders whose id begins with it, and ReferencePrefix those whose reference does.
	// The result is not sorted and has no next page.
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
		// Otherwise SQLite reads all orders of a provider in the order of the page. With the index it sorts only a few.
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
		sorted = "" // sorting would read all matching orders
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

package orders

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"orderbeat/clients"
	"orderbeat/db/outbox"
	"orderbeat/db/sqlite"
	"orderbeat/jobs"
)

// LateBody is the published body for an order that became late.
type LateBody struct {
	lateNotice
	// Order is the whole order as of its revision.
	Order json.RawMessage `json:"order"` // a [clients.Order]
}

// lateNotice is a [LateBody] without the order.
type lateNotice struct {
	Notice
	// PromisedOn is the promise that was missed: the order's next_promised_on.
	PromisedOn clients.Date `json:"promised_on"`
	// DaysLate is the number of days from promised_on to local_date.
	DaysLate int `json:"days_late"`
	// LocalDate is today in the account's time zone.
	LocalDate clients.Date `json:"local_date"`
	// LateLines are the lines that are late.
	LateLines []clients.LateLine `json:"late_lines"`
}

// lateBatch is the number of late orders in one transaction.
const lateBatch = 200

// responseRetention is how long complete responses are stored. Orders that are unlisted for longer are
// old enough to be tracked because of their age.
const responseRetention = 35 * 24 * time.Hour

// AccountDate records today's date in an account's time zone and puts an event into the outbox for
// each order that is newly late. It returns their number. An order is published as late once per
// promised date.
func (s *Store) AccountDate(ctx context.Context, provider, account, timezone string, today clients.Date) (late int, err error) {
	err = s.do(ctx, 1, sqlite.AsOpened, func(t Tx) error {
		if _, err := t.Exec(accountDateSQL, provider, account, timezone, string(today)); err != nil {
			return err
		}
		_, err := t.Exec(deleteResponsesSQL, provider, account, sqlite.Stamp(time.Now().Add(-responseRetention)))
		return err
	})
	if err != nil {
		return 0, err
	}
	ids, err := s.newlyLate(ctx, provider, account, today)
	if err != nil {
		return 0, err
	}
	for batch := range slices.Chunk(ids, lateBatch) {
		n := 0
		err := s.do(ctx, lateBatch, sqlite.AsOpened, func(t Tx) (err error) {
			n, err = t.noticeLateOf(provider, account, batch, today)
			return err
		})
		if late += n; err != nil {
			return late, err
		}
	}
	return late, nil
}

const (
	accountDateSQL = `
INSERT INTO accounts (provider, account, timezone, local_date) VALUES (?, ?, ?, ?)
    ON CONFLICT (provider, account) DO UPDATE SET timezone = excluded.timezone, local_date = excluded.local_date`

	deleteResponsesSQL = `DELETE FROM responses WHERE provider = ? AND account = ? AND from_on > '' AND requested_at < ?`
)

// newlyLate returns the late orders of an account that were not published as late for the same
// promised date, sorted by date.
func (s *Store) newlyLate(ctx context.Context, provider, account string, today clients.Date) (ids []string, err error) {
	err = sqlite.Query(ctx, s.file.Bulk(), func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	}, newlyLateSQL, provider, account, string(today))
	return ids, err
}

const newlyLateSQL = `
SELECT order_id FROM orders AS o INDEXED BY orders_open
 WHERE provider = ? AND account = ? AND status NOT IN ('shipped', 'delivered', 'cancelled') AND next_promised_on < ?
   AND NOT EXISTS (SELECT 1 FROM late_notices AS n
                    WHERE n.provider = o.provider AND n.account = o.account AND n.order_id = o.order_id AND n.promised_on = o.next_promised_on)
 ORDER BY next_promised_on, order_id`

// noticeLateOf puts events for the late ones of an account's orders into the outbox.
func (t Tx) noticeLateOf(provider, account string, ids []string, today clients.Date) (n int, err error) {
	keys, err := sqlite.EncodeJSON(ids)
	if err != nil {
		return 0, err
	}
	type row struct {
		document string
		revision int
	}
	var found []row
	err = t.Each(lateSQL, []any{provider, account, keys, string(today)}, func(rows *sql.Rows) error {
		var r row
		err := rows.Scan(&r.document, &r.revision)
		found = append(found, r)
		return err
	})
	if err != nil {
		return 0, err
	}
	for _, r := range found {
		var o clients.Order
		if err := json.Unmarshal([]byte(r.document), &o); err != nil {
			return 0, err
		}
		o.Normalize() // documents of earlier versions lack derived fields
		published, err := t.enqueueLate(&o, r.revision, r.document, 0, today, "")
		if err != nil {
			return 0, fmt.Errorf("order %s: %w", o.OrderID, err)
		}
		if published {
			n++
		}
	}
	return n, nil
}

const lateSQL = `
SELECT document, revision FROM orders
 WHERE provider = ? AND account = ? AND order_id IN (SELECT value FROM json_each(?))
   AND status NOT IN ('shipped', 'delivered', 'cancelled') AND next_promised_on < ?
 ORDER BY next_promised_on, order_id`

// noticeLate puts events for the late ones of an outcome's new or changed orders into the outbox. It
// does nothing until the account's date is recorded ([Store.AccountDate]).
func (t Tx) noticeLate(o *jobs.Outcome, list []Reported, traceparent string) error {
	var today clients.Date
	for i := range list {
		order := &list[i]
		if !order.Touched || order.NextPromisedOn == "" {
			continue
		}
		if today == "" {
			if err := t.Row(todaySQL, []any{o.Provider, o.Account}, &today); err != nil || today == "" {
				return err
			}
		}
		if order.NextPromisedOn >= today {
			continue
		}
		if _, err := t.enqueueLate(order.Order, order.revision, order.Document, order.event, today, traceparent); err != nil {
			return fmt.Errorf("order %s: %w", order.OrderID, err)
		}
	}
	return nil
}

const todaySQL = `SELECT (SELECT local_date FROM accounts WHERE provider = ? AND account = ?)`

// enqueueLate puts the event of a late order into the outbox. It returns false if that was already
// done for the same promised date. event is the row id of an event of the same revision, with the same
// document, or 0.
func (t Tx) enqueueLate(o *clients.Order, revision int, document string, event int64, today clients.Date, traceparent string) (bool, error) {
	now := time.Now()
	n, err := t.Exec(lateNoticeSQL, o.Provider, o.Account, o.OrderID, o.NextPromisedOn, sqlite.Stamp(now))
	if err != nil || n == 0 {
		return false, err
	}
	notice, err := sqlite.EncodeJSON(lateNotice{
		Notice:     Notice{o.Provider, o.Account, o.OrderID, o.Reference, revision, o.Status},
		PromisedOn: o.NextPromisedOn, DaysLate: o.NextPromisedOn.DaysUntil(today), LocalDate: today,
		LateLines: o.LateLines(today),
	})
	if err != nil {
		return false, err
	}
	whole := outbox.WithOrder(notice, document)
	m := message(o.Provider, o.Account, o.OrderID, "late."+string(o.NextPromisedOn))
	m.Type, m.Time, m.Traceparent, m.Event, m.Body = outbox.TypeOrderLate, now, traceparent, event, whole
	if event != 0 {
		m.Body = notice
	}
	return true, t.outbox.EnqueueOrder(t.Tx, &m, whole)
}

const lateNoticeSQL = `
INSERT INTO late_notices (provider, account, order_id, promised_on, noticed_at) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT DO NOTHING`

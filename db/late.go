package db

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"orderbeat/clients"
	"orderbeat/jobs"
)

// LateBody is what is published of an order that has become late.
type LateBody struct {
	Notice
	// PromisedOn is the promise that was missed: the order's next_promised_on.
	PromisedOn clients.Date `json:"promised_on"`
	// DaysLate is the number of days from PromisedOn to LocalDate, which is the account's today.
	DaysLate  int                `json:"days_late"`
	LocalDate clients.Date       `json:"local_date"`
	LateLines []clients.LateLine `json:"late_lines"`
	// Order is the [clients.Order] as of Revision.
	Order json.RawMessage `json:"order"`
}

// lateBatch bounds the orders of one transaction in which they are found late.
const lateBatch = 200

// AccountDate records today's date in an account's time zone, and puts an event into the
// outbox for each order that is late from then on. It returns how many there are; an order
// is late once for each date promised for it.
func (d *DB) AccountDate(ctx context.Context, provider, account, timezone string, today clients.Date) (late int, err error) {
	for {
		n := 0
		err := d.writer.do(ctx, lateBatch, false, func(t *tx) (err error) {
			if _, err = t.exec(accountDateSQL, provider, account, timezone, string(today)); err != nil {
				return err
			}
			n, err = t.noticeLateOf(provider, account, today)
			return err
		})
		if late += n; err != nil || n < lateBatch {
			return late, err
		}
	}
}

const accountDateSQL = `
INSERT INTO accounts (provider, account, timezone, local_date) VALUES (?, ?, ?, ?)
    ON CONFLICT (provider, account) DO UPDATE SET timezone = excluded.timezone, local_date = excluded.local_date`

// noticeLateOf publishes up to lateBatch orders of an account that are late and were not
// published as late for the same promise.
func (t *tx) noticeLateOf(provider, account string, today clients.Date) (int, error) {
	type row struct {
		document string
		revision int
	}
	var found []row
	err := t.each(newlyLateSQL, []any{provider, account, string(today)}, func(rows *sql.Rows) error {
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
		o.Normalize() // documents of earlier versions lack what is derived today
		if err := t.putLate(&o, r.revision, r.document, today, ""); err != nil {
			return 0, fmt.Errorf("order %s: %w", o.OrderID, err)
		}
	}
	return len(found), nil
}

var newlyLateSQL = fmt.Sprintf(`
SELECT document, revision FROM orders AS o
 WHERE provider = ? AND account = ? AND status NOT IN ('shipped', 'delivered', 'cancelled') AND next_promised_on < ?
   AND NOT EXISTS (SELECT 1 FROM late_notices AS n
                    WHERE n.provider = o.provider AND n.account = o.account AND n.order_id = o.order_id AND n.promised_on = o.next_promised_on)
 ORDER BY next_promised_on LIMIT %d`, lateBatch)

// noticeLate publishes those of an outcome's new or changed orders that are late now. Until
// the account's date is on record ([DB.AccountDate]) there is no today to compare with.
func (t *tx) noticeLate(o *jobs.Outcome, list []observed, traceparent string) error {
	var today clients.Date
	for i := range list {
		order := &list[i]
		if !order.touched || order.NextPromisedOn == "" {
			continue
		}
		if today == "" {
			if err := t.row(todaySQL, []any{o.Provider, o.Account}, &today); err != nil || today == "" {
				return err
			}
		}
		if order.NextPromisedOn >= today {
			continue
		}
		if err := t.putLate(order.Order, order.revision, order.document, today, traceparent); err != nil {
			return fmt.Errorf("order %s: %w", order.OrderID, err)
		}
	}
	return nil
}

const todaySQL = `SELECT (SELECT local_date FROM accounts WHERE provider = ? AND account = ?)`

// putLate puts the event of a late order into the outbox, unless that was done for the same
// promise before.
func (t *tx) putLate(o *clients.Order, revision int, document string, today clients.Date, traceparent string) error {
	now := time.Now()
	n, err := t.exec(lateNoticeSQL, o.Provider, o.Account, o.OrderID, o.NextPromisedOn, stamp(now))
	if err != nil || n == 0 {
		return err
	}
	body := LateBody{
		Notice:     Notice{o.Provider, o.Account, o.OrderID, o.Reference, revision, o.Status},
		PromisedOn: o.NextPromisedOn, DaysLate: o.NextPromisedOn.DaysUntil(today), LocalDate: today,
		LateLines: o.LateLines(today), Order: json.RawMessage(document),
	}
	return t.putNotice(TypeOrderLate, "late."+string(o.NextPromisedOn), now, "", traceparent, body.Notice, body)
}

const lateNoticeSQL = `
INSERT INTO late_notices (provider, account, order_id, promised_on, noticed_at) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT DO NOTHING`

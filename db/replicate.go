package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"orderbeat/db/alerts"
	"orderbeat/db/documents"
	"orderbeat/db/orders"
	"orderbeat/db/outbox"
	"orderbeat/db/runs"
	"orderbeat/db/sqlite"
	"orderbeat/jobs"
)

// Published is a decoded message of one of the streams of orders, results and alerts, for [DB.Apply]. The
// zero value is a message without effect.
type Published struct {
	// Subject (without the prefix) and Sequence locate the message in the stream of orders.
	Subject  string
	Sequence uint64

	id       string
	order    *orders.Published
	document *documents.Published
	run      *jobs.Run
	alert    *alerts.Published
}

// DecodePublished decodes the body of a message with a CloudEvents type, id and time. After an error for which
// [IsIncomplete] holds, the result can be completed or applied as it is.
func DecodePublished(kind, id string, at time.Time, body []byte) (p Published, err error) {
	p.id = id
	switch kind {
	case outbox.TypeRunFinished:
		run, err := runs.Decode(body)
		if err != nil {
			return Published{}, err
		}
		p.run = &run
	case outbox.TypeAlertRaised, outbox.TypeAlertResolved:
		alert, err := alerts.Decode(id, at, body)
		if err != nil {
			return Published{}, err
		}
		p.alert = &alert
	case outbox.TypeOrderCreated, outbox.TypeOrderChanged, outbox.TypeOrderDespatched, outbox.TypeOrderInvoiced,
		outbox.TypeOrderLate, outbox.TypeOrderVanished:
		order, err := orders.Decode(kind, id, body)
		if err != nil && !orders.IsIncomplete(err) {
			return Published{}, err
		}
		p.order = &order
		return p, errors.Join(err, p.decodeDocument())
	}
	return p, nil
}

func (p *Published) decodeDocument() error {
	document, found, err := documents.Decode(&p.order.EventBody)
	if found && err == nil {
		p.document = &document
	}
	return err
}

// IsIncomplete reports whether err means that a message has no order: it was too large, or published
// without it.
func IsIncomplete(err error) bool { return orders.IsIncomplete(err) }

// Order returns the order and the revision of a message about an order.
func (p *Published) Order() (provider, account, orderID string, revision int) {
	return p.order.Provider, p.order.Account, p.order.OrderID, p.order.Revision
}

// Complete adds the missing order to a message, from the same revision in another database.
func (p *Published) Complete(e *outbox.Event) error {
	order, err := p.order.Complete(e)
	if err != nil {
		return err
	}
	p.order = &order
	return p.decodeDocument()
}

// Applied counts what [DB.Apply] did.
type Applied struct {
	New      int // messages that were not in this database
	Replaced int // revisions of this database that were never published, and were replaced
}

// Apply applies published messages of one topic in order, and records up to which sequence the database
// contains the stream. Applying a message again changes nothing. It does not wait for fsync: what a power
// failure undoes, including the recorded sequence, is applied again.
func (d *DB) Apply(ctx context.Context, topic string, list []Published, upto uint64) (a Applied, err error) {
	err = d.data.Write(ctx, 4*len(list)+1, sqlite.Relaxed, func(t *sqlite.Tx) error {
		a = Applied{}
		var have []string
		for i := range list {
			p := &list[i]
			if p.Subject != "" {
				if err := outbox.SetSequence(t, p.Subject, p.Sequence); err != nil {
					return err
				}
			}
			isNew, err := d.in(t).replicate(p, &a)
			if err != nil {
				return fmt.Errorf("message %s: %w", p.id, err)
			}
			if isNew {
				a.New++
			} else if p.id != "" {
				have = append(have, p.id)
			}
		}
		if err := d.Drop(t, topic, have); err != nil {
			return err
		}
		_, err := t.Exec(reachSQL, topic, int64(upto)) //nolint:gosec // a stream has fewer messages
		return err
	})
	return a, err
}

// replicate applies one message.
func (t tx) replicate(p *Published, a *Applied) (isNew bool, err error) {
	switch {
	case p.run != nil:
		return t.runs.Replicate(p.run)
	case p.alert != nil:
		return t.runs.Alerts.Replicate(p.alert)
	case p.order == nil:
		return false, nil
	}
	own, err := t.orders.Displaced(p.order)
	if err != nil {
		return false, err
	}
	if own != nil {
		if err := t.documents.RollBack(*own); err != nil {
			return false, err
		}
		n, err := t.orders.RollBack(*own)
		if err != nil {
			return false, err
		}
		a.Replaced += n
	}
	isNew, err = t.orders.Replicate(p.order)
	if isNew && err == nil && p.document != nil {
		err = t.documents.Replicate(p.document)
	}
	return isNew, err
}

// AppliedUpTo is the sequence up to which this database contains the stream of a topic. If that was never
// recorded, it is 0, and known is false.
func (d *DB) AppliedUpTo(ctx context.Context, topic string) (upto uint64, known bool, err error) {
	var n int64
	err = d.data.Readers().QueryRowContext(ctx, reachedSQL, topic).Scan(&n)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, false, nil
	}
	return uint64(n), err == nil, err //nolint:gosec // written by Apply
}

// Restart records that the stream of a topic was recreated: this database contains none of its messages.
func (d *DB) Restart(ctx context.Context, topic string) error {
	return d.data.Write(ctx, 1, sqlite.Relaxed, func(t *sqlite.Tx) error {
		if _, err := t.Exec(restartSQL, topic); err != nil || topic != "orders" {
			return err
		}
		return outbox.ForgetSequences(t)
	})
}

// Adopt records, for a database that has never followed another, that it contains the streams up to the last
// message that it published. Until then, only this database has published.
func (d *DB) Adopt(ctx context.Context) error {
	return d.data.Write(ctx, 3, sqlite.Relaxed, func(t *sqlite.Tx) error {
		_, err := t.Exec(adoptSQL)
		return err
	})
}

const (
	adoptSQL = `
INSERT INTO replication (topic, sequence) SELECT topic, after_seq FROM outbox_attempts WHERE topic IN ('orders', 'results', 'alerts') AND true
    ON CONFLICT DO NOTHING`

	reachSQL = `
INSERT INTO replication (topic, sequence) VALUES (?, ?) ON CONFLICT (topic) DO UPDATE SET sequence = max(sequence, excluded.sequence)`

	restartSQL = `DELETE FROM replication WHERE topic = ?`

	reachedSQL = `SELECT sequence FROM replication WHERE topic = ?`
)

// Withdrawn counts what [DB.Withdraw] removed.
type Withdrawn struct{ Orders, Revisions, Alerts, Runs, Jobs, Messages int }

// Withdraw removes unpublished data after another process has become the leader. It undoes
// the revisions, alerts and results whose messages are still in the outbox, empties the outbox, and removes the
// runs that have not ended, with their jobs. The caller then applies the messages of others with [DB.Apply].
func (d *DB) Withdraw(ctx context.Context) (w Withdrawn, err error) {
	err = d.data.Write(ctx, 1000, sqlite.AsOpened, func(t *sqlite.Tx) error {
		w = Withdrawn{}
		in := d.in(t)
		unpublished, err := in.orders.Withdraw()
		if err != nil {
			return err
		}
		w.Orders = len(unpublished)
		for _, r := range unpublished {
			if err := in.documents.RollBack(r); err != nil {
				return err
			}
			n, err := in.orders.RollBack(r)
			if err != nil {
				return err
			}
			w.Revisions += n
		}
		if w.Alerts, err = in.runs.Alerts.Withdraw(); err != nil {
			return err
		}
		var earlier bool
		if w.Runs, w.Jobs, earlier, err = in.runs.Withdraw(); err != nil {
			return err
		}
		if earlier { // earlier results of reopened runs are applied again
			if _, err := t.Exec(restartSQL, "results"); err != nil {
				return err
			}
		}
		w.Messages, err = d.Clear(t)
		return err
	})
	if err != nil {
		return w, fmt.Errorf("withdraw unpublished data: %w", err)
	}
	return w, d.LoadAlerted(ctx)
}

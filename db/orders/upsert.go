package orders

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"orderbeat/clients"
	"orderbeat/db/outbox"
	"orderbeat/db/sqlite"
	"orderbeat/jobs"
)

// Reported is a reported order, encoded before the write transaction so that other writers do
// not wait for it.
type Reported struct {
	*clients.Order
	fingerprint [16]byte
	Document    string
	Touched     bool  // new or changed
	revision    int   // stored revision, if touched
	event       int64 // row id of its latest event, if touched
}

// Encode encodes the orders of an outcome, sorted by key for locality in the file. If an order
// is reported twice, the last one wins.
func Encode(o *jobs.Outcome) ([]Reported, error) {
	list := make([]Reported, 0, len(o.Orders))
	buf := buffers.Get().(*[]byte)
	defer func() {
		if cap(*buf) <= pooledBytes {
			buffers.Put(buf)
		}
	}()
	for i := range o.Orders {
		order := &o.Orders[i]
		if order.Provider != o.Provider || order.Account != o.Account || order.OrderID == "" {
			return nil, fmt.Errorf("order %.80q belongs to %.80q %.80q, not to %s %s",
				order.OrderID, order.Provider, order.Account, o.Provider, o.Account)
		}
		list = append(list, Reported{Order: order})
		*buf = list[i].encode(o.Volatile, *buf)
	}
	slices.Reverse(list)
	slices.SortStableFunc(list, func(a, b Reported) int { return cmp.Compare(a.OrderID, b.OrderID) })
	return slices.CompactFunc(list, func(a, b Reported) bool { return a.OrderID == b.OrderID }), nil
}

// buffers of [Encode]. One above pooledBytes is not reused.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

const pooledBytes = 64 << 10

// encode sets the order's document, using buf, and its fingerprint. The fingerprint includes
// unmapped values, so that an order is stored again if only these differ.
func (o *Reported) encode(volatile []string, buf []byte) []byte {
	buf = o.AppendJSON(buf[:0])
	o.Document = string(buf)
	o.fingerprint = o.Fingerprint(volatile)
	if len(o.Unmapped) > 0 {
		sum := sha256.Sum256(fmt.Appendf(o.fingerprint[:], "%q", o.Unmapped))
		o.fingerprint = [16]byte(sum[:16])
	}
	return buf
}

// fillUnread replaces unreadable values of an order with the stored ones.
func (t Tx) fillUnread(o *jobs.Outcome, order *Reported) error {
	var stored clients.Order
	if err := t.Row(documentSQL, []any{o.Provider, o.Account, order.OrderID}, sqlite.JSON(&stored), &stored.NextPromisedOn); err != nil {
		return err
	}
	order.KeepStored(&stored)
	order.encode(o.Volatile, nil)
	return nil
}

// storedVersion is the stored version of a reported order.
type storedVersion struct {
	revision          int
	fingerprint       []byte
	seenAt, changedAt string
}

// is reports whether an order equals the stored version.
func (k storedVersion) is(o *Reported) bool { return bytes.Equal(k.fingerprint, o.fingerprint[:]) }

// Upsert stores the orders of one outcome and adds events for new and changed orders to the
// history and the outbox.
func (t Tx) Upsert(o *jobs.Outcome, list []Reported, traceparent string) (tally jobs.Tally, err error) {
	if len(list) == 0 {
		return tally, nil
	}
	requestedAt, now := sqlite.Stamp(o.AskedAt), sqlite.Stamp(time.Now())
	if same, err := t.markSame(o, list, requestedAt, now); err != nil || same {
		return jobs.Tally{Seen: len(list), Unchanged: len(list)}, err
	}
	stored, err := t.storedOrders(o, list)
	if err != nil {
		return tally, err
	}
	var same []string
	for i := range list {
		order := &list[i]
		before, ok := stored[order.OrderID]
		if ok && order.AnyUnread() {
			if err := t.fillUnread(o, order); err != nil {
				return jobs.Tally{}, fmt.Errorf("order %s: %w", order.OrderID, err)
			}
		}
		switch {
		case !ok:
			tally.Created++
			order.Touched = true
			err = t.insertOrder(o, order, traceparent)
		case requestedAt < before.seenAt && before.seenAt <= now: // a seenAt in the future was recorded before a backward clock change
			tally.Unchanged++ // older than the stored version
		case before.is(order):
			tally.Unchanged++
			if before.seenAt != requestedAt { // else markSame updated it
				same = append(same, order.OrderID)
			}
		default:
			if order.Touched, err = t.updateOrder(o, order, before, traceparent); order.Touched {
				tally.Changed++
			} else {
				tally.Unchanged++
			}
		}
		if err != nil {
			return jobs.Tally{}, fmt.Errorf("order %s: %w", order.OrderID, err)
		}
	}
	tally.Seen = len(list)
	if err := t.markSeen(o, same, requestedAt); err != nil {
		return jobs.Tally{}, err
	}
	return tally, t.noticeLate(o, list, traceparent)
}

// WouldChange reports whether the orders of an outcome differ from the stored ones.
func (t Tx) WouldChange(o *jobs.Outcome, list []Reported) (bool, error) {
	stored, err := t.storedOrders(o, list)
	if err != nil {
		return false, err
	}
	requestedAt := sqlite.Stamp(o.AskedAt)
	for i := range list {
		before, ok := stored[list[i].OrderID]
		if !ok || requestedAt >= before.seenAt && !before.is(&list[i]) {
			return true, nil
		}
	}
	return false, nil
}

// storedOrders looks up the stored versions of orders with one statement.
func (t Tx) storedOrders(o *jobs.Outcome, list []Reported) (map[string]storedVersion, error) {
	stored := make(map[string]storedVersion, len(list))
	ids := make([]string, len(list))
	for i := range list {
		ids[i] = list[i].OrderID
	}
	keys, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	err = t.Each(knownSQL, []any{o.Provider, o.Account, string(keys)}, func(rows *sql.Rows) error {
		var id string
		var k storedVersion
		err := rows.Scan(&id, &k.revision, &k.fingerprint, &k.seenAt, &k.changedAt)
		stored[id] = k
		return err
	})
	return stored, err
}

const knownSQL = `
SELECT order_id, revision, fingerprint, last_seen_at, last_changed_at FROM orders
 WHERE provider = ? AND account = ? AND order_id IN (SELECT value FROM json_each(?))`

// markSame updates last_seen_at of the unchanged orders and reports whether all orders are unchanged.
// This is the usual case and requires one statement.
func (t Tx) markSame(o *jobs.Outcome, list []Reported, requestedAt, now string) (bool, error) {
	reported := make([]byte, 0, 64*len(list))
	for i := range list {
		if list[i].AnyUnread() {
			return false, nil // its fingerprint depends on the stored version
		}
		id, err := json.Marshal(list[i].OrderID)
		if err != nil {
			return false, err
		}
		reported = append(append(append(reported, ','), id...), `:"`...)
		reported = append(hex.AppendEncode(reported, list[i].fingerprint[:]), '"')
	}
	reported = append(reported, '}')
	reported[0] = '{'
	n, err := t.Exec(sameSQL, requestedAt, o.Provider, o.Account, string(reported), now)
	return n == int64(len(list)), err
}

// The last condition is the same as in [Tx.Upsert]: a later request takes precedence.
const sameSQL = `
UPDATE orders SET last_seen_at = ?1, not_found_since = CASE WHEN not_found_since > ?1 THEN not_found_since END
 WHERE rowid IN (
       SELECT o.rowid FROM json_each(?4) CROSS JOIN orders AS o
        WHERE o.provider = ?2 AND o.account = ?3 AND o.order_id = json_each.key AND o.fingerprint = unhex(json_each.value)
          AND (o.last_seen_at <= ?1 OR o.last_seen_at > ?5))`

// markSeen updates last_seen_at of unchanged orders.
func (t Tx) markSeen(o *jobs.Outcome, ids []string, requestedAt string) error {
	if len(ids) == 0 {
		return nil
	}
	keys, err := json.Marshal(ids)
	if err != nil {
		return err
	}
	_, err = t.Exec(seenSQL, requestedAt, requestedAt, o.Provider, o.Account, string(keys))
	return err
}

// A later request may have returned "not found".
const seenSQL = `
UPDATE orders SET last_seen_at = ?, not_found_since = CASE WHEN not_found_since > ? THEN not_found_since END
 WHERE provider = ? AND account = ? AND order_id IN (SELECT value FROM json_each(?))`

func (t Tx) insertOrder(o *jobs.Outcome, order *Reported, traceparent string) error {
	order.revision = 1
	if err := t.storeOrder(order, 1, sqlite.Stamp(o.AskedAt), ChangedAt(o)); err != nil {
		return err
	}
	if err := t.storeDespatches(order); err != nil {
		return err
	}
	return t.AddEvent(o, order, NewEvent{Kind: outbox.TypeOrderCreated, Revision: 1, Changes: "[]", Traceparent: traceparent})
}

// updateOrder stores an order whose fingerprint changed. It returns false if no field changed: the
// fingerprint also differs if a newer program version computes it differently.
func (t Tx) updateOrder(o *jobs.Outcome, order *Reported, before storedVersion, traceparent string) (bool, error) {
	var was clients.Order
	if err := t.Row(documentSQL, []any{o.Provider, o.Account, order.OrderID}, sqlite.JSON(&was), &was.NextPromisedOn); err != nil {
		return false, err
	}
	revision, changed := before.revision, before.changedAt
	changes := clients.Diff(&was, order.Order, o.Volatile)
	if len(changes) > 0 {
		revision, changed = revision+1, ChangedAt(o)
	}
	order.revision = revision
	if err := t.storeOrder(order, revision, sqlite.Stamp(o.AskedAt), changed); err != nil {
		return false, err
	}
	if err := t.deleteDespatches(order); err != nil {
		return false, err
	}
	if err := t.storeDespatches(order); err != nil {
		return false, err
	}
	if len(changes) == 0 {
		return false, nil
	}
	text, err := sqlite.EncodeJSON(changes)
	if err != nil {
		return false, err
	}
	return true, t.AddEvent(o, order, NewEvent{
		Kind: outbox.TypeOrderChanged, Revision: revision, Changes: text, Previous: was.Status, Traceparent: traceparent,
	})
}

const documentSQL = `SELECT document, next_promised_on FROM orders WHERE provider = ? AND account = ? AND order_id = ?`

// ChangedAt returns the time of a change: when the request was sent or, for a remap job, when it
// finished.
func ChangedAt(o *jobs.Outcome) string {
	if jobs.Kinds[o.Kind].Remaps {
		return sqlite.Stamp(o.FinishedAt)
	}
	return sqlite.Stamp(o.AskedAt)
}

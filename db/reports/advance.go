package reports

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"orderbeat/clients"
	"orderbeat/db/sqlite"
)

const (
	// every is the interval at which new rows are counted, rest the pause between steps if more rows remain.
	every = 20 * time.Second
	rest  = 20 * time.Millisecond
	// eventsAtOnce and exchangesAtOnce bound a step.
	eventsAtOnce    = 200
	exchangesAtOnce = 2000
	// activityKept is how long activity is retained.
	activityKept = 35 * 24 * time.Hour
)

// Run counts new events and exchanges until ctx ends.
func (r *Reports) Run(ctx context.Context, log *slog.Logger) {
	logged := ""
	for pause := time.Duration(0); ; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		done, err := r.Advance(ctx)
		if pause = rest; done || err != nil {
			pause = every
		}
		if err != nil && ctx.Err() == nil && err.Error() != logged {
			log.Warn("failed to compute reports, trying again", "err", err)
		}
		if logged = ""; err != nil {
			logged = err.Error()
		}
	}
}

// Advance counts the next events and exchanges. It returns true if there are no more.
func (r *Reports) Advance(ctx context.Context) (done bool, err error) {
	events, err := r.countEvents(ctx)
	if err != nil {
		return false, err
	}
	exchanges, err := r.countExchanges(ctx)
	return events < eventsAtOnce && exchanges < exchangesAtOnce, err
}

// upto is the last row of a source that was counted.
func (r *Reports) upto(ctx context.Context, source string) (id int64, err error) {
	err = r.bulk.QueryRowContext(ctx, `SELECT upto FROM report_progress WHERE source = ?`, source).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return id, err
}

// record stores that a source was counted up to a row. It fails if that row was counted already, so
// that none is counted twice.
func record(t *sqlite.Tx, source string, from, upto int64) error {
	n, err := t.Exec(progressSQL, source, upto, from)
	if err == nil && n == 0 {
		err = errors.New("reports were computed by another process")
	}
	return err
}

const progressSQL = `
INSERT INTO report_progress (source, upto) VALUES (?, ?)
    ON CONFLICT (source) DO UPDATE SET upto = excluded.upto WHERE upto = ?`

// orderEvent is an event that is counted.
type orderEvent struct {
	id                         int64
	provider, account, orderID string
	observedAt                 time.Time
	order                      countedOrder
}

// countedOrder is what is counted of a [clients.Order].
type countedOrder struct {
	Lines []countedLine `json:"lines"`
}

type countedLine struct {
	LineID     string           `json:"line_id"`
	ArticleID  string           `json:"article_id"`
	PromisedOn clients.Date     `json:"promised_on"`
	Status     clients.Status   `json:"status"`
	Ordered    clients.Quantity `json:"ordered"`
	Shipped    clients.Quantity `json:"shipped"`
	Despatches []struct {
		DespatchedOn clients.Date `json:"despatched_on"`
	} `json:"despatches"`
}

func (r *Reports) countEvents(ctx context.Context) (int, error) {
	from, err := r.upto(ctx, "order_events")
	if err != nil {
		return 0, err
	}
	list, err := sqlite.Fetch(ctx, r.bulk, func(rows *sql.Rows) (e orderEvent, err error) {
		var document sql.RawBytes
		if err := rows.Scan(&e.id, &e.provider, &e.account, &e.orderID, sqlite.Time(&e.observedAt), &document); err != nil {
			return e, err
		}
		return e, json.Unmarshal(document, &e.order, jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
	}, newEventsSQL, from, eventsAtOnce)
	if err != nil || len(list) == 0 {
		return 0, err
	}
	return len(list), r.file.Write(ctx, 4*len(list), sqlite.Relaxed, func(t *sqlite.Tx) error {
		c := counting{Tx: t, months: map[monthKey]sums{}, activity: activity{}}
		for i := range list {
			e := &list[i]
			c.activity.at(e.observedAt, e.provider).changes++
			for j := range e.order.Lines {
				if err := c.line(e, &e.order.Lines[j]); err != nil {
					return err
				}
			}
		}
		if err := c.addMonths(); err != nil {
			return err
		}
		if err := c.activity.add(t); err != nil {
			return err
		}
		return record(t, "order_events", from, list[len(list)-1].id)
	})
}

// Documents of earlier versions may lack lines.
const newEventsSQL = `
SELECT id, provider, account, order_id, observed_at, document FROM order_events WHERE id > ? ORDER BY id LIMIT ?`

// counting adds events to the tables of reports, in one transaction.
type counting struct {
	*sqlite.Tx
	months   map[monthKey]sums
	activity activity
}

// promised is a row of line_promises.
type promised struct {
	article     string
	first, last clients.Date
	moves       int64
	status      clients.Status
	ordered     int64
	shipped     int64
	despatched  clients.Date // "" before the line was despatched
}

// line counts a line as of an event.
func (c *counting) line(e *orderEvent, l *countedLine) error {
	var p promised
	key := []any{e.provider, e.account, e.orderID, l.LineID}
	err := c.Row(promisedSQL, key, &p.article, &p.first, &p.last, &p.moves, &p.status, &p.ordered, &p.shipped, &p.despatched)
	known := !errors.Is(err, sql.ErrNoRows)
	if err != nil && known || !known && l.PromisedOn == "" {
		return ignoreNoRows(err)
	}
	now := p.next(l)
	if known && now == p {
		return nil
	}
	if known {
		c.month(e, p, -1)
	}
	c.month(e, now, +1)
	_, err = c.Exec(promiseSQL, append(key, now.article, now.first, now.last, now.moves, string(now.status), now.ordered, now.shipped, now.despatched)...)
	return err
}

func ignoreNoRows(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return err
}

// next returns the line as of the next report. A promise that changes when the last part is shipped
// did not move.
func (p promised) next(l *countedLine) promised {
	if p.first == "" {
		p.first, p.last = l.PromisedOn, l.PromisedOn
	} else if l.PromisedOn != "" && l.PromisedOn != p.last && !l.Status.Ended() {
		p.last, p.moves = l.PromisedOn, p.moves+1
	}
	p.article, p.status, p.ordered, p.shipped = l.ArticleID, l.Status, l.Ordered.N, l.Shipped.N
	for _, d := range l.Despatches {
		p.despatched = max(p.despatched, d.DespatchedOn)
	}
	return p
}

type monthKey struct{ level, provider, account, month, article string }

// sums are the columns of supplier_months.
type sums struct {
	lines, slipped, moves, slipDays, despatched, early, onTime, late3, late7, late8, daysLate, endedOrdered, endedShipped int64
}

// The levels of supplier_months: sums by account, by article, and by both.
const (
	levelAccount = "account"
	levelArticle = "article"
	levelBoth    = "both"
)

// month adds a line to its month, or removes it.
func (c *counting) month(e *orderEvent, p promised, sign int64) {
	month := string(p.first)[:len("2006-01")]
	for _, key := range []monthKey{
		{levelAccount, e.provider, e.account, month, ""}, {levelArticle, e.provider, "", month, p.article}, {levelBoth, e.provider, e.account, month, p.article},
	} {
		s := c.months[key]
		s.add(p, sign)
		c.months[key] = s
	}
}

func (s *sums) add(p promised, sign int64) {
	s.lines += sign
	s.moves += sign * p.moves
	if slip := int64(p.first.DaysUntil(p.last)); slip > 0 {
		s.slipped += sign
		s.slipDays += sign * slip
	}
	if p.status.Ended() {
		s.endedOrdered += sign * p.ordered
		s.endedShipped += sign * p.shipped
	}
	if p.despatched != "" && (p.status == clients.StatusShipped || p.status == clients.StatusDelivered) {
		s.despatched += sign
		late := int64(p.first.DaysUntil(p.despatched))
		s.daysLate += sign * max(0, late)
		switch {
		case late < 0:
			s.early += sign
		case late == 0:
			s.onTime += sign
		case late <= 3:
			s.late3 += sign
		case late <= 7:
			s.late7 += sign
		default:
			s.late8 += sign
		}
	}
}

func (c *counting) addMonths() error {
	for k, s := range c.months {
		if s == (sums{}) {
			continue
		}
		_, err := c.Exec(monthSQL, k.level, k.provider, k.account, k.month, k.article, s.lines, s.slipped, s.moves, s.slipDays, s.despatched,
			s.early, s.onTime, s.late3, s.late7, s.late8, s.daysLate, s.endedOrdered, s.endedShipped)
		if err != nil {
			return err
		}
	}
	return nil
}

const (
	promisedSQL = `
SELECT article_id, first_promised_on, promised_on, moves, status, ordered, shipped, despatched_on FROM line_promises
 WHERE provider = ? AND account = ? AND order_id = ? AND line_id = ?`

	promiseSQL = `
INSERT OR REPLACE INTO line_promises (provider, account, order_id, line_id, article_id, first_promised_on, promised_on, moves, status, ordered,
       shipped, despatched_on)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

	monthSQL = `
INSERT INTO supplier_months (level, provider, account, month, article_id, lines, slipped, moves, slip_days, despatched, early, on_time, late_1_3,
       late_4_7, late_8, days_late, ended_ordered, ended_shipped)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (level, provider, account, month, article_id) DO UPDATE SET
       lines = lines + excluded.lines, slipped = slipped + excluded.slipped, moves = moves + excluded.moves,
       slip_days = slip_days + excluded.slip_days, despatched = despatched + excluded.despatched, early = early + excluded.early,
       on_time = on_time + excluded.on_time, late_1_3 = late_1_3 + excluded.late_1_3, late_4_7 = late_4_7 + excluded.late_4_7,
       late_8 = late_8 + excluded.late_8, days_late = days_late + excluded.days_late,
       ended_ordered = ended_ordered + excluded.ended_ordered, ended_shipped = ended_shipped + excluded.ended_shipped`
)

func (r *Reports) countExchanges(ctx context.Context) (int, error) {
	from, err := r.upto(ctx, "exchanges")
	if err != nil {
		return 0, err
	}
	n, last, counted := 0, from, activity{}
	err = sqlite.Query(ctx, r.bulk, func(rows *sql.Rows) error {
		var provider string
		var at time.Time
		var ms int64
		var failed bool
		if err := rows.Scan(&last, &provider, sqlite.Time(&at), &ms, &failed); err != nil {
			return err
		}
		counted.at(at, provider).call(ms, failed)
		n++
		return nil
	}, newExchangesSQL, from, exchangesAtOnce)
	if err != nil || n == 0 {
		return 0, err
	}
	return n, r.file.Write(ctx, len(counted)+1, sqlite.Relaxed, func(t *sqlite.Tx) error {
		if err := counted.add(t); err != nil {
			return err
		}
		if _, err := t.Exec(`DELETE FROM activity WHERE started_at < ?`, stamp(time.Now().Add(-activityKept))); err != nil {
			return err
		}
		return record(t, "exchanges", from, last)
	})
}

const newExchangesSQL = `
SELECT exchange_id, provider, started_at, duration_ms, error_code IS NOT NULL FROM exchanges WHERE exchange_id > ? ORDER BY exchange_id LIMIT ?`

// Quarter is the period of a row of activity.
const Quarter = 15 * time.Minute

type activityKey struct {
	startedAt time.Time
	provider  string
}

// activity is what happened, by quarter of an hour and provider.
type activity map[activityKey]*quarter

type quarter struct {
	calls, errors, changes int64
	durations              durations
}

func (a activity) at(t time.Time, provider string) *quarter {
	key := activityKey{t.UTC().Truncate(Quarter), provider}
	if a[key] == nil {
		a[key] = &quarter{}
	}
	return a[key]
}

func (q *quarter) call(ms int64, failed bool) {
	q.calls++
	if failed {
		q.errors++
	}
	q.durations.add(ms)
}

// add adds the activity to the table.
func (a activity) add(t *sqlite.Tx) error {
	for key, q := range a {
		var stored durations
		err := t.Row(`SELECT durations FROM activity WHERE started_at = ? AND provider = ?`, []any{stamp(key.startedAt), key.provider}, sqlite.JSON(&stored))
		if err := ignoreNoRows(err); err != nil {
			return err
		}
		stored.merge(q.durations)
		text, err := json.Marshal(stored)
		if err != nil {
			return err
		}
		if _, err := t.Exec(activitySQL, stamp(key.startedAt), key.provider, q.calls, q.errors, q.changes, string(text)); err != nil {
			return err
		}
	}
	return nil
}

const activitySQL = `
INSERT INTO activity (started_at, provider, calls, errors, changes, durations) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (started_at, provider) DO UPDATE SET
       calls = calls + excluded.calls, errors = errors + excluded.errors, changes = changes + excluded.changes, durations = excluded.durations`

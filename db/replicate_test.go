package db_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients"
	"orderbeat/db"
	"orderbeat/db/dbtest"
	"orderbeat/db/outbox"
	"orderbeat/db/sqlite"
	"orderbeat/jobs"
)

// replicas are databases of which one leads at a time, and the stream of each topic that they publish to.
type replicas struct {
	t       *testing.T
	all     []*db.DB
	streams map[string][]outbox.Message
}

func newReplicas(t *testing.T, n int) *replicas {
	t.Helper()
	r := &replicas{t: t, streams: map[string][]outbox.Message{}}
	for range n {
		r.all = append(r.all, dbtest.Open(t))
	}
	return r
}

// publish publishes up to limit messages of a database, and settles all but the last unsettled of them.
func (r *replicas) publish(d *db.DB, limit, unsettled int) {
	r.t.Helper()
	pending := dbtest.Pending(r.t, d, dbtest.Noon.AddDate(1, 0, 0))
	pending = pending[:min(limit, len(pending))]
	for i, m := range pending {
		same := func(sent outbox.Message) bool { return sent.MsgID == m.MsgID }
		if m.Topic != "reply" && !slices.ContainsFunc(r.streams[m.Topic], same) {
			r.streams[m.Topic] = append(r.streams[m.Topic], m)
		}
		if i >= len(pending)-unsettled {
			continue
		}
		settled := outbox.Settled{Topic: m.Topic, IDs: []int64{m.ID}, Last: uint64(slices.IndexFunc(r.streams[m.Topic], same) + 1)}
		if err := d.Published(r.t.Context(), settled); err != nil {
			r.t.Fatal(err)
		}
	}
}

// restored opens a snapshot of a database as a new one, which has what the streams have up to its sequences.
func (r *replicas) restored(d *db.DB) *db.DB {
	r.t.Helper()
	s, err := d.Snapshot(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	path := filepath.Join(r.t.TempDir(), "orderbeat.db")
	partial, err := sqlite.Partial(path)
	if err != nil {
		r.t.Fatal(err)
	}
	defer partial.Close()
	content, err := os.ReadFile(s.Path)
	if err == nil {
		_, err = partial.Write(content)
	}
	if err == nil {
		err = db.Adopt(r.t.Context(), partial, path)
	}
	if err := errors.Join(err, s.Remove()); err != nil {
		r.t.Fatal(err)
	}
	copied := dbtest.OpenAt(r.t, path)
	dbtest.CheckConsistent(r.t, copied)
	streams := map[string][]outbox.Message{}
	for topic, upto := range s.Sequences {
		if at, _, err := copied.AppliedUpTo(r.t.Context(), topic); err != nil || at != upto {
			r.t.Errorf("got sequence %d of %s and %v, want %d", at, topic, err, upto)
		}
		streams[topic] = r.streams[topic][:upto]
	}
	follower := dbtest.Open(r.t)
	r.apply(follower, 10, streams)
	if diff := cmp.Diff(r.content(follower), r.content(copied)); diff != "" {
		r.t.Errorf("a snapshot differs from a follower at its sequences (-follower +snapshot):\n%s", diff)
	}
	return copied
}

// follow applies all that a database has not applied, in batches.
func (r *replicas) follow(d *db.DB, batch int) (total db.Applied) {
	r.t.Helper()
	return r.apply(d, batch, r.streams)
}

func (r *replicas) apply(d *db.DB, batch int, streams map[string][]outbox.Message) (total db.Applied) {
	r.t.Helper()
	for _, topic := range []string{"orders", "results", "alerts"} {
		stream := streams[topic]
		at, _, err := d.AppliedUpTo(r.t.Context(), topic)
		if err == nil {
			_, err = d.Apply(r.t.Context(), topic, nil, at) // from here on, own messages are recorded
		}
		if err != nil {
			r.t.Fatal(err)
		}
		for messages := range slices.Chunk(stream[at:], batch) {
			var list []db.Published
			for _, m := range messages {
				p, err := db.DecodePublished(m.Type, m.MsgID, m.Time, m.Body)
				if err != nil {
					r.t.Fatal(err)
				}
				p.Subject, p.Sequence = m.Subject, at+uint64(len(list))+1
				list = append(list, p)
			}
			at += uint64(len(messages))
			a, err := d.Apply(r.t.Context(), topic, list, at)
			if err != nil {
				r.t.Fatal(err)
			}
			total.New, total.Replaced = total.New+a.New, total.Replaced+a.Replaced
		}
	}
	return total
}

// content is what all replicas must have in common, a line for each row.
func (r *replicas) content(d *db.DB) []string {
	r.t.Helper()
	var lines []string
	for _, query := range []string{
		"'order', provider, account, order_id, revision, status, promised_on, next_promised_on, reference, open_quantity, first_seen_at, document) FROM orders",
		"'event', event_id, type, reference, status, previous_status, run_id, job_id, observed_at, changes, document) FROM order_events",
		"'despatch', provider, account, order_id, line_id, seq, despatched_on, advice_id, quantity) FROM despatches",
		"'advice', provider, account, advice_id, bill_of_lading, quantity, hex(fingerprint), document) FROM despatch_advices WHERE advice_id IN (SELECT document_id FROM order_documents WHERE revision IS NOT NULL)",
		"'advice line', provider, account, advice_id, seq, order_id, quantity) FROM despatch_advice_lines WHERE advice_id IN (SELECT document_id FROM order_documents WHERE revision IS NOT NULL)",
		"'invoice', provider, account, number, total_amount, hex(fingerprint), document) FROM invoices WHERE number IN (SELECT document_id FROM order_documents WHERE revision IS NOT NULL)",
		"'document', provider, account, order_id, kind, document_id, revision) FROM order_documents WHERE revision IS NOT NULL",
		"'run', run_id, state, jobs_total, jobs_failed, orders_changed, errors, finished_at, reopened) FROM runs",
		"'alert', alert_id, provider, account, code, state, message, since) FROM alerts",
		"'late', provider, account, order_id, promised_on) FROM late_notices",
	} {
		text, err := d.Inspect().Value(r.t.Context(), "SELECT coalesce(group_concat(j, char(10)), '') FROM (SELECT json_array("+strings.Replace(query, ") FROM", ") AS j FROM", 1)+" ORDER BY j)")
		if err != nil {
			r.t.Fatal(err, query)
		}
		lines = append(lines, strings.Split(text, "\n")...)
	}
	return lines
}

// work commits a random outcome.
func (r *replicas) work(d *db.DB, random *rand.Rand, at time.Time) {
	r.t.Helper()
	id := func() string { return fmt.Sprintf("SO%d", random.IntN(8)) }
	reported := func() []clients.Order {
		var list []clients.Order
		for range 1 + random.IntN(4) {
			o := dbtest.Order(id(), random.IntN(3) == 0)
			for i := range o.Lines {
				for j := range o.Lines[i].Schedule {
					o.Lines[i].Schedule[j].DeliveryOn = clients.Date(fmt.Sprintf("2026-11-%02d", 20+random.IntN(9)))
				}
			}
			o.Normalize()
			list = append(list, o)
		}
		return list
	}
	_, js := dbtest.Start(r.t, d, 1+random.IntN(2))
	for _, job := range js {
		switch random.IntN(8) {
		case 0:
			dbtest.Commit(r.t, d, dbtest.Failed(job, jobs.Dead, at))
		case 1: // stays open
		case 2:
			o := dbtest.Succeeded(job, at)
			o.Advices = []clients.Advice{advice(fmt.Sprintf("DA%d", random.IntN(4)), clients.Text(id()), clients.Text(id()))}
			o.Advices[0].Carrier = clients.Text(fmt.Sprintf("carrier %d", random.IntN(3)))
			o.Advices[0].Normalize()
			dbtest.Commit(r.t, d, o)
		case 3:
			o := dbtest.Succeeded(job, at)
			o.Invoices = []clients.Invoice{invoice(fmt.Sprintf("IN%d", random.IntN(4)), clients.Text(id()))}
			dbtest.Commit(r.t, d, o)
		default:
			dbtest.Commit(r.t, d, dbtest.Succeeded(job, at, reported()...))
		}
	}
	if random.IntN(5) == 0 {
		if _, err := d.AccountDate(r.t.Context(), "michelin", "detroit", "UTC", clients.Date(fmt.Sprintf("2026-11-%02d", 22+random.IntN(5)))); err != nil {
			r.t.Fatal(err)
		}
	}
}

// Whichever database leads, and whatever it had not published when another took over: the streams have contiguous
// revisions, and every database becomes what the streams say.
func TestReplicasFollowTheStreams(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 1))
			r := newReplicas(t, 3)
			at := dbtest.Noon
			for range 12 {
				leader := r.all[random.IntN(len(r.all))]
				w, err := leader.Withdraw(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if w.Revisions < w.Orders {
					t.Errorf("got %+v, want a revision for each order", w)
				}
				r.follow(leader, 1+random.IntN(5))
				for range 1 + random.IntN(6) {
					at = at.Add(time.Minute)
					r.work(leader, random, at)
					r.publish(leader, random.IntN(30), random.IntN(5))
				}
				dbtest.CheckConsistent(t, leader)
				if random.IntN(3) == 0 { // of a leader that has not published everything
					r.all[random.IntN(len(r.all))] = r.restored(leader)
				}
			}
			last := r.all[0]
			for _, d := range append(r.all[1:], last) {
				if _, err := d.Withdraw(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			r.follow(last, 7)
			for range 3 {
				at = at.Add(time.Minute)
				r.work(last, random, at)
			}
			r.publish(last, 100_000, 0)
			if _, err := last.Withdraw(t.Context()); err != nil { // the runs that have not ended
				t.Fatal(err)
			}
			fresh := dbtest.Open(t)
			for _, d := range append(r.all[1:], fresh, r.restored(last)) {
				r.follow(d, 1+random.IntN(9))
				dbtest.CheckConsistent(t, d)
				if diff := cmp.Diff(r.content(last), r.content(d)); diff != "" {
					t.Errorf("a follower differs from the leader (-leader +follower):\n%s", diff)
				}
				if again := r.follow(d, 3); again.New != 0 {
					t.Errorf("got %d new messages, want none after all was applied", again.New)
				}
			}
			r.checkStreams()
		})
	}
}

// checkStreams checks that the revisions of each order are contiguous, and that each id occurs once.
func (r *replicas) checkStreams() {
	r.t.Helper()
	revisions, ids := map[string]int{}, map[string]bool{}
	for _, m := range r.streams["orders"] {
		if ids[m.MsgID] {
			r.t.Errorf("%s occurs twice", m.MsgID)
		}
		ids[m.MsgID] = true
		var e outbox.EventBody
		if err := json.Unmarshal(m.Body, &e); err != nil {
			r.t.Fatal(err)
		}
		if m.Type == outbox.TypeOrderLate || m.Type == outbox.TypeOrderVanished {
			continue
		}
		if e.Revision != revisions[e.OrderID]+1 {
			r.t.Errorf("revision %d of %s follows %d", e.Revision, e.OrderID, revisions[e.OrderID])
		}
		revisions[e.OrderID] = e.Revision
	}
}

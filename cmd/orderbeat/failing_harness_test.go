package main // an inside test: a main package cannot be imported

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"

	"orderbeat/clients"
	"orderbeat/db"
	"orderbeat/db/alerts"
	"orderbeat/db/outbox"
	"orderbeat/db/runs"
	"orderbeat/jobs"
)

// supplier is one provider of a running program, for one test.
type supplier struct {
	*program
	*stand

	name string
}

// supplier returns a provider of the program for one test, which may run in parallel with others.
func (p *program) supplier(t *testing.T, s *stand, name string) supplier {
	t.Helper()
	own := *p
	own.t = t
	return supplier{&own, s, name}
}

// fault switches a failure on.
func (s supplier) fault(what string) {
	s.t.Helper()
	s.control(http.MethodPost, "fault", what)
}

// heal switches all failures off.
func (s supplier) heal() {
	s.t.Helper()
	s.control(http.MethodDelete, "fault", "")
}

// control uses one of the server's switches.
func (s supplier) control(method, path, body string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.switches+"/_sandbox/"+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	if answer, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode >= 300 {
		s.t.Fatalf("%s: %s %v %s", path, resp.Status, err, answer)
	}
}

// window is a time of which the sandbox has a few orders of each account that ended long
// ago: nothing in them changes. Windows of different n have no day in common.
func window(n int) string {
	from := clients.DateOf(time.Now()).AddDays(-60 - 10*n)
	return fmt.Sprintf(`{"from":%q,"to":%q}`, from, from.AddDays(9))
}

// sync syncs a window, and waits for the n-th result of the provider.
func (s supplier) sync(params string, n int) jobs.Run {
	s.t.Helper()
	s.publish("orderbeat.runs."+s.name+".sync", params)
	return s.result(n)
}

// start starts a sync of a window without waiting.
func (s supplier) start(params string) jobs.Run {
	s.t.Helper()
	var reply struct{ Run jobs.Run }
	s.decode(s.request("runs.start", fmt.Sprintf(`{"provider":%q,"kind":"sync","params":%s}`, s.name, params)), &reply)
	return reply.Run
}

// result waits for the n-th result.
func (s supplier) result(n int) jobs.Run {
	s.t.Helper()
	var run jobs.Run
	s.decode(s.told("ORDERBEAT_RESULTS", "orderbeat.results."+s.name+".>", n)[n-1].Data(), &run)
	return run
}

// told waits for the first n messages on a subject.
func (p *program) told(stream, subject string, n int) []jetstream.Msg {
	p.t.Helper()
	consumer, err := p.js.OrderedConsumer(p.t.Context(), stream, jetstream.OrderedConsumerConfig{FilterSubjects: []string{subject}})
	if err != nil {
		p.t.Fatal(err)
	}
	var got []jetstream.Msg
	for len(got) < n {
		msg, err := consumer.Next(jetstream.FetchMaxWait(60 * time.Second))
		if err != nil {
			p.t.Fatalf("%s has %d messages, want %d: %v", subject, len(got), n, err)
		}
		if msg.Headers().Get("ce-type") != outbox.TypeOrderLate {
			got = append(got, msg)
		}
	}
	return got
}

// job is that of an account in a run, as it stands in the database.
func (s supplier) job(run jobs.Run, account string) runs.JobRow {
	s.t.Helper()
	file := s.open()
	defer file.Close()
	list, err := file.RunJobs(s.t.Context(), run.ID)
	if err != nil {
		s.t.Fatal(err)
	}
	i := slices.IndexFunc(list, func(j runs.JobRow) bool { return j.Account == account })
	if i < 0 {
		s.t.Fatalf("run %s has no job of %s", run.ID, account)
	}
	return list[i]
}

// open opens the database for reading, as commands do.
func (p *program) open() *db.DB {
	p.t.Helper()
	file, err := db.OpenReadOnly(p.t.Context(), filepath.Join(filepath.Dir(p.config), "data", "orderbeat.db"))
	if err != nil {
		p.t.Fatal(err)
	}
	return file
}

// column reads a column of text from the database, of this provider where the query
// takes it.
func (s supplier) column(query string) []string {
	s.t.Helper()
	var list []string
	s.rows(strings.ReplaceAll(query, "$provider", "'"+s.name+"'"), &list)
	return list
}

// orders are an account's, each with its revision and when it was last seen.
func (s supplier) orders(account string) []string {
	s.t.Helper()
	return s.column("SELECT order_id || ' ' || revision || ' ' || last_seen_at FROM orders WHERE provider = $provider AND account = '" + account + "' ORDER BY 1")
}

// alarms waits until the provider's alerts are these in the table, oldest first, each
// "code account-or-user state", and checks that exactly these were published as raised and,
// if so, as resolved.
func (s supplier) alarms(want ...string) {
	s.t.Helper()
	s.eventually(fmt.Sprintf("the alerts are %q", want), func() bool {
		return slices.Equal(want, s.column("SELECT code || ' ' || account || user || ' ' || state FROM alerts WHERE provider = $provider ORDER BY alert_id"))
	})
	var messages, got []string
	for _, a := range want {
		told, resolved := strings.CutSuffix(a, alerts.AlertResolved)
		if messages = append(messages, strings.TrimSuffix(told, alerts.AlertRaised)+alerts.AlertRaised); resolved {
			messages = append(messages, a)
		}
	}
	s.flushed()
	for _, msg := range s.told("ORDERBEAT_ALERTS", "orderbeat.alerts."+s.name+".>", len(messages)) {
		var a alerts.Alert
		s.decode(msg.Data(), &a)
		got = append(got, string(a.Code)+" "+a.Account+a.User+" "+a.State)
		if msg.Subject() != "orderbeat.alerts."+s.name+"."+string(a.Code) || a.Message == "" || a.Hint == "" {
			s.t.Errorf("%s tells %s, want what happened and what to do", msg.Subject(), msg.Data())
		}
	}
	slices.Sort(messages)
	slices.Sort(got)
	if diff := cmp.Diff(messages, got); diff != "" {
		s.t.Errorf("alerts (-the table has +NATS was told):\n%s", diff)
	}
	if n := s.inStream("ORDERBEAT_ALERTS", "alerts"); n != len(messages) {
		s.t.Errorf("NATS was told of %d alerts, want %d", n, len(messages))
	}
}

// flushed waits until the outbox has no due message of the provider.
func (s supplier) flushed() {
	s.t.Helper()
	s.eventually("the outbox is empty", func() bool {
		return s.column("SELECT count(*) FROM outbox WHERE subject LIKE '%.' || $provider || '.%' AND due_at IS NULL")[0] == "0"
	})
}

// inStream counts the messages of the provider in a stream.
func (s supplier) inStream(stream, topic string) (n int) {
	s.t.Helper()
	for _, count := range s.subjects(stream, topic) {
		n += int(count)
	}
	return n
}

// subjects returns the subjects of the provider in a stream with their numbers of messages.
func (s supplier) subjects(stream, topic string) map[string]uint64 {
	s.t.Helper()
	handle, err := s.js.Stream(s.t.Context(), stream)
	if err != nil {
		s.t.Fatal(err)
	}
	info, err := handle.Info(s.t.Context(), jetstream.WithSubjectFilter("orderbeat."+topic+"."+s.name+".>"))
	if err != nil {
		s.t.Fatal(err)
	}
	return info.State.Subjects
}

// toldOnce checks that every stored order was published once, and no other.
func (s supplier) toldOnce() {
	s.t.Helper()
	s.flushed()
	want := map[string]uint64{}
	for _, subject := range s.column("SELECT 'orderbeat.orders.' || provider || '.' || account || '.' || order_id FROM orders WHERE provider = $provider") {
		want[subject] = 1
	}
	for _, subject := range s.column("SELECT 'orderbeat.orders.' || provider || '.' || account || '.' || order_id FROM late_notices WHERE provider = $provider") {
		want[subject]++
	}
	if diff := cmp.Diff(want, s.subjects("ORDERBEAT_ORDERS", "orders")); diff != "" {
		s.t.Errorf("events (-one for each order +in the stream):\n%s", diff)
	}
}

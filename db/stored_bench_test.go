//go:build linux

package db_test

import (
	"cmp"
	"database/sql"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"orderbeat/clients"
	"orderbeat/db"
	"orderbeat/db/dbtest"
	"orderbeat/db/orders"
	"orderbeat/db/reports"
	"orderbeat/jobs"
)

// BenchmarkStored measures what must take as long with five million stored orders as with ten thousand:
// commits, lookups, the first page of every list, the views, the overview, and opening the file. It fills
// the database up to ORDERBEAT_BENCH_ORDERS (10,000 by default). One in ten orders is open. Five million
// take 11 GB of the disk of $TMPDIR.
func BenchmarkStored(b *testing.B) {
	most := 10_000
	if text := os.Getenv("ORDERBEAT_BENCH_ORDERS"); text != "" {
		var err error
		if most, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	path := dbtest.Blank(b)
	stored := 0
	for _, n := range []int{10_000, 1_000_000, 5_000_000} {
		if n = min(n, most); n <= stored {
			break
		}
		begun := time.Now()
		fillStored(b, path, stored, n)
		stored = n
		info, err := os.Stat(path)
		if err != nil {
			b.Fatal(err)
		}
		b.Logf("%d orders: filled in %s, %d MB", n, time.Since(begun).Round(time.Second), info.Size()>>20)
		b.Run(fmt.Sprintf("orders=%d", n), func(b *testing.B) { benchmarkStored(b, path, n) })
	}
}

const (
	storedAccounts = 10
	storedDay      = clients.Date("2026-11-20") // the last one, of dbtest.Noon
)

func storedID(i int) (account, id string) {
	return fmt.Sprintf("a%d", i%storedAccounts), fmt.Sprintf("SO%09d", i)
}

// storedOrder is an order of one line.
func storedOrder(account, id string, lines int, shipped bool) clients.Order {
	o := clients.Order{Provider: "michelin", Account: account, OrderID: id, Reference: clients.Text("PO" + strings.TrimPrefix(id, "SO")), OrderedOn: "2026-11-17", Method: "EDI"}
	for n := range lines {
		line := dbtest.Order(id, shipped).Lines[0]
		line.LineID = fmt.Sprintf("%03d", n+1)
		o.Lines = append(o.Lines, line)
	}
	o.Normalize()
	return o
}

// fillStored stores the orders from number from to number to, with the event of each, as [db.DB.Commit] does.
func fillStored(b *testing.B, path string, from, to int) {
	b.Helper()
	pool, err := sql.Open("sqlite3", "file:"+path+"?_journal_mode=off&_synchronous=off&_cache_size=-1000000&_locking_mode=exclusive")
	if err != nil {
		b.Fatal(err)
	}
	defer pool.Close()
	pool.SetMaxOpenConns(1)
	documents := map[bool]string{}
	for _, shipped := range []bool{false, true} {
		o := storedOrder("a0", "SO000000000", 1, shipped)
		documents[shipped] = string(o.AppendJSON(nil))
	}
	const numbers = `WITH RECURSIVE n (i) AS (SELECT :from UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :to),
		k AS (SELECT i, 'a' || (i % 10) AS account, format('%09d', i) AS number, i / 10 % 10 > 0 AS ended, i % 50021 = 1 AS cancelled,
		             date(:day, (i * 7919 % 60 - 30) || ' days') AS promise, strftime('%Y-%m-%dT%H:%M:%fZ', :day, '-400 days', (i * 6) || ' seconds') AS at FROM n)`
	const document = `replace(replace(replace(CASE ended WHEN 1 THEN :ended ELSE :open END, '"a0"', '"' || account || '"'), '000000000', number), '2026-11-24', promise)`
	for _, query := range []string{
		numbers + `INSERT INTO orders (provider, account, order_id, reference, ordered_on, method, status, ordered_quantity, shipped_quantity, open_quantity,
		       promised_on, next_promised_on, revision, first_seen_at, last_seen_at, last_changed_at, fingerprint, document)
		SELECT 'michelin', account, 'SO' || number, 'PO' || number, '2026-11-17', 'EDI', CASE WHEN cancelled THEN 'cancelled' WHEN ended THEN 'shipped' ELSE 'scheduled' END, 4,
		       4 * ended, 4 - 4 * ended, promise, CASE ended WHEN 0 THEN promise END, 1, at, at, at, zeroblob(16), ` + document + ` FROM k`,
		numbers + `INSERT INTO order_events (event_id, provider, account, order_id, revision, type, reference, status, run_id, job_id, observed_at, changes, document)
		SELECT 'michelin.' || account || '.SO' || number || '.1', 'michelin', account, 'SO' || number, 1, 'orderbeat.order.created.v1', 'PO' || number,
		       CASE ended WHEN 1 THEN 'shipped' ELSE 'scheduled' END, '01M8KGEFQ6B25VATY3M744V8Q2', '01M8KGEFQ6B25VATY3M744V8Q2-00001', at, '[]', ` + document + ` FROM k`,
		numbers + `INSERT INTO despatches (provider, account, order_id, line_id, seq, despatched_on, advice_id, quantity)
		SELECT 'michelin', account, 'SO' || number, '001', 1, '2026-11-21', 'BOL1', 4 FROM k WHERE ended`,
		`INSERT OR REPLACE INTO report_progress (source, upto) SELECT 'order_events', max(id) FROM order_events WHERE :from + :to > 0 AND :day || :open || :ended <> ''`,
		`INSERT OR IGNORE INTO responses (provider, account, from_on, to_on, requested_at)
		SELECT 'michelin', 'a' || value, '', '', '2026-11-20T12:00:00.000Z' FROM json_each('[0,1,2,3,4,5,6,7,8,9]') WHERE :from + :to > 0 AND :day || :open || :ended <> ''`,
	} {
		if _, err := pool.ExecContext(b.Context(), query, sql.Named("from", from), sql.Named("to", to), sql.Named("day", string(storedDay)),
			sql.Named("open", documents[false]), sql.Named("ended", documents[true])); err != nil {
			b.Fatalf("%v in %s", err, query)
		}
	}
	if _, err := pool.ExecContext(b.Context(), "PRAGMA journal_mode = wal"); err != nil {
		b.Fatal(err)
	}
}

// middle is a number of an order that does not repeat in n steps, so that pages are not those of the last one.
func middle(i, n int) int { return int(uint64(i) * 7_368_787 % uint64(n)) }

func benchmarkStored(b *testing.B, path string, n int) {
	b.Helper()
	warmed(b, path)
	d, err := db.Open(b.Context(), db.Options{Path: path})
	if err != nil {
		b.Fatal(err)
	}
	if got, err := d.Inspect().Value(b.Context(), "PRAGMA journal_mode"); got != "wal" || err != nil {
		b.Fatal(got, err)
	}
	version := 0
	commits(b, d, "commit/new", func(i int) clients.Order {
		version++
		account, id := storedID(middle(i, n))
		return storedOrder(account, fmt.Sprintf("%s-%d", id, version), 1, false)
	})
	commits(b, d, "commit/changed", func(i int) clients.Order {
		version++
		account, id := storedID(middle(i, n))
		o := storedOrder(account, id, 1, false)
		o.Lines[0].Description = clients.Text(fmt.Sprint("version ", version))
		o.Lines[0].Ordered = clients.Pieces(int64(version))
		o.Normalize()
		return o
	})
	// The first request of an order replaces the fingerprint, without a revision.
	const same = 2000
	unchanged := func(i int) clients.Order {
		at := middle(i%same, n)/100*100 + i%storedAccounts // an open one
		account, id := storedID(at)
		return storedOrder(account, id, 1, false)
	}
	for account := range storedAccounts {
		_, js := dbtest.Start(b, d, 1)
		js[0].Account = fmt.Sprintf("a%d", account)
		var list []clients.Order
		for i := account; i < same; i += storedAccounts {
			list = append(list, unchanged(i))
		}
		dbtest.Commit(b, d, dbtest.Succeeded(js[0], dbtest.Noon.AddDate(0, 1, 0), list...))
	}
	commits(b, d, "commit/unchanged", unchanged)

	must := func(rows int, err error, least int) {
		b.Helper()
		if err != nil || rows < least {
			b.Fatalf("got %d rows, want at least %d, %v", rows, least, err)
		}
	}
	measure(b, "get/id", func(i int) {
		account, id := storedID(middle(i, n))
		_, found, err := d.OrderText(b.Context(), "michelin", account, id)
		if !found || err != nil {
			b.Fatal(found, err)
		}
	}, nil)
	measure(b, "get/reference", func(i int) {
		_, id := storedID(middle(i, n))
		list, _, err := d.Orders(b.Context(), orders.OrderFilter{Provider: "michelin", Reference: "PO" + id[2:], Limit: 10})
		must(len(list), err, 1)
	}, nil)
	measure(b, "history", func(i int) {
		account, id := storedID(middle(i, n))
		list, err := d.History(b.Context(), "michelin", account, id, 0, 100)
		must(len(list), err, 1)
	}, nil)
	for _, filter := range []struct {
		name  string
		f     orders.OrderFilter
		least int
	}{
		{"none", orders.OrderFilter{}, 100},
		{"provider", orders.OrderFilter{Provider: "michelin"}, 100},
		{"account", orders.OrderFilter{Provider: "michelin", Account: "a7"}, 100},
		{"open", orders.OrderFilter{Open: true}, 100},
		{"open of an account", orders.OrderFilter{Provider: "michelin", Account: "a7", Open: true}, 100},
		{"late", orders.OrderFilter{Late: true}, 100},
		{"status scheduled", orders.OrderFilter{Status: clients.StatusScheduled}, 100},
		{"status backordered", orders.OrderFilter{Status: clients.StatusBackordered}, 0}, // none
		{"status shipped", orders.OrderFilter{Status: clients.StatusShipped}, 100},
		{"status cancelled", orders.OrderFilter{Status: clients.StatusCancelled}, 0},                                                    // one in 50,021
		{"status delivered of an account", orders.OrderFilter{Provider: "michelin", Account: "a7", Status: clients.StatusDelivered}, 0}, // none
		{"reference", orders.OrderFilter{Reference: "PO000000777"}, 1},
		{"id", orders.OrderFilter{OrderID: "SO000000777"}, 1},
		{"changed since", orders.OrderFilter{ChangedSince: dbtest.Noon.AddDate(-1, 0, 0)}, 100},
	} {
		measure(b, "list/"+filter.name, func(int) {
			list, _, err := d.Orders(b.Context(), filter.f)
			must(len(list), err, filter.least)
		}, nil)
	}
	measure(b, "track", func(i int) {
		list, err := d.OpenOrders(b.Context(), "michelin", fmt.Sprintf("a%d", i%storedAccounts))
		must(len(list), err, n/storedAccounts/storedAccounts)
	}, nil)
	page := d.Reports()
	measure(b, "page/counts", func(int) {
		c, err := page.Counts(b.Context(), dbtest.Noon)
		must(c.OpenOrders, err, min(n/storedAccounts, reports.MaxCounted))
	}, nil)
	measure(b, "page/recent", func(int) {
		list, err := page.RecentChanges(b.Context(), 20)
		must(len(list), err, 20)
	}, nil)
	measure(b, "page/orders", func(int) {
		p, err := page.Orders(b.Context(), reports.OrderFilter{Limit: 50})
		must(len(p.Orders), err, 50)
	}, nil)
	measure(b, "page/open gauge", func(int) {
		list, err := page.OpenOrders(b.Context())
		must(len(list), err, 1)
	}, nil)
	if err := d.Close(); err != nil {
		b.Fatal(err)
	}
	opened := func(int) {
		d, err := db.Open(b.Context(), db.Options{Path: path})
		if err == nil {
			err = d.Close()
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	measure(b, "open/warm", opened, nil)
	measure(b, "open/cold", opened, func() { chilled(b, path) })
	for _, view := range []string{"open_orders", "late_orders", "recent_changes", "promise_history", "order_lines"} {
		for _, temperature := range []string{"warm", "cold"} {
			var prepare func()
			if temperature == "cold" {
				prepare = func() { chilled(b, path) }
			}
			measure(b, "view/"+view+"/"+temperature, func(int) {
				pool, err := sql.Open("sqlite3", "file:"+path+"?mode=ro")
				if err != nil {
					b.Fatal(err)
				}
				defer pool.Close()
				var count int
				err = pool.QueryRowContext(b.Context(), "SELECT count(*) FROM (SELECT * FROM "+view+" LIMIT 10)").Scan(&count)
				must(count, err, 0)
			}, prepare)
		}
	}
}

// commits measures the commit of one order by one job.
func commits(b *testing.B, d *db.DB, name string, order func(i int) clients.Order) {
	b.Helper()
	at := 0
	b.Run(name, func(b *testing.B) {
		dbtest.Publish(b, d)
		var outcomes []jobs.Outcome
		for left := b.N; left > 0; left -= 20_000 {
			_, js := dbtest.Start(b, d, min(left, 20_000))
			for _, j := range js {
				o := order(at)
				at++
				j.Account = o.Account
				outcome := dbtest.Succeeded(j, dbtest.Noon.AddDate(0, 2, 0).Add(time.Duration(at)*time.Millisecond), o)
				outcomes = append(outcomes, outcome)
			}
		}
		timed(b, func(i int) { dbtest.Commit(b, d, outcomes[i]) }, nil)
	})
}

// measure measures f after prepare, which is not measured.
func measure(b *testing.B, name string, f func(i int), prepare func()) {
	b.Helper()
	b.Run(name, func(b *testing.B) { timed(b, f, prepare) })
}

func timed(b *testing.B, f func(i int), prepare func()) {
	b.Helper()
	took := make([]time.Duration, b.N)
	if prepare != nil {
		took = took[:min(b.N, 10)] // the preparation takes long
	}
	for i := range took {
		if prepare != nil {
			prepare()
		}
		begun := time.Now()
		f(i)
		took[i] = time.Since(begun)
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/1e3, "p50-µs")
	b.ReportMetric(float64(took[len(took)*9/10].Nanoseconds())/1e3, "p90-µs")
	b.ReportMetric(0, "ns/op")
}

// warmed reads a database into the memory of the system.
func warmed(b *testing.B, path string) {
	b.Helper()
	file, err := os.Open(path)
	if err == nil {
		_, err = io.Copy(io.Discard, file)
		file.Close()
	}
	if err != nil {
		b.Fatal(err)
	}
}

// chilled drops the pages of a database from the memory of the system.
func chilled(b *testing.B, path string) {
	b.Helper()
	for _, name := range []string{path, path + "-wal"} {
		file, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			continue // no write-ahead log
		}
		if err := cmp.Or(file.Sync(), unix.Fadvise(int(file.Fd()), 0, 0, unix.FADV_DONTNEED)); err != nil {
			b.Fatal(err)
		}
		file.Close()
	}
}

// BenchmarkBytes reports how many bytes of the file an order takes that was stored once, nine in ten
// shipped, by table (with its indexes) if the sqlite3 command line tool is installed.
func BenchmarkBytes(b *testing.B) {
	for _, lines := range []int{1, 5} {
		size, document := bytesPerOrder(b, lines) // once, whatever b.N
		b.Run(fmt.Sprintf("lines=%d", lines), func(b *testing.B) {
			b.ReportMetric(size, "B/order")
			b.ReportMetric(document, "B/document")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func bytesPerOrder(b *testing.B, lines int) (size, document float64) {
	b.Helper()
	const many, batch = 20_000, 100
	path := dbtest.Blank(b)
	d := dbtest.OpenAt(b, path)
	before := d.FileBytes()
	for n := 0; n < many; n += batch {
		_, js := dbtest.Start(b, d, 1)
		list := make([]clients.Order, batch)
		for i := range list {
			_, id := storedID(n + i)
			list[i] = storedOrder("detroit", id, lines, (n+i)%10 > 0)
		}
		dbtest.Commit(b, d, dbtest.Succeeded(js[0], dbtest.Noon.Add(time.Duration(n)*time.Millisecond), list...))
		dbtest.Publish(b, d)
	}
	for done := false; !done; {
		var err error
		if done, err = d.Reports().Advance(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	if err := d.Close(); err != nil {
		b.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	o := storedOrder("detroit", "SO000000001", lines, true)
	size, document = float64(info.Size()-before)/many, float64(len(o.AppendJSON(nil)))
	tool, err := exec.LookPath("sqlite3")
	if err != nil {
		return size, document
	}
	out, err := exec.CommandContext(b.Context(), tool, path, fmt.Sprintf(
		"SELECT tbl_name || '/' || iif(m.type = 'index', m.name, 'rows'), sum(pgsize) / %d FROM dbstat AS s JOIN sqlite_master AS m USING (name) GROUP BY 1 HAVING sum(pgsize) > 5 * %[1]d ORDER BY 2 DESC", many)).CombinedOutput()
	b.Logf("%s: bytes of an order of %d lines by table and index (%v)\n%s", filepath.Base(path), lines, err, out)
	return size, document
}

package db_test

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"orderbeat/clients"
	"orderbeat/clients/exchange"
	"orderbeat/db/dbtest"
	"orderbeat/jobs"
)

// Rows are counted as the tables have them after one order of two lines was
// stored: the order, two lines, two schedule lines, the event and its message,
// and one despatch in half of the revisions.
const (
	rowsNew       = 7
	rowsChanged   = 7.5
	rowsUnchanged = 1
)

func BenchmarkCommit(b *testing.B) {
	for _, n := range []int{1, 64, 1024} {
		b.Run(fmt.Sprintf("new/orders=%d", n), func(b *testing.B) {
			benchmarkCommit(b, n, rowsNew, func(i int) []clients.Order { return batch(i*n, n, false) })
		})
		b.Run(fmt.Sprintf("changed/orders=%d", n), func(b *testing.B) {
			benchmarkCommit(b, n, rowsChanged, func(i int) []clients.Order { return batch(0, n, i%2 == 0) })
		})
		b.Run(fmt.Sprintf("unchanged/orders=%d", n), func(b *testing.B) {
			benchmarkCommit(b, n, rowsUnchanged, func(int) []clients.Order { return batch(0, n, true) })
		})
	}
}

// benchmarkCommit commits one job per iteration, after one unmeasured job.
func benchmarkCommit(b *testing.B, n int, rows float64, orders func(i int) []clients.Order) {
	b.Helper()
	d := dbtest.Open(b)
	const most = 20_000 // jobs of a run
	var js []jobs.Job
	var spent time.Duration
	for i := -1; i < b.N; i++ {
		if (i+1)%most == 0 {
			_, js = dbtest.Start(b, d, min(most, b.N-i))
			dbtest.Publish(b, d)
			if claimed, err := d.Claim(b.Context(), "michelin", dbtest.Noon, most); err != nil || len(claimed) != len(js) {
				b.Fatalf("claimed %d of %d jobs: %v", len(claimed), len(js), err)
			}
		}
		outcome := dbtest.Succeeded(js[(i+1)%most], dbtest.Noon.Add(time.Duration(i)*time.Millisecond), orders(i+1)...)
		begun := time.Now()
		dbtest.Commit(b, d, outcome)
		if i >= 0 {
			spent += time.Since(begun)
		}
	}
	report(b, n, rows, spent)
}

// BenchmarkCommitConcurrently commits jobs of one new order each, 64 at a time.
func BenchmarkCommitConcurrently(b *testing.B) {
	d := dbtest.Open(b)
	var js []jobs.Job
	for len(js) < b.N {
		_, more := dbtest.Start(b, d, min(20_000, b.N-len(js)))
		js = append(js, more...)
	}
	dbtest.Publish(b, d)
	var next atomic.Int64
	b.SetParallelism(32) // times GOMAXPROCS, which is 2 where this was measured
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := int(next.Add(1)) - 1
			if _, err := d.Commit(b.Context(), dbtest.Succeeded(js[i], dbtest.Noon, dbtest.Order(fmt.Sprintf("SO%08d", i), false))); err != nil {
				b.Error(err)
			}
		}
	})
	report(b, 1, rowsNew, b.Elapsed())
}

func report(b *testing.B, n int, rows float64, spent time.Duration) {
	b.Helper()
	b.ReportMetric(float64(n*b.N)/spent.Seconds(), "orders/s")
	b.ReportMetric(rows*float64(n*b.N)/spent.Seconds(), "rows/s")
	b.ReportMetric(float64(spent.Microseconds())/float64(b.N), "µs/commit")
	b.ReportMetric(0, "ns/op")
}

func batch(from, n int, shipped bool) []clients.Order {
	orders := make([]clients.Order, n)
	for i := range orders {
		orders[i] = dbtest.Order(fmt.Sprintf("SO%08d", from+i), shipped)
	}
	return orders
}

// BenchmarkCommitExchanges commits jobs of 64 unchanged orders, with and without a recorded response of
// about their compressed size.
func BenchmarkCommitExchanges(b *testing.B) {
	for _, size := range []int{0, 8 << 10, 64 << 10} {
		b.Run(fmt.Sprintf("packed=%d", size), func(b *testing.B) {
			d := dbtest.Open(b)
			const n = 64
			packed := make([]byte, size)
			_, _ = rand.NewChaCha8([32]byte{}).Read(packed)
			_, js := dbtest.Start(b, d, b.N+1)
			dbtest.Publish(b, d)
			orders := batch(0, n, true)
			dbtest.Commit(b, d, dbtest.Succeeded(js[0], dbtest.Noon, orders...))
			b.ResetTimer()
			for i := range b.N {
				o := dbtest.Succeeded(js[i+1], dbtest.Noon.Add(time.Duration(i)*time.Millisecond), orders...)
				if size > 0 {
					o.Exchanges = []exchange.Exchange{{Op: "orders", Method: "GET", URL: "/", Status: 200, StartedAt: dbtest.Noon, ResponseGzip: packed, ResponseBytes: int64(8 * size)}}
				}
				dbtest.Commit(b, d, o)
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N), "µs/commit")
			b.ReportMetric(0, "ns/op")
		})
	}
}

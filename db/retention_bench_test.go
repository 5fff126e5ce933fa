package db_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"orderbeat/db/dbtest"
	"orderbeat/db/retention"
)

// BenchmarkCommitWhilePruning commits jobs of one changed order each, without and with concurrent pruning of
// a history of 200,000 events. Run it with
//
//	go test -run '^$' -bench CommitWhilePruning -benchtime 3000x -count 5 ./db
func BenchmarkCommitWhilePruning(b *testing.B) {
	path := history(b, 20_000, 10)
	for _, pruning := range []bool{false, true} {
		b.Run(fmt.Sprintf("pruning=%v", pruning), func(b *testing.B) { benchmarkPruning(b, path, pruning) })
	}
}

func benchmarkPruning(b *testing.B, path string, pruning bool) {
	b.Helper()
	d := dbtest.OpenAt(b, copied(b, path))
	_, js := dbtest.Start(b, d, min(20_000, b.N))
	dbtest.Publish(b, d)
	ctx, stop := context.WithCancel(b.Context())
	defer stop()
	var pruner sync.WaitGroup
	if pruning {
		pruner.Go(func() {
			p, err := d.Prune(ctx, retention.Periods{Events: 400 * 24 * time.Hour}, dbtest.Noon)
			if err == nil {
				b.Errorf("%d events were removed before the commits were done: fewer of these", p.Events)
			}
			b.ReportMetric(float64(p.Events), "pruned")
		})
	}
	took := make([]time.Duration, 0, len(js))
	for i := range js {
		outcome := dbtest.Succeeded(js[i], dbtest.Noon.Add(time.Duration(i)*time.Millisecond), dbtest.Order(fmt.Sprintf("SO%08d", i%1000), i/1000%2 == 0))
		begun := time.Now()
		dbtest.Commit(b, d, outcome)
		took = append(took, time.Since(begun))
	}
	stop()
	pruner.Wait()
	slices.Sort(took)
	for name, i := range map[string]int{"median-µs": len(took) / 2, "p99-µs": len(took) * 99 / 100, "most-µs": len(took) - 1} {
		b.ReportMetric(float64(took[i].Microseconds()), name)
	}
	b.ReportMetric(0, "ns/op")
}

// BenchmarkPrune deletes 180,000 of 200,000 events and shrinks the file, including pauses.
func BenchmarkPrune(b *testing.B) {
	path := history(b, 20_000, 10)
	for b.Loop() {
		b.StopTimer()
		d := dbtest.OpenAt(b, copied(b, path))
		b.StartTimer()
		p, err := d.Prune(b.Context(), retention.Periods{Events: 400 * 24 * time.Hour}, dbtest.Noon)
		if p.Events != 20_000*9 || err != nil {
			b.Fatalf("got %+v, %v", p, err)
		}
		b.StopTimer()
		if err := d.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

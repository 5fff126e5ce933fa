package declared

import (
	"context"
	"errors"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
	"time"
)

const (
	// maxEvaluation is how long a program may work at one answer. The mapping of the
	// largest answer that is taken by default takes less than a second.
	maxEvaluation = 10 * time.Second
	// spareMemory, in bytes, and memoryFactor times the input's size are how much the
	// heap may grow while a program works.
	spareMemory  = 256 << 20
	memoryFactor = 32
	// tooMuch times that is more than garbage explains. A text that doubles gets there
	// while a collection waits for it to be copied.
	tooMuch = 2
	// glance is how often that is looked at.
	glance = 10 * time.Millisecond
	// maxOrders bounds what one question may bring.
	maxOrders = 200_000
)

var (
	errEndless = errors.New("the program does not end: it was stopped after " + maxEvaluation.String())
	errGreedy  = errors.New("the program needs too much memory, and was stopped")
)

// limit is ctx for the evaluation of a program, which ends it when it takes too long or
// takes too much memory. A program cannot be metered alone: what grows is the heap of
// the process, so that the limit is far above what mappings need. An evaluation that
// ends within a glance costs a timer and one look at the heap.
func limit(ctx context.Context, size int) (limited context.Context, release func()) {
	ctx, stop := context.WithTimeoutCause(ctx, maxEvaluation, errEndless)
	ctx, cancel := context.WithCancelCause(ctx)
	most := uint64(spareMemory + memoryFactor*size)
	var base atomic.Uint64
	base.Store(heap())
	var collecting atomic.Bool
	ready := make(chan struct{})
	var watch *time.Timer
	watch = time.AfterFunc(glance, func() {
		<-ready
		if ctx.Err() != nil {
			return
		}
		watch.Reset(glance) // a collection may take long, and somebody must look meanwhile
		now := heap()
		least := min(now, base.Load()) // what was garbage at first is collected by and by
		base.Store(least)
		switch {
		case now > least+tooMuch*most:
			cancel(errGreedy)
		case now > least+most && collecting.CompareAndSwap(false, true):
			runtime.GC() // what is garbage already is not held against it
			if heap() > least+most {
				cancel(errGreedy)
			}
			collecting.Store(false)
		}
	})
	close(ready)
	return ctx, func() {
		if errors.Is(context.Cause(ctx), errGreedy) {
			debug.FreeOSMemory() // what the program held would count as everybody's for long
		}
		cancel(nil)
		watch.Stop()
		stop()
	}
}

// heap is how many bytes the heap's objects take.
func heap() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

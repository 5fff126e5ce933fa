package declared

import (
	"context"
	"errors"
	"runtime"
	"runtime/metrics"
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
// ends within a glance costs a timer.
func limit(ctx context.Context, size int) (limited context.Context, release func()) {
	ctx, stop := context.WithTimeoutCause(ctx, maxEvaluation, errEndless)
	ctx, cancel := context.WithCancelCause(ctx)
	most := uint64(spareMemory + memoryFactor*size)
	var base uint64
	ready := make(chan struct{})
	var watch *time.Timer
	watch = time.AfterFunc(glance, func() {
		<-ready
		now := heap()
		if base == 0 {
			base = now
		}
		if now > base+most {
			runtime.GC() // what is garbage already is not held against it
			if heap() > base+most {
				cancel(errGreedy)
				return
			}
		}
		if ctx.Err() == nil {
			watch.Reset(glance)
		}
	})
	close(ready)
	return ctx, func() {
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

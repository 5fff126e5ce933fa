// Package memory limits how much memory decoded responses take in this process: a [Pool] for the
// process, a [Budget] for each attempt of a job, and a [Meter] for the loops that decode.
package memory

import (
	"context"
	"fmt"
	"sync"

	"orderbeat/clients"

	"golang.org/x/sync/semaphore"
)

const (
	// smallResponse is the memory, in bytes, that an attempt may hold without waiting.
	smallResponse = 4 << 20
	// A large attempt may hold a sixth of the process's memory, within these bounds. Up to three may be
	// large at once, fewer if that is more than half of the memory: the rest is for everything else.
	memoryShare    = 6
	largeAtOnce    = 3
	minLargeMemory = 64 << 20
	maxLargeMemory = 1 << 30
)

// Pool limits the memory of decoded responses in a process. A small attempt never waits. One that
// holds more than a few MB waits for one of a few places, and fails when it exceeds its place. If there
// are several, one provider never has all of them; they are acquired in a fixed order. It is safe for concurrent use.
type Pool struct {
	limit  int64 // of one attempt, in bytes
	count  int64 // of places
	places *semaphore.Weighted

	mu        sync.Mutex // guards providers
	providers map[string]*semaphore.Weighted
}

// NewPool divides the memory of a process, in bytes; [math.MaxInt64] is unlimited.
func NewPool(process int64) *Pool {
	limit := min(max(process/memoryShare, minLargeMemory), maxLargeMemory)
	count := min(max(process/2/limit, 1), largeAtOnce)
	return &Pool{limit: limit, count: count, places: semaphore.NewWeighted(count), providers: map[string]*semaphore.Weighted{}}
}

// of returns the places of one provider: all but one, if there are several.
func (m *Pool) of(provider string) *semaphore.Weighted {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.providers[provider] == nil {
		m.providers[provider] = semaphore.NewWeighted(max(m.count-1, 1))
	}
	return m.providers[provider]
}

// Budget is the memory of one attempt: responses, and what is decoded and mapped from them. It is
// safe for concurrent use.
type Budget struct {
	limit  int64
	places []*semaphore.Weighted // a large attempt holds one of each, acquired in this order

	mu    sync.Mutex // guards the rest; held while waiting for a place
	used  int64
	large bool
}

type budgetKey struct{}

// Budget returns a context whose calls share a budget for an attempt at a provider. Call release when
// the responses are no longer used. A nil Pool returns ctx unchanged.
func (m *Pool) Budget(ctx context.Context, provider string) (budgeted context.Context, release func()) {
	if m == nil {
		return ctx, func() {}
	}
	b := &Budget{limit: m.limit, places: []*semaphore.Weighted{m.of(provider), m.places}}
	return context.WithValue(ctx, budgetKey{}, b), b.close
}

// BudgetOf returns the budget of a context, or a new one that is not shared.
func BudgetOf(ctx context.Context) *Budget {
	if b, ok := ctx.Value(budgetKey{}).(*Budget); ok {
		return b
	}
	return &Budget{limit: maxLargeMemory}
}

// Charge adds bytes to the budget. It fails with [clients.CodeBadResponse] if that is too much, and
// with ctx's error if that ends while it waits for a place; then nothing is added.
func (b *Budget) Charge(ctx context.Context, bytes int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if bytes > b.limit-b.used {
		return &clients.Error{
			Code: clients.CodeBadResponse, Message: fmt.Sprintf("the response takes more than %d MB of memory when it is decoded", b.limit>>20),
			Hint: "request less at once (a shorter window, smaller pages), or give the process more memory",
		}
	}
	if b.used+bytes > smallResponse && !b.large {
		for i, place := range b.places {
			if err := place.Acquire(ctx, 1); err != nil {
				b.leave(i)
				return err
			}
		}
		b.large = true
	}
	b.used += bytes
	return nil
}

// Free returns charged bytes.
func (b *Budget) Free(bytes int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= bytes
	if b.large && b.used <= smallResponse {
		b.large = false
		b.leave(len(b.places))
	}
}

func (b *Budget) leave(n int) {
	for _, place := range b.places[:n] {
		place.Release(1)
	}
}

func (b *Budget) close() {
	b.mu.Lock()
	used := b.used
	b.mu.Unlock()
	b.Free(used)
}

// Meter charges a budget in larger steps, and checks its context at each, so that a long loop ends
// with its context. It is for one goroutine.
type Meter struct {
	ctx     context.Context //nolint:containedctx // a meter lives within one call
	budget  *Budget
	charged int64
	due     int64
	err     error
}

// NewMeter makes a meter for the context's budget.
func NewMeter(ctx context.Context) *Meter { return &Meter{ctx: ctx, budget: BudgetOf(ctx)} }

// Another makes a meter for the same budget, for memory that is freed earlier.
func (m *Meter) Another() *Meter { return &Meter{ctx: m.ctx, budget: m.budget} }

// meterStep is the number of bytes that are charged at once.
const meterStep = 64 << 10

// Use charges bytes, in steps of meterStep. After an error it always fails.
func (m *Meter) Use(bytes int) error {
	if m.due += int64(bytes); m.due < meterStep || m.err != nil {
		return m.err
	}
	if m.err = context.Cause(m.ctx); m.err == nil {
		m.err = m.budget.Charge(m.ctx, m.due)
	}
	if m.err == nil {
		m.charged, m.due = m.charged+m.due, 0
	}
	return m.err
}

// Err is the error of Use, nil if there was none.
func (m *Meter) Err() error { return m.err }

// Free returns all charged bytes.
func (m *Meter) Free() {
	m.budget.Free(m.charged)
	m.charged, m.due = 0, 0
}

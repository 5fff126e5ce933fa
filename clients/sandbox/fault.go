package sandbox

import (
	"net/http"
	"slices"
	"sync"
	"time"
)

// Op names an operation that a [Fault] can strike.
type Op string

// The operations.
const (
	OpToken       Op = "token"
	OpIntrospect  Op = "introspect"
	OpOrderStatus Op = "order_status"
)

var ops = []Op{OpToken, OpIntrospect, OpOrderStatus}

// Fault is trouble to come. It strikes before credentials are looked at. The zero
// effects leave the answer as it would be.
type Fault struct {
	// Op is the operation to strike; "" is all of them.
	Op Op
	// Account restricts the fault to order status requests of one bill-to.
	Account string
	// Times is how often it strikes: 0 is once, below 0 until it is cleared.
	Times int

	// Delay holds the answer back, or until the client goes away.
	Delay time.Duration
	// Status, with Header and Body, is answered instead; 0 lets the request through.
	Status int
	Header http.Header
	Body   string
	// ErrorCode is answered in errorHead by order status, in a 200 that is complete
	// otherwise: "1" (partial) comes with the orders, any other without.
	ErrorCode string
	// CutOff ends the connection in the middle of the answer, whichever it is.
	CutOff bool
}

// Fail arranges for a fault. Of several that apply to a request the oldest strikes
// alone. The fault ends by itself after its Times, or when clear is called, which
// may be done at any time and more than once.
func (s *Sandbox) Fail(f Fault) (clear func()) {
	f.Times = max(f.Times, -1)
	if f.Times == 0 {
		f.Times = 1
	}
	return s.faults.add(&f)
}

// faults are those that have not ended. The mutex guards the list and each fault's Times.
type faults struct {
	mu   sync.Mutex
	list []*Fault
}

func (fs *faults) add(f *Fault) (clear func()) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.list = append(fs.list, f)
	return func() {
		fs.mu.Lock()
		defer fs.mu.Unlock()
		fs.list = slices.DeleteFunc(fs.list, func(other *Fault) bool { return other == f })
	}
}

func (fs *faults) clear() {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.list = nil
}

// pending are copies of the faults that have not ended, oldest first.
func (fs *faults) pending() []Fault {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	pending := make([]Fault, len(fs.list))
	for i, f := range fs.list {
		pending[i] = *f
	}
	return pending
}

// take uses up the fault that strikes this request. account, which tells whose
// request it is, is called only when a fault asks.
func (fs *faults) take(op Op, account func() string) (f Fault, ok bool) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	i := slices.IndexFunc(fs.list, func(f *Fault) bool {
		return (f.Op == "" || f.Op == op) && (f.Account == "" || f.Account == account())
	})
	if i < 0 {
		return Fault{}, false
	}
	hit := fs.list[i]
	if hit.Times > 0 {
		hit.Times--
	}
	f = *hit
	if hit.Times == 0 {
		fs.list = slices.Delete(fs.list, i, i+1)
	}
	return f, true
}

package jq

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/itchyny/gojq"

	"orderbeat/clients"
	"orderbeat/clients/memory"
)

// The limits of one evaluation of a program, besides the memory budget of its attempt.
const (
	// maxEvaluation is how long it may take. The mapping of the largest default response takes less than
	// a second.
	maxEvaluation = 10 * time.Second
	// maxDepth is how deep a value may be nested, and how long a path may be: as deep as a response may
	// be. Functions of jq recurse over values.
	maxDepth = 10_000
	// maxNodes is how many values one step may walk over, and maxText the length of a text that one step
	// builds, in bytes.
	maxNodes = 4_000_000
	maxText  = 16 << 20
	// fewElements is how far an index may be beyond the end of a list without a charge.
	fewElements = 1000
	// maxElements is the length of a list that an operator copies.
	maxElements = 4_000_000
	// maxWork is how many comparisons one step may make.
	maxWork = 100_000_000
	// maxBits is the size of a whole number.
	maxBits = 100_000
)

// The memory of values that a program builds, in bytes.
const (
	valueBytes = 48
	stepBytes  = 64
	frameBytes = 512
	// fewPieces is the length of a text whose pieces are not counted.
	fewPieces = 4096
)

var (
	errEndless = errors.New("the program was stopped after " + maxEvaluation.String())
	errGreedy  = errors.New("the program was stopped: it needs too much memory")
	errDeep    = fmt.Errorf("a value is nested more than %d deep", maxDepth)
	errLarge   = errors.New("a value is too large for one step")
	errNumber  = errors.New("a number is too large")
	errLong    = fmt.Errorf("a text is longer than %d bytes", maxText)
)

// allowance is the remaining budget of an evaluation. A compiled program has one, for one evaluation at a time.
type allowance struct {
	ctx   context.Context //nolint:containedctx // that of the current evaluation
	meter *memory.Meter
}

// begin gives a program a new allowance until release.
func (a *allowance) begin(ctx context.Context) (limited context.Context, release func()) {
	meter := memory.NewMeter(ctx)
	limited, cancel := context.WithTimeoutCause(ctx, maxEvaluation, errEndless)
	a.ctx, a.meter = limited, meter
	return limited, func() {
		cancel()
		meter.Free()
		*a = allowance{}
	}
}

// failed returns why the allowance is exhausted, nil if it is not.
func (a *allowance) failed() error {
	if cause := context.Cause(a.ctx); cause != nil {
		return cause
	}
	err := a.meter.Err()
	if e, ok := errors.AsType[*clients.Error](err); ok {
		return fmt.Errorf("%w: %s", errGreedy, e.Message)
	}
	return err
}

// functions are the checks, by the names that [bound] and bounded.jq use. Each returns its input
// unchanged, or fails.
func (a *allowance) functions() (options []gojq.CompilerOption) {
	for name, check := range map[string]func(v any) error{
		fnBuilt:  func(v any) error { return a.meter.Use(valueBytes + shallow(v)) },
		fnObject: a.object,
		fnStep:   func(any) error { return a.meter.Use(stepBytes) },
		fnFrame:  func(v any) error { return a.meter.Use(frameBytes + shallow(v)) },
		fnWhole:  a.checkSize,
	} {
		options = append(options, gojq.WithFunction(name, 0, 0, func(v any, _ []any) any { return checked(v, check(v)) }))
	}
	for name, check := range map[string]func(v, arg any) error{
		"_ob_addable": a.addable, // bounds and charges an addition
		"_ob_atmost":  atMost,    // bounds the length of a text or a list, or a number
		fnComparable:  a.comparable,
		"_ob_each":    a.each,  // bounds work on all pairs of elements of the input and the argument
		"_ob_paths":   a.paths, // bounds a list of paths, and the values built at them
		"_ob_sum":     a.sum,   // bounds the sum of a list with its argument as separator
		"_ob_times":   a.times, // bounds a multiplication
		"_ob_use":     a.use,   // charges for each byte of a long text, or each element
	} {
		options = append(options, gojq.WithFunction(name, 1, 1, func(v any, args []any) any { return checked(v, check(v, args[0])) }))
	}
	return append(options, gojq.WithFunction("_ob_fromjson", 0, 0, func(v any, _ []any) any { return a.fromJSON(v) }))
}

func checked(v any, err error) any {
	if err != nil {
		return err
	}
	return v
}

// shallow is the approximate memory of a value without its elements.
func shallow(v any) int {
	switch v := v.(type) {
	case string:
		return len(v)
	case []any:
		const slot = 16
		return listBytes + slot*cap(v)
	case map[string]any:
		return objectSize(len(v))
	}
	return 0
}

func objectSize(members int) int {
	if members <= fewMembers {
		return objectBytes + firstMember
	}
	return objectBytes + members*memberBytes
}

func (a *allowance) object(v any) error {
	members := v.(map[string]any)
	n := objectSize(len(members))
	for name, v := range members {
		n += len(name)
		switch v := v.(type) {
		case string:
			n += len(v)
		case []any:
			n += shallow(v)
		}
	}
	return a.meter.Use(n)
}

type measure struct {
	ctx          context.Context //nolint:containedctx // for the time of the walk
	nodes, bytes int
}

func (m *measure) walk(v any, depth int) error {
	if m.nodes++; m.nodes > maxNodes {
		return errLarge
	}
	const glance = 1 << 16
	if m.nodes%glance == 0 && m.ctx.Err() != nil {
		return context.Cause(m.ctx)
	}
	if depth > maxDepth {
		return errDeep
	}
	switch v := v.(type) {
	case string:
		if m.bytes += len(v); m.bytes > maxText {
			return errLong
		}
	case []any:
		for _, e := range v {
			if err := m.walk(e, depth+1); err != nil {
				return err
			}
		}
	case map[string]any:
		for name, e := range v {
			m.bytes += len(name)
			if err := m.walk(e, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkSize returns an error for a value that is too large to be walked in one step. A shared value
// counts at each occurrence.
func (a *allowance) checkSize(v any) error {
	m := measure{ctx: a.ctx}
	return m.walk(v, 0)
}

// size is the length of a text, in bytes, and the number of elements of a list or an object.
func size(v any) (bytes, elements int) {
	switch v := v.(type) {
	case string:
		return len(v), 0
	case []any:
		return 0, len(v)
	case map[string]any:
		return 0, len(v)
	}
	return 0, 0
}

// copied returns an error for a value that is too large to be copied in one step.
func copied(bytes, elements int) error {
	switch {
	case bytes > maxText:
		return errLong
	case elements > maxElements:
		return errLarge
	}
	return nil
}

func (a *allowance) addable(left, right any) error {
	for _, v := range []any{left, right} {
		if n, ok := v.(*big.Int); ok && n.BitLen() > maxBits {
			return errNumber
		}
		if err := copied(size(v)); err != nil {
			return err
		}
	}
	return a.meter.Use(shallow(right))
}

// use charges a number of bytes for each byte of a long text, or each element.
func (a *allowance) use(v, each any) error {
	bytes, elements := size(v)
	if bytes > maxText {
		return errLong
	}
	if bytes <= fewPieces {
		bytes = 0
	}
	return a.meter.Use((bytes + elements) * each.(int))
}

// sum bounds the concatenation of a list's elements with a separator.
func (a *allowance) sum(v, separator any) error {
	between, _ := size(separator)
	bytes, elements := 0, 0
	add := func(e any) error {
		b, n := size(e)
		bytes, elements = bytes+b+between, elements+n
		return copied(bytes, elements)
	}
	list, _ := v.([]any)
	if object, ok := v.(map[string]any); ok {
		list = slices.Collect(maps.Values(object))
	}
	for _, e := range list {
		if err := add(e); err != nil {
			return err
		}
	}
	return a.meter.Use(stepBytes)
}

// paths bounds paths, and charges for lists that grow when a value is set at one of them.
func (a *allowance) paths(v, paths any) error {
	list, _ := paths.([]any)
	for _, path := range list {
		steps, _ := path.([]any)
		if len(steps) > maxDepth {
			return errDeep
		}
		at := v
		for _, step := range steps {
			switch container := at.(type) {
			case map[string]any:
				name, _ := step.(string)
				at = container[name]
			case []any, nil:
				elements, _ := container.([]any)
				n, ok := gojq.ToInt(step)
				if !ok {
					at = nil
					continue
				}
				if n-len(elements) > fewElements {
					const slot = 16
					if n > maxElements {
						return errLarge
					}
					if err := a.meter.Use(slot * n); err != nil {
						return err
					}
				}
				if at = nil; n >= 0 && n < len(elements) {
					at = elements[n]
				}
			}
		}
	}
	return a.meter.Err()
}

// atMost bounds the length of a text or a list, or a number.
func atMost(v, limit any) error {
	most := limit.(int)
	switch v := v.(type) {
	case string:
		if len(v) > most {
			return fmt.Errorf("a text of %d bytes is too long here; the limit is %d", len(v), most)
		}
	case []any:
		if len(v) > most {
			return fmt.Errorf("a list of %d elements is too long here; the limit is %d", len(v), most)
		}
	default:
		if n, ok := gojq.ToFloat64(v); ok && n > float64(most) {
			return errNumber
		}
	}
	return nil
}

// times bounds a multiplication: repetition of a text, merge of an object, growth of a number.
func (a *allowance) times(left, right any) error {
	for _, v := range []any{left, right} {
		switch v := v.(type) {
		case string:
			count, ok := gojq.ToFloat64(left)
			if other, is := gojq.ToFloat64(right); is {
				count, ok = other, true
			}
			if ok && count*float64(len(v)) > maxText {
				return errLong
			}
			return a.meter.Use(max(0, int(count*float64(len(v)))))
		case map[string]any:
			if err := a.checkSize(v); err != nil {
				return err
			}
		case *big.Int:
			if v.BitLen() > maxBits/2 {
				return errNumber
			}
		}
	}
	return nil
}

// each bounds work on all pairs of elements of two values.
func (a *allowance) each(v, arg any) error {
	left, right := measure{ctx: a.ctx}, measure{ctx: a.ctx}
	if err := left.walk(v, 0); err != nil {
		return err
	}
	if err := right.walk(arg, 0); err != nil {
		return err
	}
	_, text := v.(string)
	if pattern, ok := arg.(string); text && ok {
		// Searching is linear, but with overlapping matches it restarts at each of them.
		if len(pattern) > 1 && left.bytes > maxWork/len(pattern) {
			return errLarge
		}
		const pieceBytes = 24
		return a.use(v, pieceBytes)
	}
	if left.nodes > maxWork/right.nodes {
		return errLarge
	}
	return nil
}

// comparable bounds a comparison, which walks both values.
func (a *allowance) comparable(left, right any) error {
	if err := a.checkSize(left); err != nil {
		return err
	}
	return a.checkSize(right)
}

// fromJSON is jq's fromjson, with a limit on the values of the text.
func (a *allowance) fromJSON(v any) any {
	text, ok := v.(string)
	if !ok {
		return fmt.Errorf("fromjson cannot be applied to %s", TypeName(v))
	}
	v, err := Decode(a.meter, strings.NewReader(text), false)
	if err != nil {
		return errors.New("fromjson: the text is not JSON")
	}
	return v
}

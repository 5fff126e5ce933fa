package declared

import (
	"errors"
	"regexp"
	"slices"
	"strconv"

	"github.com/itchyny/gojq"
)

// bound rewrites a program so that nothing it does can take the process down. gojq looks at
// its context at every step, which bounds loops; but one step can build gigabytes, or
// recurse over a value as deep as the program nested it, and nothing counts what is built.
// So every place that builds or loops charges the evaluation's allowance, and what one step
// cannot bound has its input measured first: each call of one of the functions below is put
// there, and leaves the values as they are. allowance.go has what they do.
//
// Paths stay paths: where a program may stand in a path expression, a check is a binding
// (check as $x | …), not a step of the pipe.
func bound(q *gojq.Query) error {
	b := &binder{}
	b.query(q)
	return b.err
}

// binder knows which functions are the program's own where it is.
type binder struct {
	// recursive tells that a function is being rewritten that calls itself: what it binds is
	// held for each call.
	recursive bool
	own       []function
	err       error // of a function that a program cannot have
}

type function struct {
	name  string
	arity int
}

// The names of the checks; a program cannot know better than to leave them alone.
const (
	fnBuilt   = "_ob_built"   // charges for a new value
	fnObject  = "_ob_object"  // charges for a new object
	fnStep    = "_ob_step"    // charges for a round of a loop
	fnFrame   = "_ob_frame"   // charges for a call of a function that calls itself
	fnWhole   = "_ob_whole"   // measures a value that is to be walked
	fnOperand = "_ob_operand" // bounds the size of an operand
	fnAdded   = "_ob_added"   // bounds and charges what is added to something
	fnText    = "_ob_text"    // bounds the text of a value
	fnSum     = "_ob_sum"     // bounds the sum of a list
	fnPath    = "_ob_path"    // bounds a path
	fnPaths   = "_ob_paths"   // bounds a list of paths, and what values at them would make
	fnPieces  = "_ob_pieces"  // charges for the pieces of a text
	fnMembers = "_ob_members" // charges for an object for each member
	fnGrid    = "_ob_grid"    // bounds a transposition
	fnDigits  = "_ob_digits"  // bounds a text that is read as a number
	fnShort   = "_ob_short"   // bounds a format, or a count
	fnMatched = "_ob_matched" // bounds a text for a regular expression
	fnJoined  = "_ob_joined"  // bounds a list joined with its argument
	fnTimes   = "_ob_times"   // bounds a multiplication of its argument's two elements
	fnEach    = "_ob_each"    // bounds work on each of the input for each of the argument
	fnJSON    = "_ob_fromjson"
)

// comparisons are operators whose functions are ours, because they walk over values.
var comparisons = map[gojq.Operator]string{
	gojq.OpEq: "_ob_eq", gojq.OpNe: "_ob_ne", gojq.OpLt: "_ob_lt", gojq.OpLe: "_ob_le", gojq.OpGt: "_ob_gt", gojq.OpGe: "_ob_ge",
}

// updates are the operators that assign what another makes of a value.
var updates = map[gojq.Operator]gojq.Operator{
	gojq.OpUpdateAdd: gojq.OpAdd, gojq.OpUpdateSub: gojq.OpSub, gojq.OpUpdateMul: gojq.OpMul, gojq.OpUpdateDiv: gojq.OpDiv,
	gojq.OpUpdateMod: gojq.OpMod, gojq.OpUpdateAlt: gojq.OpAlt,
}

// check is what one of jq's functions needs.
type check struct {
	// input and output are checks of what it works on and what it makes. path is one of
	// its input where it may stand in a path expression.
	input, output, path string
	// args are checks of what its arguments yield, pathArgs of the same where they may
	// stand in a path expression.
	args, pathArgs []string
	// argument is a check of the input that is told the value of the first argument, which
	// is evaluated once.
	argument string
}

var checks = map[function]check{
	{"tojson", 0}:   {input: fnText, output: fnBuilt},
	{"tostring", 0}: {input: fnText, output: fnBuilt},
	{"format", 1}:   {input: fnText, output: fnBuilt},
	{"fromjson", 0}: {}, // replaced
	{"tonumber", 0}: {input: fnDigits},

	{"flatten", 0}: {input: fnWhole, output: fnBuilt}, {"flatten", 1}: {input: fnWhole, output: fnBuilt},
	{"sort", 0}: {input: fnWhole, output: fnBuilt}, {"unique", 0}: {input: fnWhole, output: fnBuilt},
	{"min", 0}: {input: fnWhole}, {"max", 0}: {input: fnWhole},
	{"sort_by", 1}: {output: fnBuilt, args: []string{fnWhole}}, {"group_by", 1}: {output: fnBuilt, args: []string{fnWhole}},
	{"unique_by", 1}: {output: fnBuilt, args: []string{fnWhole}}, {"min_by", 1}: {args: []string{fnWhole}}, {"max_by", 1}: {args: []string{fnWhole}},
	{"contains", 1}: {argument: fnEach}, {"inside", 1}: {argument: fnEach}, {"bsearch", 1}: {argument: fnEach},
	{"indices", 1}: {argument: fnEach}, {"index", 1}: {argument: fnEach}, {"rindex", 1}: {argument: fnEach},
	{"IN", 1}: {input: fnWhole, args: []string{fnWhole}}, {"IN", 2}: {args: []string{fnWhole, fnWhole}},
	{"INDEX", 1}: {args: []string{fnText}}, {"INDEX", 2}: {args: []string{fnBuilt, fnText}},
	{"JOIN", 2}: {input: fnMembers}, {"JOIN", 3}: {args: []string{"", fnBuilt}}, {"JOIN", 4}: {args: []string{"", fnBuilt}},

	{"add", 0}: {input: fnSum, output: fnBuilt}, {"join", 1}: {argument: fnJoined},
	{"explode", 0}: {input: fnPieces}, {"implode", 0}: {output: fnBuilt}, {"split", 1}: {input: fnPieces},
	{"ascii_downcase", 0}: {output: fnBuilt}, {"ascii_upcase", 0}: {output: fnBuilt},
	{"keys", 0}: {output: fnBuilt}, {"reverse", 0}: {output: fnBuilt}, {"transpose", 0}: {input: fnGrid},
	{"to_entries", 0}: {input: fnMembers}, {"from_entries", 0}: {input: fnMembers}, {"with_entries", 1}: {input: fnMembers, args: []string{fnBuilt}},
	{"combinations", 0}: {input: fnShort}, {"combinations", 1}: {args: []string{fnShort}},
	{"map", 1}: {args: []string{fnBuilt}}, {"map_values", 1}: {args: []string{fnBuilt}}, {"walk", 1}: {input: fnWhole, args: []string{fnBuilt}},

	{"recurse", 0}: {path: fnWhole}, {"paths", 0}: {input: fnWhole}, {"paths", 1}: {input: fnWhole}, {"tostream", 0}: {input: fnWhole},
	{"recurse", 1}: {pathArgs: []string{fnFrame}}, {"recurse", 2}: {pathArgs: []string{fnFrame}},
	{"while", 2}: {pathArgs: []string{"", fnStep}}, {"until", 2}: {pathArgs: []string{"", fnStep}}, {"repeat", 1}: {pathArgs: []string{fnStep}},

	{"getpath", 1}: {args: []string{fnPath}}, {"delpaths", 1}: {argument: fnPaths},
	{"path", 1}: {output: fnBuilt}, {"truncate_stream", 1}: {args: []string{fnPath}},

	{"test", 1}: {input: fnMatched}, {"test", 2}: {input: fnMatched}, {"match", 1}: {input: fnMatched}, {"match", 2}: {input: fnMatched},
	{"capture", 1}: {input: fnMatched}, {"capture", 2}: {input: fnMatched}, {"scan", 1}: {input: fnMatched}, {"scan", 2}: {input: fnMatched},
	{"splits", 1}: {input: fnMatched}, {"splits", 2}: {input: fnMatched}, {"split", 2}: {input: fnMatched},
	{"sub", 2}: {input: fnMatched, args: []string{"", fnBuilt}}, {"sub", 3}: {input: fnMatched, args: []string{"", fnBuilt}},
	{"gsub", 2}: {input: fnMatched, args: []string{"", fnBuilt}}, {"gsub", 3}: {input: fnMatched, args: []string{"", fnBuilt}},

	{"strptime", 1}: {input: fnShort, args: []string{fnShort}}, {"strftime", 1}: {args: []string{fnShort}}, {"strflocaltime", 1}: {args: []string{fnShort}},
	{"jn", 2}: {args: []string{fnShort}}, {"yn", 2}: {args: []string{fnShort}},
	{"ltrimstr", 1}: {}, {"rtrimstr", 1}: {},
}

// fromStream is the one function of jq that programs cannot have: they have no use for it,
// and nothing bounds it.
var fromStream = function{"fromstream", 1}

func (b *binder) query(q *gojq.Query) {
	if q == nil {
		return
	}
	before := len(b.own)
	for _, f := range q.FuncDefs {
		b.define(f)
	}
	defer func() { b.own = b.own[:before] }()
	if q.Term != nil {
		b.term(q.Term)
		return
	}
	b.patterns(q.Patterns)
	if op, ok := updates[q.Op]; ok {
		b.update(q, op)
		return
	}
	b.query(q.Left)
	b.query(q.Right)
	if len(q.Patterns) > 0 && b.recursive {
		q.Left = pipe(q.Left, named(fnBuilt))
	}
	switch q.Op {
	case gojq.OpAdd:
		q.Left, q.Right = operand(q.Left, fnOperand), operand(q.Right, fnAdded)
	case gojq.OpSub, gojq.OpDiv:
		both(q, fnEach)
	case gojq.OpMul:
		both(q, fnTimes)
	case gojq.OpAssign, gojq.OpModify:
		b.assign(q)
	default:
		if name, ok := comparisons[q.Op]; ok {
			*q = gojq.Query{Term: call(name, q.Left, q.Right), FuncDefs: q.FuncDefs}
		}
	}
}

// define rewrites a function's body. One that calls itself is charged for at each call.
func (b *binder) define(f *gojq.FuncDef) {
	b.own = append(b.own, function{f.Name, len(f.Args)})
	before := len(b.own)
	for _, arg := range f.Args {
		if arg[0] == '$' {
			arg = arg[1:]
		}
		b.own = append(b.own, function{arg, 0})
	}
	recursive := regexp.MustCompile(`\b` + f.Name + `\b`).MatchString(f.Body.String()) // or it looks so, which costs little
	outer := b.recursive
	b.recursive = outer || recursive
	b.query(f.Body)
	b.recursive = outer
	b.own = b.own[:before]
	if !recursive {
		return
	}
	for _, arg := range f.Args {
		if arg[0] == '$' {
			f.Body = binding(pipe(named(arg), named(fnBuilt)), f.Body)
		}
	}
	f.Body = binding(named(fnFrame), f.Body)
}

func (b *binder) term(t *gojq.Term) {
	for _, s := range t.SuffixList {
		b.index(s.Index)
	}
	switch t.Type {
	case gojq.TermTypeIndex:
		b.index(t.Index)
	case gojq.TermTypeFunc:
		b.call(t)
	case gojq.TermTypeObject:
		for _, kv := range t.Object.KeyVals {
			b.text(kv.KeyString)
			b.query(kv.KeyQuery)
			b.query(kv.Val)
		}
		enclose(t, func(q *gojq.Query) *gojq.Query { return pipe(q, named(fnObject)) })
	case gojq.TermTypeArray:
		if t.Array.Query != nil {
			b.query(t.Array.Query)
			t.Array.Query = charged(t.Array.Query)
		}
	case gojq.TermTypeUnary:
		b.term(t.Unary.Term)
	case gojq.TermTypeFormat, gojq.TermTypeString:
		b.text(t.Str)
		if t.Str == nil || len(t.Str.Queries) > 0 {
			enclose(t, func(q *gojq.Query) *gojq.Query {
				if t.Str == nil {
					q = pipe(named(fnText), q)
				}
				return pipe(q, named(fnBuilt))
			})
		}
	case gojq.TermTypeIf:
		b.query(t.If.Cond)
		b.query(t.If.Then)
		for _, e := range t.If.Elif {
			b.query(e.Cond)
			b.query(e.Then)
		}
		b.query(t.If.Else)
	case gojq.TermTypeTry:
		b.query(t.Try.Body)
		b.query(t.Try.Catch)
	case gojq.TermTypeReduce:
		b.query(t.Reduce.Query)
		b.patterns(t.Reduce.Patterns)
		b.query(t.Reduce.Start)
		b.query(t.Reduce.Update)
		t.Reduce.Update = binding(named(fnStep), t.Reduce.Update)
	case gojq.TermTypeForeach:
		b.query(t.Foreach.Query)
		b.patterns(t.Foreach.Patterns)
		b.query(t.Foreach.Start)
		b.query(t.Foreach.Update)
		t.Foreach.Update = binding(named(fnStep), t.Foreach.Update)
		b.query(t.Foreach.Extract)
	case gojq.TermTypeLabel:
		b.query(t.Label.Body)
	case gojq.TermTypeQuery:
		b.query(t.Query)
	case gojq.TermTypeRecurse:
		enclose(t, func(q *gojq.Query) *gojq.Query { return binding(named(fnWhole), q) })
	default: // a value, or something that only jumps
	}
}

func (b *binder) index(i *gojq.Index) {
	if i == nil {
		return
	}
	b.text(i.Str)
	b.query(i.Start)
	b.query(i.End)
}

// text rewrites the programs in a text, whose values become texts.
func (b *binder) text(s *gojq.String) {
	if s == nil {
		return
	}
	for i, q := range s.Queries {
		if q.Term == nil || q.Term.Str == nil {
			b.query(q)
			s.Queries[i] = paren(pipe(q, named(fnText)))
		}
	}
}

func (b *binder) patterns(patterns []*gojq.Pattern) {
	for _, p := range patterns {
		b.patterns(p.Array)
		for _, o := range p.Object {
			b.text(o.KeyString)
			b.query(o.KeyQuery)
			if o.Val != nil {
				b.patterns([]*gojq.Pattern{o.Val})
			}
		}
	}
}

// call rewrites the call of a function.
func (b *binder) call(t *gojq.Term) {
	f := t.Func
	for _, arg := range f.Args {
		b.query(arg)
	}
	name := function{f.Name, len(f.Args)}
	if f.Name[0] == '$' || slices.Contains(b.own, name) {
		return
	}
	switch name {
	case fromStream:
		b.err = errors.New("function not defined: fromstream/1") // as gojq has it
		return
	case function{"fromjson", 0}:
		f.Name = fnJSON
		return
	case function{"add", 1}: // of what it is jq's shorthand for
		enclose(t, func(*gojq.Query) *gojq.Query {
			list := &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeArray, Array: &gojq.Array{Query: charged(f.Args[0])}}}
			return pipe(pipe(pipe(list, named(fnSum)), query(call("add"))), named(fnBuilt))
		})
		return
	case function{"del", 1}, function{"pick", 1}:
		enclose(t, func(*gojq.Query) *gojq.Query { return atPaths(f.Args[0], query(call(f.Name, pathsFound()))) })
		return
	case function{"setpath", 2}:
		enclose(t, func(*gojq.Query) *gojq.Query {
			list := &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeArray, Array: &gojq.Array{Query: f.Args[0]}}}
			each := query(call("$_ob_at"))
			each.Term.SuffixList = []*gojq.Suffix{{Iter: true}}
			return bindAs(list, "$_ob_at", binding(query(call(fnPaths, query(call("$_ob_at")))), query(call("setpath", each, pipe(f.Args[1], named(fnBuilt))))))
		})
		return
	}
	c, ok := checks[name]
	if !ok {
		return
	}
	for i, arg := range f.Args {
		if i < len(c.args) && c.args[i] != "" {
			f.Args[i] = pipe(arg, named(c.args[i]))
		}
		if i < len(c.pathArgs) && c.pathArgs[i] != "" {
			f.Args[i] = pipe(arg, binding(named(c.pathArgs[i]), identity()))
		}
	}
	if c.input == "" && c.output == "" && c.path == "" && c.argument == "" {
		return
	}
	enclose(t, func(q *gojq.Query) *gojq.Query {
		if c.argument != "" {
			argument := f.Args[0]
			f.Args[0] = query(call("$_ob_arg"))
			q = bindAs(argument, "$_ob_arg", binding(query(call(c.argument, query(call("$_ob_arg")))), q))
		}
		if c.input != "" {
			q = pipe(named(c.input), q)
		}
		if c.path != "" {
			q = binding(named(c.path), q)
		}
		if c.output != "" {
			q = pipe(q, named(c.output))
		}
		return q
	})
}

// update rewrites l += r as r as $x | l |= . + $x, which is what it means.
func (b *binder) update(q *gojq.Query, op gojq.Operator) {
	value := q.Right
	b.query(value)
	modify := &gojq.Query{Left: q.Left, Op: gojq.OpModify, Right: &gojq.Query{Left: identity(), Op: op, Right: query(call("$_ob_by"))}}
	b.query(modify)
	*q = *withDefs(bindAs(value, "$_ob_by", modify), q.FuncDefs)
}

// assign rewrites l = r and l |= r, whose sides are rewritten already: what l leads to is
// found and checked first.
func (b *binder) assign(q *gojq.Query) {
	q.Right = pipe(q.Right, named(fnBuilt))
	if simplePath(q.Left) {
		return
	}
	if q.Op == gojq.OpAssign { // the value is that of the whole, not of each place
		value := q.Right
		set := &gojq.Query{Left: pathsFound(), Op: gojq.OpAssign, Right: query(call("$_ob_by"))}
		*q = *withDefs(bindAs(value, "$_ob_by", atPaths(q.Left, set)), q.FuncDefs)
		return
	}
	left := q.Left
	*q = *withDefs(atPaths(left, &gojq.Query{Left: pathsFound(), Op: q.Op, Right: q.Right}), q.FuncDefs)
}

// atPaths finds the paths of an expression, checks them, and goes on with $_ob_at.
func atPaths(left, then *gojq.Query) *gojq.Query {
	found := &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeArray, Array: &gojq.Array{Query: pipe(query(call("path", left)), named(fnBuilt))}}}
	return bindAs(found, "$_ob_at", binding(query(call(fnPaths, query(call("$_ob_at")))), then))
}

// pathsFound is a path expression of the paths that atPaths found.
func pathsFound() *gojq.Query {
	each := query(call("$_ob_at"))
	each.Term.SuffixList = []*gojq.Suffix{{Iter: true}}
	return query(call("getpath", each))
}

// fewElements is how far an index may lead that stands in a program.
const fewElements = 1000

// simplePath reports whether a path is written out, like .a.b[0].
func simplePath(q *gojq.Query) bool {
	t := q.Term
	if t == nil || len(q.FuncDefs) > 0 || t.Type != gojq.TermTypeIdentity && t.Type != gojq.TermTypeIndex {
		return false
	}
	if t.Type == gojq.TermTypeIndex && !simpleIndex(t.Index) {
		return false
	}
	for _, s := range t.SuffixList {
		if s.Index == nil || !simpleIndex(s.Index) {
			return false
		}
	}
	return true
}

func simpleIndex(i *gojq.Index) bool {
	if i.Name != "" || i.Str != nil && len(i.Str.Queries) == 0 {
		return true
	}
	if i.Start == nil || i.IsSlice || i.Start.Term == nil || i.Start.Term.Type != gojq.TermTypeNumber || len(i.Start.Term.SuffixList) > 0 {
		return false
	}
	n, err := strconv.Atoi(i.Start.Term.Number)
	return err == nil && n <= fewElements
}

// both binds the sides of an operator, which gojq evaluates from the right, and has a check
// look at both.
func both(q *gojq.Query, name string) {
	left, right, op, defs := q.Left, q.Right, q.Op, q.FuncDefs
	apply := &gojq.Query{Left: query(call("$_ob_l")), Op: op, Right: query(call("$_ob_r"))}
	checked := binding(pipe(query(call("$_ob_l")), query(call(name, query(call("$_ob_r"))))), apply)
	*q = *withDefs(bindAs(right, "$_ob_r", bindAs(left, "$_ob_l", checked)), defs)
}

// operand checks one side of an operator unless it is written out.
func operand(q *gojq.Query, name string) *gojq.Query {
	if literal(q) {
		return q
	}
	return paren(pipe(q, named(name)))
}

func literal(q *gojq.Query) bool {
	if q.Term == nil || len(q.FuncDefs) > 0 || len(q.Term.SuffixList) > 0 {
		return false
	}
	switch q.Term.Type {
	case gojq.TermTypeNumber, gojq.TermTypeNull, gojq.TermTypeTrue, gojq.TermTypeFalse:
		return true
	case gojq.TermTypeString:
		return len(q.Term.Str.Queries) == 0
	default:
		return false
	}
}

// charged has each value of a list charged for.
func charged(q *gojq.Query) *gojq.Query { return pipe(q, named(fnBuilt)) }

// The rest makes pieces of programs.

func query(t *gojq.Term) *gojq.Query { return &gojq.Query{Term: t} }

func identity() *gojq.Query { return query(&gojq.Term{Type: gojq.TermTypeIdentity}) }

func call(name string, args ...*gojq.Query) *gojq.Term {
	return &gojq.Term{Type: gojq.TermTypeFunc, Func: &gojq.Func{Name: name, Args: args}}
}

// named is the call of a function without arguments.
func named(name string) *gojq.Query { return query(call(name)) }

func pipe(left, right *gojq.Query) *gojq.Query {
	return &gojq.Query{Left: left, Op: gojq.OpPipe, Right: right}
}

// bindAs is: value as $name | body.
func bindAs(value *gojq.Query, name string, body *gojq.Query) *gojq.Query {
	return &gojq.Query{Left: value, Op: gojq.OpPipe, Patterns: []*gojq.Pattern{{Name: name}}, Right: body}
}

// binding has a check made before body, which sees the same input.
func binding(check, body *gojq.Query) *gojq.Query { return bindAs(check, "$_ob", body) }

func withDefs(q *gojq.Query, defs []*gojq.FuncDef) *gojq.Query {
	q.FuncDefs = defs
	return q
}

func paren(q *gojq.Query) *gojq.Query {
	return query(&gojq.Term{Type: gojq.TermTypeQuery, Query: q})
}

// enclose puts what is made of a term into its place, before what is behind it.
func enclose(t *gojq.Term, with func(*gojq.Query) *gojq.Query) {
	inner, suffixes := *t, t.SuffixList
	inner.SuffixList = nil
	*t = gojq.Term{Type: gojq.TermTypeQuery, Query: with(query(&inner)), SuffixList: suffixes}
}

package jq

import (
	_ "embed"
	"errors"
	"reflect"
	"regexp"
	"slices"
	"sync"

	"github.com/itchyny/gojq"
)

// bound rewrites a program so that it cannot exhaust the process. gojq checks its context at every
// step, which bounds loops; but one step can build gigabytes, or recurse over a value as deep as the
// program nested it, and nothing limits what is built. So every expression that builds or loops
// charges the evaluation's allowance, and the input of an unbounded step is measured first.
//
// There are two parts. Functions of jq that need it, and assignments, have bounded definitions in
// bounded.jq, which precede the program. What no definition can replace, such as brackets, texts and
// loops, is rewritten here. Both call the checks of allowance.go.
func bound(q *gojq.Query) error {
	if err := refuseStreams(q); err != nil {
		return err
	}
	visitAll(q, boundRecursion)
	visitAll(q, boundSyntax)
	q.FuncDefs = append(definitionsFor(q), q.FuncDefs...)
	return nil
}

// The names of the checks, which are of no use to programs. Those that only bounded.jq calls are in
// allowance.go.
const (
	fnBuilt  = "_ob_built"  // charges for a new value
	fnObject = "_ob_object" // charges for a new object
	fnStep   = "_ob_step"   // charges for an iteration of a loop
	fnFrame  = "_ob_frame"  // charges for a call of a recursive function
	fnWhole  = "_ob_whole"  // measures a value before it is walked
	fnDay    = "_ob_day"    // the function date without arguments

	fnComparable = "_ob_comparable" // bounds a comparison
)

// operands are operators whose operands are checked: the check has the left one as input and the right one,
// which jq evaluates first, as argument.
var operands = map[gojq.Operator]string{
	gojq.OpAdd: "_ob_addable", gojq.OpSub: "_ob_each", gojq.OpMul: "_ob_times", gojq.OpDiv: "_ob_each",
	gojq.OpEq: fnComparable, gojq.OpNe: fnComparable, gojq.OpLt: fnComparable, gojq.OpLe: fnComparable, gojq.OpGt: fnComparable, gojq.OpGe: fnComparable,
}

// assignments are operators that bounded.jq defines.
var assignments = map[gojq.Operator]string{
	gojq.OpAssign: "assign", gojq.OpModify: "modify",
	gojq.OpUpdateAdd: "update_plus", gojq.OpUpdateSub: "update_minus", gojq.OpUpdateMul: "update_multiply", gojq.OpUpdateDiv: "update_divide",
	gojq.OpUpdateMod: "update_modulo", gojq.OpUpdateAlt: "update_alternative",
}

// boundSyntax rewrites a node whose parts have been rewritten.
func boundSyntax(node any) {
	switch n := node.(type) {
	case *gojq.Query:
		boundOperator(n)
	case *gojq.String: // its values are converted to texts
		for i, q := range n.Queries {
			if q.Term == nil || q.Term.Str == nil {
				n.Queries[i] = paren(pipe(q, named(fnWhole)))
			}
		}
	case *gojq.Term:
		boundTerm(n)
	}
}

func boundOperator(q *gojq.Query) {
	if name, ok := assignments[q.Op]; ok {
		*q = gojq.Query{Term: call(boundedPrefix+name, q.Left, q.Right), FuncDefs: q.FuncDefs}
		return
	}
	check, ok := operands[q.Op]
	if !ok || q.Op != gojq.OpMul && (plain(q.Left, q.Op) || plain(q.Right, q.Op)) {
		return
	}
	right := named("$_ob_right")
	checked := paren(pipe(q.Left, query(call(check, right))))
	bound := bindAs(q.Right, "$_ob_right", &gojq.Query{Left: checked, Op: q.Op, Right: right})
	bound.FuncDefs = q.FuncDefs
	*q = *bound
}

// plain reports whether an operand is a literal that needs no check because nothing can grow: a number
// and, in comparisons, a text, true, false or null.
func plain(q *gojq.Query, op gojq.Operator) bool {
	if q.Term == nil || len(q.FuncDefs) > 0 || len(q.Term.SuffixList) > 0 {
		return false
	}
	switch q.Term.Type {
	case gojq.TermTypeNumber:
		return true
	case gojq.TermTypeString:
		return operands[op] == fnComparable && len(q.Term.Str.Queries) == 0
	case gojq.TermTypeNull, gojq.TermTypeTrue, gojq.TermTypeFalse:
		return operands[op] == fnComparable
	default:
		return false
	}
}

func boundTerm(t *gojq.Term) {
	switch {
	case t.Type == gojq.TermTypeArray && t.Array.Query != nil:
		t.Array.Query = pipe(t.Array.Query, named(fnBuilt))
	case t.Type == gojq.TermTypeObject:
		wrapTerm(t, func(q *gojq.Query) *gojq.Query { return pipe(q, named(fnObject)) })
	case t.Type == gojq.TermTypeFormat && t.Str == nil:
		wrapTerm(t, func(q *gojq.Query) *gojq.Query { return pipe(pipe(named(fnWhole), q), named(fnBuilt)) })
	case t.Type == gojq.TermTypeFormat, t.Type == gojq.TermTypeString && len(t.Str.Queries) > 0:
		wrapTerm(t, func(q *gojq.Query) *gojq.Query { return pipe(q, named(fnBuilt)) })
	case t.Type == gojq.TermTypeReduce:
		t.Reduce.Update = binding(named(fnStep), t.Reduce.Update)
	case t.Type == gojq.TermTypeForeach:
		t.Foreach.Update = binding(named(fnStep), t.Foreach.Update)
	case t.Type == gojq.TermTypeRecurse:
		t.Type, t.Func = gojq.TermTypeFunc, &gojq.Func{Name: boundedPrefix + "recurse"}
	}
}

// boundRecursion charges for each call of a recursive function, and for its bindings, which are held
// during the call.
func boundRecursion(node any) {
	f, ok := node.(*gojq.FuncDef)
	if !ok || !regexp.MustCompile(`\b`+f.Name+`\b`).MatchString(f.Body.String()) { // a false match costs little
		return
	}
	visitAll(f.Body, func(node any) {
		if q, ok := node.(*gojq.Query); ok && len(q.Patterns) > 0 && q.Patterns[0].Name != checkVariable {
			q.Left = pipe(q.Left, named(fnBuilt))
		}
	})
	for _, arg := range f.Args {
		if arg[0] == '$' {
			f.Body = binding(pipe(named(arg), named(fnBuilt)), f.Body)
		}
	}
	f.Body = binding(named(fnFrame), f.Body)
}

// refuseStreams rejects fromstream, the only function that cannot be bounded; mappings do not need
// it.
func refuseStreams(q *gojq.Query) (err error) {
	visitAll(q, func(node any) {
		if f, ok := node.(*gojq.Func); ok && f.Name == "fromstream" && len(f.Args) == 1 {
			err = errors.New("function not defined: fromstream/1") // gojq's message
		}
	})
	return err
}

//go:embed bounded.jq
var boundedText string

// boundedPrefix is the prefix of the names in bounded.jq, so that a definition can call jq's own
// function, and a program's functions do not hide those that boundSyntax calls.
const boundedPrefix = "_bounded_"

type function struct {
	name  string
	arity int
}

// boundedDefinitions are the definitions of bounded.jq, in their order.
var boundedDefinitions = sync.OnceValue(func() []*gojq.FuncDef {
	q, err := gojq.Parse(boundedText)
	if err != nil {
		panic("jq: bounded.jq: " + err.Error())
	}
	return q.FuncDefs
})

// definitionsFor returns the bounded definitions that a program needs: first under their own names, then,
// for the program, under the names of jq's functions.
func definitionsFor(q *gojq.Query) (defs []*gojq.FuncDef) {
	called := map[function]bool{}
	note := func(node any) {
		if f, ok := node.(*gojq.Func); ok {
			called[function{f.Name, len(f.Args)}] = true
		}
	}
	visitAll(q, note)
	var aliases []*gojq.FuncDef
	for _, d := range slices.Backward(boundedDefinitions()) { // a definition uses earlier ones
		bounded := boundedPrefix + d.Name
		if len(d.Name) > len(boundedPrefix) && d.Name[:len(boundedPrefix)] == boundedPrefix {
			bounded = d.Name
		}
		plain := called[function{d.Name, len(d.Args)}]
		if !plain && !called[function{bounded, len(d.Args)}] {
			continue
		}
		visitAll(d.Body, note)
		defs = append(defs, &gojq.FuncDef{Name: bounded, Args: d.Args, Body: d.Body})
		if plain && bounded != d.Name {
			args := make([]*gojq.Query, len(d.Args))
			for i, arg := range d.Args {
				args[i] = named(arg)
			}
			aliases = append(aliases, &gojq.FuncDef{Name: d.Name, Args: d.Args, Body: query(call(bounded, args...))})
		}
	}
	slices.Reverse(defs)
	return append(defs, aliases...)
}

// visitAll visits all nodes of a program, parts before the whole.
func visitAll(node any, visit func(node any)) { visitIn(reflect.ValueOf(node), visit) }

func visitIn(v reflect.Value, visit func(node any)) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			visitIn(v.Elem(), visit)
			visit(v.Interface())
		}
	case reflect.Struct:
		for _, field := range v.Fields() {
			visitIn(field, visit)
		}
	case reflect.Slice:
		for i := range v.Len() {
			visitIn(v.Index(i), visit)
		}
	default: // a name or a number
	}
}

// The rest builds parts of programs.

func query(t *gojq.Term) *gojq.Query { return &gojq.Query{Term: t} }

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

// checkVariable is the unused variable of binding.
const checkVariable = "$_ob"

// binding evaluates a check before body, with the same input. If body is a path expression, so is the
// result.
func binding(check, body *gojq.Query) *gojq.Query { return bindAs(check, checkVariable, body) }

func paren(q *gojq.Query) *gojq.Query {
	return query(&gojq.Term{Type: gojq.TermTypeQuery, Query: q})
}

// wrapTerm wraps a term in with, before its suffixes.
func wrapTerm(t *gojq.Term, with func(*gojq.Query) *gojq.Query) {
	inner, suffixes := *t, t.SuffixList
	inner.SuffixList = nil
	*t = gojq.Term{Type: gojq.TermTypeQuery, Query: with(query(&inner)), SuffixList: suffixes}
}

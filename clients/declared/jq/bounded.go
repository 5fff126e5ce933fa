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

// bound rewrites a program so that nothing it does can take the process down. gojq looks at
// its context at every step, which bounds loops; but one step can build gigabytes, or
// recurse over a value as deep as the program nested it, and nothing counts what is built.
// So every place that builds or loops charges the evaluation's allowance, and what one step
// cannot bound has its input measured first.
//
// There are two parts. The functions of jq that need it, and assignments, have bounded
// definitions, in bounded.jq, which come before the program. What no definition can replace,
// as brackets, texts and loops, is rewritten here. Both call the checks of allowance.go.
func bound(q *gojq.Query) error {
	if err := refuseStreams(q); err != nil {
		return err
	}
	visitAll(q, boundRecursion)
	visitAll(q, boundSyntax)
	q.FuncDefs = append(definitionsFor(q), q.FuncDefs...)
	return nil
}

// The checks; a program cannot know better than to leave them alone. Those that only
// bounded.jq calls are named in allowance.go.
const (
	fnBuilt  = "_ob_built"  // charges for a new value
	fnObject = "_ob_object" // charges for a new object
	fnStep   = "_ob_step"   // charges for a round of a loop
	fnFrame  = "_ob_frame"  // charges for a call of a function that calls itself
	fnWhole  = "_ob_whole"  // measures a value that is to be walked
	fnDay    = "_ob_day"    // is date without arguments

	fnComparable = "_ob_comparable" // bounds a comparison
)

// operands are operators whose operands are checked: the left one by a check that is told the
// right one, which jq evaluates first.
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

// boundSyntax rewrites a node whose parts are rewritten already.
func boundSyntax(node any) {
	switch n := node.(type) {
	case *gojq.Query:
		boundOperator(n)
	case *gojq.String: // the values in it become texts
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

// plain reports whether an operand is written out with which nothing can grow or be walked
// over: a number and, to compare with, a text, true, false or null.
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
		enclose(t, func(q *gojq.Query) *gojq.Query { return pipe(q, named(fnObject)) })
	case t.Type == gojq.TermTypeFormat && t.Str == nil:
		enclose(t, func(q *gojq.Query) *gojq.Query { return pipe(pipe(named(fnWhole), q), named(fnBuilt)) })
	case t.Type == gojq.TermTypeFormat, t.Type == gojq.TermTypeString && len(t.Str.Queries) > 0:
		enclose(t, func(q *gojq.Query) *gojq.Query { return pipe(q, named(fnBuilt)) })
	case t.Type == gojq.TermTypeReduce:
		t.Reduce.Update = binding(named(fnStep), t.Reduce.Update)
	case t.Type == gojq.TermTypeForeach:
		t.Foreach.Update = binding(named(fnStep), t.Foreach.Update)
	case t.Type == gojq.TermTypeRecurse:
		t.Type, t.Func = gojq.TermTypeFunc, &gojq.Func{Name: boundedPrefix + "recurse"}
	}
}

// boundRecursion charges for each call of a function that calls itself, and for what it
// binds, which is held for each call.
func boundRecursion(node any) {
	f, ok := node.(*gojq.FuncDef)
	if !ok || !regexp.MustCompile(`\b`+f.Name+`\b`).MatchString(f.Body.String()) { // where it only looks so, that costs little
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

// refuseStreams has programs do without the one function of jq that they cannot have: they
// have no use for fromstream, and nothing bounds it.
func refuseStreams(q *gojq.Query) (err error) {
	visitAll(q, func(node any) {
		if f, ok := node.(*gojq.Func); ok && f.Name == "fromstream" && len(f.Args) == 1 {
			err = errors.New("function not defined: fromstream/1") // as gojq has it
		}
	})
	return err
}

//go:embed bounded.jq
var boundedText string

// boundedPrefix begins the names of what bounded.jq defines, so that a definition can call
// jq's own function by its name, and a program's own functions hide none of what boundSyntax
// calls.
const boundedPrefix = "_bounded_"

// function identifies a function of jq.
type function struct {
	name  string
	arity int
}

// boundedDefinitions are those of bounded.jq, in their order.
var boundedDefinitions = sync.OnceValue(func() []*gojq.FuncDef {
	q, err := gojq.Parse(boundedText)
	if err != nil {
		panic("jq: bounded.jq: " + err.Error())
	}
	return q.FuncDefs
})

// definitionsFor are the bounded definitions that a program needs: first under names of their
// own, then, for the program, under those of jq's functions.
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

// visitAll visits all that a node of a program is made of, parts before the whole.
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

// checkVariable is what binding binds, which nobody reads.
const checkVariable = "$_ob"

// binding has a check made before body, which sees the same input. Where body is a path
// expression, so is this.
func binding(check, body *gojq.Query) *gojq.Query { return bindAs(check, checkVariable, body) }

func paren(q *gojq.Query) *gojq.Query {
	return query(&gojq.Term{Type: gojq.TermTypeQuery, Query: q})
}

// enclose puts what is made of a term into its place, before what is behind it.
func enclose(t *gojq.Term, with func(*gojq.Query) *gojq.Query) {
	inner, suffixes := *t, t.SuffixList
	inner.SuffixList = nil
	*t = gojq.Term{Type: gojq.TermTypeQuery, Query: with(query(&inner)), SuffixList: suffixes}
}

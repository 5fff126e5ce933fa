package jq

import (
	"slices"
	"strings"

	"github.com/itchyny/gojq"
)

// fnUnread converts an error and its input to a value.
const fnUnread = "_ob_unread"

// UnreadMember is the name of the member that marks such a value: no mapping is likely to use it.
const UnreadMember = "\x00unread"

// isolate makes a mapping continue after an order that fails: what follows an iteration, as in
// .orders[] | {…}, is tried for each element.
func isolate(q *gojq.Query) {
	if q == nil {
		return
	}
	switch {
	case q.Op == gojq.OpPipe:
		isolate(q.Right)
		if len(q.Patterns) == 0 && iterates(q.Left) {
			q.Right = tried(q.Right)
		}
	case q.Op == gojq.OpComma:
		isolate(q.Left)
		isolate(q.Right)
	case q.Term == nil || len(q.Term.SuffixList) > 0:
	case q.Term.Type == gojq.TermTypeArray:
		isolate(q.Term.Array.Query)
	case q.Term.Type == gojq.TermTypeQuery:
		isolate(q.Term.Query)
	case q.Term.Type == gojq.TermTypeFunc && q.Term.Func.Name == "map" && len(q.Term.Func.Args) == 1:
		isolate(q.Term.Func.Args[0])
		q.Term.Func.Args[0] = tried(q.Term.Func.Args[0])
	}
}

// iterates reports whether a program ends with an iteration.
func iterates(q *gojq.Query) bool {
	if q.Op == gojq.OpPipe {
		return iterates(q.Right)
	}
	return q.Term != nil && slices.ContainsFunc(q.Term.SuffixList, func(s *gojq.Suffix) bool { return s.Iter })
}

// tried is: . as $in | try q catch unread($in).
func tried(q *gojq.Query) *gojq.Query {
	caught := query(call(fnUnread, query(call("$_ob_in"))))
	try := query(&gojq.Term{Type: gojq.TermTypeTry, Try: &gojq.Try{Body: paren(q), Catch: caught}})
	return bindAs(query(&gojq.Term{Type: gojq.TermTypeIdentity}), "$_ob_in", try)
}

// unread is the result of fnUnread. Its text repeats nothing of the input.
func (p *Program) unread(caught any, args []any) any {
	return map[string]any{UnreadMember: p.discreetCaught(caught), "order": OrderName(args[0])}
}

// names are usual names of an order's number, folded, the likelier ones first.
var names = []string{"orderid", "ordernumber", "orderno", "salesorder", "salesordernumber", "number", "no", "id"}

// OrderName is the order number in an element of a response, "" if unknown.
func OrderName(v any) string {
	object, _ := v.(map[string]any)
	found, best := "", len(names)
	for name, v := range object {
		text, ok := PlainText(v)
		if at := slices.Index(names, FoldName(name)); ok && at >= 0 && at < best {
			found, best = text, at
		}
	}
	const most = 80 // bytes
	return strings.ToValidUTF8(found[:min(len(found), most)], "")
}

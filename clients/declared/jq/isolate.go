package jq

import (
	"slices"
	"strings"

	"github.com/itchyny/gojq"
)

// fnUnread makes of an error, and of what the program failed at, a value that says so.
const fnUnread = "_ob_unread"

// UnreadMember is the member that such a value has, and no other: no JSON text in a
// declaration is likely to have it.
const UnreadMember = "\x00unread"

// isolate has a mapping go on behind an order that it fails at: what follows a list that
// is gone through, as in .orders[] | {…}, is tried for each of its elements.
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

// iterates reports whether a program goes through a list at its end.
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
	return bindAs(identity(), "$_ob_in", try)
}

// unread is what fnUnread makes. Its text repeats nothing of the input.
func (p *Program) unread(caught any, args []any) any {
	return map[string]any{UnreadMember: p.discreetCaught(caught), "order": OrderName(args[0])}
}

// names are how providers call the number of an order, folded, the likelier ones first.
var names = []string{"orderid", "ordernumber", "orderno", "salesorder", "salesordernumber", "number", "no", "id"}

// OrderName is what an element of an answer calls itself, "" where that is not known.
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

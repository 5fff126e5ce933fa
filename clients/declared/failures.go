package declared

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"orderbeat/clients"
	"orderbeat/clients/declared/jq"
	"orderbeat/clients/httpapi"
	"orderbeat/clients/plain"
)

// The outcomes of a failure rule that are not errors.
const (
	outcomeNone    = "none"    // no orders match
	outcomePartial = "partial" // there are orders, and a problem
)

var codes = []string{
	string(clients.CodeInvalid), string(clients.CodeForbidden), string(clients.CodeThrottled),
	string(clients.CodeUnavailable), string(clients.CodeBadResponse), outcomeNone, outcomePartial, string(clients.CodeUnauthorized),
}

type rule struct {
	statuses []int
	when     *jq.Program
	code     string
	message  *jq.Template
	hint     string
}

func (c *compiler) ruleList(key string, failures []failure) (rules []rule) {
	for i, f := range failures {
		at := fmt.Sprintf("%s[%d]", key, i)
		r := rule{statuses: f.Status, when: c.optional(at+".when", f.When), code: f.Code, hint: f.Hint}
		if f.Message != "" {
			r.message = c.template(at+".message", f.Message)
		}
		switch {
		case f.Code == "":
			c.wrong.Add(at+".code", "is missing: one of %s", strings.Join(codes, ", "))
		case !slices.Contains(codes, f.Code):
			c.wrong.Add(at+".code", "must be one of %s, not %.40q", strings.Join(codes, ", "), f.Code)
		}
		if len(f.Status) == 0 && f.When == "" {
			c.wrong.Add(at, "needs a status, or a condition in when: otherwise every response would be a failure")
		}
		c.statuses(at+".status", f.Status)
		rules = append(rules, r)
	}
	return rules
}

// verdict is the result of the failure rules: outcome is "" if none applies.
type verdict struct {
	outcome string
	message string
	hint    string
}

// failed is the verdict as an error, nil if it is not one.
func (v verdict) failed() *clients.Error {
	switch v.outcome {
	case "", outcomeNone, outcomePartial:
		return nil
	}
	return &clients.Error{Code: clients.Code(v.outcome), Message: v.message, Hint: v.hint}
}

// applyRules applies the first matching rule to a response. body is the response as JSON, otherwise as a
// text, or null.
func applyRules(ctx context.Context, rules []rule, status int, body any, s jq.Scope) (verdict, error) {
	s = s.With("status", status)
	for _, r := range rules {
		if len(r.statuses) > 0 && !slices.Contains(r.statuses, status) {
			continue
		}
		if len(r.statuses) == 0 && (status < 200 || status > 299) && r.when == nil {
			continue
		}
		if r.when != nil {
			met, err := r.when.One(ctx, body, s)
			if err != nil || met == nil || met == false {
				continue // a condition that fails on this response is false, as in jq
			}
		}
		v := verdict{outcome: r.code, hint: r.hint, message: "declared as a failure"}
		if r.message != nil {
			text, err := r.message.Text(ctx, body, s, func(s string) string { return s })
			const most = 200 // characters
			if text = plain.Short(text, most); err == nil && text != "" {
				v.message = text
			}
		}
		return v, ctx.Err()
	}
	return verdict{}, ctx.Err()
}

// loose decodes any body: as JSON, else as a text, null if it is blank.
func loose(body []byte) any {
	if v, _, err := parseJSON(string(body)); err == nil {
		return v
	}
	if text := strings.ToValidUTF8(string(bytes.TrimSpace(body)), "\uFFFD"); text != "" {
		return text
	}
	return nil
}

// refuses is [httpapi.Call.Refused] for rules with the code "unauthorized"; nil without such rules.
func refuses(ctx context.Context, rules []rule, s jq.Scope) func(httpapi.Response, []byte) bool {
	if !slices.ContainsFunc(rules, func(r rule) bool { return r.code == string(clients.CodeUnauthorized) }) {
		return nil
	}
	return func(r httpapi.Response, body []byte) bool {
		v, err := applyRules(ctx, rules, r.Status, loose(body), s)
		return err == nil && v.outcome == string(clients.CodeUnauthorized)
	}
}

package jq

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/itchyny/gojq"
)

// Template is a text in which \(…) is jq with the variables of all programs. A text that is a
// single \(…) has the result's own type.
type Template struct {
	parts []part
}

// part is a piece of text, or a program whose result replaces it.
type part struct {
	literal string
	program *Program
	source  string
}

// ParseTemplate parses a template, or reports a mistake.
func ParseTemplate(text string) (*Template, *Mistake) {
	t := &Template{}
	for at := 0; at < len(text); {
		begin := strings.Index(text[at:], `\(`)
		if begin < 0 {
			t.parts = append(t.parts, part{literal: text[at:]})
			break
		}
		if begin > 0 {
			t.parts = append(t.parts, part{literal: text[at : at+begin]})
		}
		at += begin + len(`\(`)
		length, wrong := insideLen(text[at:])
		if wrong != nil {
			wrong.Offset += at
			return nil, wrong
		}
		source := text[at : at+length]
		p, wrong := Compile(source)
		if wrong != nil {
			wrong.Offset += at
			return nil, wrong
		}
		t.parts = append(t.parts, part{program: p, source: source})
		at += length + len(`)`)
	}
	return t, nil
}

// insideLen is the length of the program at the beginning of text, up to the first closing bracket at
// which it is complete.
func insideLen(text string) (int, *Mistake) {
	var first *Mistake
	last := 0 // of the brackets at which it is incomplete
	for at := 0; ; {
		end := strings.IndexByte(text[at:], ')')
		if end < 0 {
			break
		}
		at += end
		_, err := gojq.Parse(text[:at])
		if err == nil {
			return at, nil
		}
		if e, ok := errors.AsType[*gojq.ParseError](err); ok && e.Token != "" && first == nil {
			first = syntaxMistake(text[:at], err)
		}
		at++
		last = at
	}
	switch {
	case first != nil:
		return 0, first
	case last > 0:
		return 0, &Mistake{Offset: last, Message: `the jq after \( is incomplete at this closing bracket: is something missing, or another bracket?`}
	}
	return 0, &Mistake{Offset: 1, Message: `the jq after \( does not end: a closing bracket is missing`}
}

// Uses lists the variables of all its programs.
func (t *Template) Uses() (names []string) {
	for _, p := range t.parts {
		if p.program != nil {
			names = append(names, p.program.Uses...)
		}
	}
	return names
}

// value is the value of the template. input is "." in its programs.
func (t *Template) value(ctx context.Context, input any, s Scope) (any, error) {
	if len(t.parts) == 1 && t.parts[0].program != nil {
		return t.parts[0].program.One(ctx, input, s)
	}
	return t.Text(ctx, input, s, func(s string) string { return s })
}

// Text returns the text of the template; fit converts each result.
func (t *Template) Text(ctx context.Context, input any, s Scope, fit func(string) string) (string, error) {
	var b strings.Builder
	for _, p := range t.parts {
		if p.program == nil {
			b.WriteString(p.literal)
			continue
		}
		v, err := p.program.One(ctx, input, s)
		if err != nil {
			return "", fmt.Errorf(`\(%s): %w`, p.source, err)
		}
		text, ok := Word(v)
		if !ok {
			return "", fmt.Errorf(`\(%s) is %s, expected a string`, p.source, TypeName(v))
		}
		b.WriteString(fit(text))
	}
	return b.String(), nil
}

// Word is a scalar value as text: a text, a number, true or false.
func Word(v any) (string, bool) {
	if b, ok := v.(bool); ok {
		return fmt.Sprint(b), true
	}
	return PlainText(v)
}

// Table is a table of a declaration whose texts are templates.
type Table map[string]any // *Template, Table, []any of these, or a constant

// Fill returns the table with the values of its templates; null values are omitted.
func (t Table) Fill(ctx context.Context, s Scope) (map[string]any, error) {
	filled := make(map[string]any, len(t))
	for _, key := range slices.Sorted(maps.Keys(t)) {
		v, err := fill(ctx, t[key], s)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		if _, made := t[key].(*Template); made && v == nil {
			continue
		}
		filled[key] = v
	}
	return filled, nil
}

func fill(ctx context.Context, v any, s Scope) (any, error) {
	switch v := v.(type) {
	case *Template:
		return v.value(ctx, nil, s)
	case Table:
		return v.Fill(ctx, s)
	case []any:
		list := make([]any, len(v))
		for i := range v {
			var err error
			if list[i], err = fill(ctx, v[i], s); err != nil {
				return nil, fmt.Errorf("[%d]: %w", i, err)
			}
		}
		return list, nil
	default:
		return v, nil
	}
}

// Literal is a template of a constant text.
func Literal(text string) *Template { return &Template{parts: []part{{literal: text}}} }

// Literals returns the constant text of a template.
func (t *Template) Literals() string {
	if t == nil {
		return ""
	}
	var b strings.Builder
	for _, p := range t.parts {
		b.WriteString(p.literal)
	}
	return b.String()
}

// Values returns the table as a query or a form: a list is a repeated parameter.
func (t Table) Values(ctx context.Context, s Scope) (url.Values, error) {
	filled, err := t.Fill(ctx, s)
	if err != nil {
		return nil, err
	}
	values := url.Values{}
	for _, name := range slices.Sorted(maps.Keys(filled)) {
		several, ok := filled[name].([]any)
		if !ok {
			several = []any{filled[name]}
		}
		for _, v := range several {
			text, ok := Word(v)
			if !ok {
				return nil, fmt.Errorf("%s: is %s, expected a string", name, TypeName(v))
			}
			values.Add(name, text)
		}
	}
	return values, nil
}

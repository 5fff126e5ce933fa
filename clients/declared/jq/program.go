package jq

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/itchyny/gojq"
)

// Variables are available in every program, as $account and so on. One without a value is null.
var Variables = []string{
	"account", "bill_to", "ship_to", "user", "org", "timezone", "params", // the account's
	"from", "to", "order_id", "order_ids", "reference", "references", // the query's
	"cursor", "page", "offset", "size", // the page's
	"item", "status", // of a response: the item it is about, and the HTTP status
}

// Scope holds a value for each of [Variables].
type Scope []any

// NewScope returns a scope in which every variable is null.
func NewScope() Scope { return make(Scope, len(Variables)) }

// With returns s with another value for a variable.
func (s Scope) With(name string, value any) Scope {
	s = slices.Clone(s)
	s[slices.Index(Variables, name)] = value
	return s
}

// Value is the value of a variable.
func (s Scope) Value(name string) any { return s[slices.Index(Variables, name)] }

// Program is a compiled jq program. It is safe for concurrent use.
type Program struct {
	Text string
	maps bool      // a mapping: a failing order does not affect the others
	Uses []string  // those of [Variables] that it uses
	free sync.Pool // of *compiled: more than one for concurrent evaluations
}

// compiled is a program for one evaluation at a time.
type compiled struct {
	code      *gojq.Code
	allowance *allowance
}

// compileBound compiles a program with an allowance of its own.
func compileBound(text string, maps bool) (*compiled, error) {
	query, err := gojq.Parse(text)
	if err != nil {
		return nil, err
	}
	if maps {
		isolate(query)
	}
	if err := bound(query); err != nil {
		return nil, err
	}
	a := &allowance{}
	code, err := gojq.Compile(query, slices.Concat(functions(), a.functions(), []gojq.CompilerOption{
		gojq.WithVariables(dollars()), gojq.WithFunction(fnUnread, 1, 1, (&Program{Text: text}).unread),
	})...)
	if err != nil {
		return nil, err
	}
	return &compiled{code: code, allowance: a}, nil
}

// take returns a compiled program for exclusive use. Return it to free.
func (p *Program) take() (*compiled, error) {
	if c, ok := p.free.Get().(*compiled); ok {
		return c, nil
	}
	return compileBound(p.Text, p.maps)
}

// Mistake is an error in a text of a declaration.
type Mistake struct {
	Offset  int // in the text, in bytes counted from 1; 0 is the text as a whole
	Message string
}

// Compile compiles a program, or reports a mistake.
func Compile(text string) (*Program, *Mistake) { return compileAs(text, false) }

// CompileMapping compiles a mapping, in which a failing order does not affect the others.
func CompileMapping(text string) (*Program, *Mistake) { return compileAs(text, true) }

func compileAs(text string, maps bool) (*Program, *Mistake) {
	if strings.TrimSpace(text) == "" {
		return nil, &Mistake{Message: "is empty: write a jq program"}
	}
	if _, err := gojq.Parse(text); err != nil {
		return nil, syntaxMistake(text, err)
	}
	c, err := compileBound(text, maps)
	if err != nil {
		return nil, nameMistake(text, err)
	}
	p := &Program{Text: text, maps: maps, Uses: used(text)}
	p.free.Put(c)
	return p, nil
}

func dollars() []string {
	names := make([]string, len(Variables))
	for i, v := range Variables {
		names[i] = "$" + v
	}
	return names
}

// mentions finds variables. A match within a text is harmless.
var mentions = regexp.MustCompile(`\$([a-z_]+)`)

func used(text string) (names []string) {
	for _, m := range mentions.FindAllStringSubmatch(text, -1) {
		if slices.Contains(Variables, m[1]) && !slices.Contains(names, m[1]) {
			names = append(names, m[1])
		}
	}
	return names
}

func syntaxMistake(text string, err error) *Mistake {
	e, ok := errors.AsType[*gojq.ParseError](err)
	switch {
	case !ok:
		return &Mistake{Message: "is not a jq program: " + err.Error()}
	case e.Token == "":
		return &Mistake{Offset: len(text), Message: "is not a jq program: it ends too early; is a bracket, a quote or an \"end\" missing?"}
	}
	return &Mistake{Offset: max(1, e.Offset-len(e.Token)+1), Message: fmt.Sprintf("is not a jq program: %q is not expected here", e.Token)}
}

// undefined matches the compiler's errors about names.
var undefined = regexp.MustCompile(`^(function|variable) not defined: (\S+)$`)

// nameMistake locates an undefined name: its first occurrence, because the compiler does not report a
// position.
func nameMistake(text string, err error) *Mistake {
	m := undefined.FindStringSubmatch(err.Error())
	if m == nil {
		return &Mistake{Message: "is not a valid jq program: " + err.Error()}
	}
	what, name := m[1], m[2]
	word, arity, _ := strings.Cut(name, "/")
	wrong := &Mistake{}
	if at := regexp.MustCompile(`(?:^|\W)` + regexp.QuoteMeta(word) + `\b`).FindStringIndex(text); at != nil {
		wrong.Offset = at[1] - len(word) + 1
	}
	if what == "variable" {
		wrong.Message = fmt.Sprintf("there is no variable %s; there are %s", name, strings.Join(dollars(), ", "))
	} else {
		if arity += " arguments"; arity == "1 arguments" {
			arity = "1 argument"
		}
		wrong.Message = fmt.Sprintf("jq has no function %s with %s; beside jq's own there are %s", word, arity, strings.Join(functionNames, ", "))
	}
	return wrong
}

// Each evaluates the program and passes every result to yield, until it returns an error. Errors
// repeat nothing of the input.
func (p *Program) Each(ctx context.Context, input any, s Scope, yield func(any) error) error {
	c, err := p.take()
	if err != nil {
		return err // it was compiled before
	}
	defer p.free.Put(c)
	ctx, release := c.allowance.begin(ctx)
	defer release()
	results := c.code.RunWithContext(ctx, input, s...)
	for {
		result, ok := results.Next()
		if !ok {
			return c.allowance.failed()
		}
		if err, failed := result.(error); failed {
			if spent := c.allowance.failed(); spent != nil {
				return spent
			}
			return p.discreet(err)
		}
		if spent := c.allowance.failed(); spent != nil {
			return spent // the program may have caught it
		}
		if err := c.allowance.checkSize(result); err != nil {
			return err
		}
		if err := yield(result); err != nil {
			return err
		}
	}
}

// One evaluates a program with at most one result; null if there is none.
func (p *Program) One(ctx context.Context, input any, s Scope) (result any, err error) {
	n := 0
	err = p.Each(ctx, input, s, func(v any) error {
		if n++; n > 1 {
			return errors.New("the program has several results, expected one")
		}
		result = v
		return nil
	})
	return result, err
}

package declared_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"orderbeat/clients"
	"orderbeat/clients/memory"
)

// None of these may take the process down, or keep a caller for long.
func TestLoopingAndExplodingProgramsAreStopped(t *testing.T) {
	for name, c := range map[string]struct{ program, want string }{
		"a list without end":             {`[range(1e12) | "x" * 4000]`, "too much memory"},
		"a text that doubles":            {`reduce range(60) as $i ("x"; . + .)`, "a text is longer than"},
		"a value nested without end":     {`reduce range(1e12) as $i (0; [.])`, "too much memory"},
		"one that is not written down":   {`reduce range(50000) as $i (0; [.]) | {order_id: tojson}`, "nested more than 10000 deep"},
		"orders without end":             {`range(1e12) | {order_id: tostring}`, "more than 200000 orders"},
		"a program that stops by itself": {`halt`, "halts"},
	} {
		t.Run(name, func(t *testing.T) {
			server := answering(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{}`) })
			p := written(t, server.URL, "scheme = \"none\"\n[orders]\npath = \"/\"\nmap = '"+c.program+"'\n")
			process := int64(0)
			if strings.Contains(c.want, "200000 orders") {
				process = 1 << 30 // they fit into a sixth of it
			}
			ctx, release := memory.NewPool(process).Budget(t.Context(), "acme")
			defer release()
			_, err := p.Orders(ctx, window())
			if e := clients.AsError(err); e == nil || e.Code != clients.CodeBadResponse || !strings.Contains(e.Message, c.want) && !strings.Contains(e.Message, "was stopped after") {
				t.Errorf("got %v, want bad_response with %q, or that it does not end on a slow machine", err, c.want)
			}
		})
	}
}

func TestProgramEndsWithItsContext(t *testing.T) {
	server := answering(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{}`) })
	p := written(t, server.URL, "scheme = \"none\"\n[orders]\npath = \"/\"\nmap = 'last(range(1e18))'\n")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := p.Orders(ctx, window())
	if e := clients.AsError(err); e == nil || e.Code == clients.CodeInternal {
		t.Errorf("got %v, want the failure of a call that came to no end", err)
	}
}

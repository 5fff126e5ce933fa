package declared_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"orderbeat/clients"
)

// None of these may take the process down, or keep a caller for long.
func TestProgramsThatLoopOrExplodeAreStopped(t *testing.T) {
	for name, c := range map[string]struct{ program, want string }{
		"a list without end":             {`[range(1e12) | "x" * 4000]`, "too much memory"},
		"a text that doubles":            {`reduce range(60) as $i ("x"; . + .)`, "too much memory"},
		"orders without end":             {`range(1e12) | {order_id: tostring}`, "more than 200000 orders"},
		"a program that stops by itself": {`halt`, "halts"},
	} {
		t.Run(name, func(t *testing.T) {
			server := answering(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{}`) })
			p := written(t, server.URL, "scheme = \"none\"\n[orders]\npath = \"/\"\nmap = '"+c.program+"'\n")
			_, err := p.Orders(t.Context(), window())
			if e := clients.AsError(err); e == nil || e.Code != clients.CodeBadResponse || !strings.Contains(e.Message, c.want) {
				t.Errorf("got %v, want bad_response with %q", err, c.want)
			}
		})
	}
}

func TestAProgramEndsWithItsCaller(t *testing.T) {
	server := answering(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{}`) })
	p := written(t, server.URL, "scheme = \"none\"\n[orders]\npath = \"/\"\nmap = 'last(range(1e18))'\n")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := p.Orders(ctx, window())
	if e := clients.AsError(err); e == nil || e.Code == clients.CodeInternal {
		t.Errorf("got %v, want the failure of a call that came to no end", err)
	}
}

// What grows is the heap of the process: an evaluation beside one that explodes may be
// stopped with it, but only while that lasts.
func TestAnExplosionHurtsOthersNoLongerThanItLasts(t *testing.T) {
	server := answering(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"orders":[{"id":"a"}]}`) })
	bomb := written(t, server.URL, "scheme = \"none\"\n[orders]\npath = \"/\"\nmap = 'reduce range(60) as $i (\"x\"; . + .)'\n")
	innocent := written(t, server.URL, simple(""))
	ended := make(chan error, 1)
	go func() {
		_, err := bomb.Orders(t.Context(), window())
		ended <- err
	}()
	asked, stopped := 0, 0
	for over := false; !over; asked++ {
		select {
		case err := <-ended:
			over = true
			if err == nil || !strings.Contains(err.Error(), "too much memory") {
				t.Errorf("got %v, want the explosion stopped", err)
			}
		default:
		}
		if _, err := innocent.Orders(t.Context(), window()); err != nil {
			stopped++
			if over || !strings.Contains(err.Error(), "too much memory") {
				t.Errorf("explosion over: %t: got %v", over, err)
			}
		}
	}
	if stopped > asked/2 {
		t.Errorf("%d of %d small mappings were stopped with the large one", stopped, asked)
	}
}

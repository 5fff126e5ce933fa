package declared_test

import (
	"compress/gzip"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"orderbeat/clients"
	"orderbeat/clients/declared"
	"orderbeat/clients/memory"
)

// Answers that are small on the wire and large when they are decoded.
func TestHostileResponsesAreRejectedWithinTheirMemory(t *testing.T) {
	const many = 2_000_000
	repeated := func(element string) string {
		return `{"x":[` + element + strings.Repeat(","+element, many) + `],"orders":[]}`
	}
	for name, c := range map[string]struct{ body, want string }{
		"lists":           {repeated("[]"), "MB of memory"},
		"objects":         {repeated("{}"), "MB of memory"},
		"numbers":         {repeated("0"), "MB of memory"},
		"texts":           {repeated(`"a"`), "MB of memory"},
		"names":           {names(500_000), "MB of memory"},
		"blanks":          {`{"orders":[` + strings.Repeat(" ", 10<<20) + `]}`, "blanks in a row"},
		"a long number":   {`{"orders":[],"n":` + strings.Repeat("9", 1_000_000) + `}`, "a number of 1000000 characters at /n"},
		"deep lists":      {strings.Repeat("[", many), "not JSON"},
		"orders of lines": {`{"orders":[{"id":"a","lines":[{}` + strings.Repeat(",{}", 200_000) + `]}]}`, "MB of memory"},
	} {
		t.Run(name, func(t *testing.T) {
			server := answering(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Encoding", "gzip")
				z := gzip.NewWriter(w)
				fmt.Fprint(z, c.body)
				_ = z.Close()
			})
			s := writtenSection(t, server.URL, "scheme = \"none\"\n[orders]\npath = \"/\"\nmap = '.orders[] | {order_id: .id, lines}'\n")
			s.MaxBody, s.Timeout = 32<<20, time.Minute
			p, err := declared.Open(s)
			if err != nil {
				t.Fatal(err)
			}
			ctx, release := memory.NewPool(0).Budget(t.Context(), "acme")
			defer release()
			_, err = p.Orders(ctx, window())
			switch e := clients.AsError(err); {
			case c.want == "" && err != nil:
				t.Errorf("got %v, want orders", err)
			case c.want != "" && (e == nil || e.Code != clients.CodeBadResponse || !strings.Contains(e.Message, c.want)):
				t.Errorf("got %v, want bad_response with %q", err, c.want)
			}
		})
	}
}

func names(n int) string {
	var b strings.Builder
	b.WriteString(`{"orders":[]`)
	for i := range n {
		fmt.Fprintf(&b, `,"n%d":1`, i)
	}
	return b.String() + "}"
}

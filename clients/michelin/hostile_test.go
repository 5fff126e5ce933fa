package michelin_test

import (
	"compress/gzip"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"orderbeat/clients"
	"orderbeat/clients/memory"
	"orderbeat/clients/section"
)

// Documents that are small on the wire and cost much.
func TestHostileDocumentsAreRejectedWithinTheirMemory(t *testing.T) {
	const head = `{"errorHead":{"errorCode":"0"},"documentID":"C1",`
	for name, c := range map[string]struct{ body, want string }{
		"blanks without end":            {head + strings.Repeat(" ", 20<<20), "blanks in a row"},
		"orders of nothing":             {head + `"referencedOrder":[{}` + strings.Repeat(",{}", 500_000) + "]}", "MB of memory"},
		"lines of nothing":              {head + `"referencedOrder":[{"supplierOrderNumber":{"documentId":"a"},"orderLine":[{}` + strings.Repeat(",{}", 500_000) + "]}]}", "MB of memory"},
		"schedule lines of nothing":     {head + `"referencedOrder":[{"supplierOrderNumber":{"documentId":"a"},"orderLine":[{"orderedArticle":{"scheduleDetails":[{}` + strings.Repeat(",{}", 500_000) + "]}}]}]}", "MB of memory"},
		"words of nothing":              {head + `"referencedOrder":[{"supplierOrderNumber":{"documentId":"a"},"orderLine":[{"orderedArticle":{"articleDescription":{"articleDescriptionText":[0` + strings.Repeat(",0", 2_000_000) + "]}}}]}]}", "MB of memory"},
		"a member that nobody asks for": {head + `"x":[[]` + strings.Repeat(",[]", 1_000_000) + "]}", ""},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == tokenPath {
					fmt.Fprint(w, grant("t"))
					return
				}
				w.Header().Set("Content-Encoding", "gzip")
				z := gzip.NewWriter(w)
				_, _ = z.Write([]byte(c.body))
				_ = z.Close()
			}))
			defer server.Close()
			p := open(t, server.URL, func(s *section.Section) { s.MaxBody, s.Timeout = 32<<20, time.Minute })
			ctx, release := memory.NewPool(0).Budget(t.Context(), "michelin")
			defer release()
			ctx, cancel := context.WithTimeout(ctx, time.Minute)
			defer cancel()
			_, err := p.Orders(ctx, lastDays)
			if c.want == "" {
				if err != nil {
					t.Errorf("got %v, want orders", err)
				}
				return
			}
			if e := clients.AsError(err); e == nil || e.Code != clients.CodeBadResponse || !strings.Contains(e.Message, c.want) {
				t.Errorf("got %v, want bad_response with %q", err, c.want)
			}
		})
	}
}

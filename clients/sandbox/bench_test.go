package sandbox_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"orderbeat/clients/sandbox/michelin"
)

// BenchmarkOrderStatus answers a whole window, some 120 orders.
func BenchmarkOrderStatus(b *testing.B) {
	window := byDate("2026-08-23", "2026-11-20")
	for name, body := range map[string]string{"variant0": portal(window), "variant1": openAPI(window)} {
		b.Run(name, func(b *testing.B) {
			s := newBench(b)
			b.ReportAllocs()
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, statusPath, strings.NewReader(body))
					asJSON(r)
					r.SetBasicAuth(michelin.Username, michelin.Password)
					r.Header.Set("apikey", michelin.APIKey)
					w := httptest.NewRecorder()
					s.ServeHTTP(w, r)
					if w.Code != http.StatusOK {
						b.Fatalf("status %d", w.Code)
					}
				}
			})
		})
	}
}

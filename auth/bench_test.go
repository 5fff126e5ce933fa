package auth_test

import (
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"testing"

	"orderbeat/auth"
)

// BenchmarkTransport measures what signing costs a call while the token lives,
// against the same call through the bare round tripper.
func BenchmarkTransport(b *testing.B) {
	answer := respond(http.StatusOK, "")
	bare := roundTripper(func(*http.Request) (*http.Response, error) { return answer, nil })
	source := open(b, config(&tokenServer{}))
	mustToken(b, source)
	origin := &url.URL{Scheme: "https", Host: "api.example"}
	for _, rt := range []struct {
		name string
		http.RoundTripper
	}{
		{"bare", bare},
		{"signed", &auth.Transport{Base: bare, Source: source, Origin: origin}},
	} {
		for _, goroutines := range []int{1, 64} {
			b.Run(fmt.Sprintf("%s/goroutines=%d", rt.name, goroutines), func(b *testing.B) {
				b.ReportAllocs()
				b.SetParallelism(max(1, goroutines/runtime.GOMAXPROCS(0)))
				work := func(more func() bool) {
					req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, "https://api.example/orders", http.NoBody)
					if err != nil {
						b.Error(err)
						return
					}
					req.Header.Set("Accept", "application/json")
					req.Header.Set("User-Agent", "orderbeat")
					for more() {
						if _, err := rt.RoundTrip(req); err != nil {
							b.Error(err)
							return
						}
					}
				}
				if goroutines == 1 {
					work(b.Loop)
					return
				}
				b.RunParallel(func(pb *testing.PB) { work(pb.Next) })
			})
		}
	}
}

// BenchmarkToken measures a live token without a transport.
func BenchmarkToken(b *testing.B) {
	source := open(b, config(&tokenServer{}))
	mustToken(b, source)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := source.Token(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

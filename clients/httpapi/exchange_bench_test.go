package httpapi_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"orderbeat/clients"
	"orderbeat/clients/clienttest"
	"orderbeat/clients/exchange"
	"orderbeat/clients/httpapi"
)

// BenchmarkDo asks a server on loopback for answers that are fine.
func BenchmarkDo(b *testing.B) {
	for _, size := range []int{2 << 10, 64 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("bytes=%d", size), func(b *testing.B) {
			body := strings.Repeat("a", size)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }))
			defer server.Close()
			s := clienttest.Section("sample", server.URL)
			s.Rate = clients.Rate{}
			h := httpapi.NewHTTP(s)
			call := httpapi.Call{Op: "sample", Method: http.MethodGet, URL: server.URL}
			buf := make([]byte, 32<<10)
			b.ReportAllocs()
			for b.Loop() {
				err := h.Do(b.Context(), call, func(body io.Reader) error {
					for {
						if _, err := body.Read(buf); err == io.EOF {
							return nil
						} else if err != nil {
							return err
						}
					}
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRecorded asks for orders as a job does, with their decoding, with and without a
// recording: what the asking takes (ns/op), and the whole attempt with what is packed
// behind it (ns/attempt).
func BenchmarkRecorded(b *testing.B) {
	const one = `{"supplierOrderNumber":{"documentId":"SO%08d"},"orderNumber":{"documentId":"PO-%[1]d"},"orderLine":[{"lineId":"001","orderedArticle":{"articleIdentification":{"manufacturersArticleID":"%06[1]d"},"requestedQuantity":{"quantityValue":"4"}}}]},`
	for _, size := range []int{2 << 10, 64 << 10, 512 << 10} {
		var body strings.Builder
		body.WriteString(`{"documentID":"C1","referencedOrder":[`)
		for i := 0; body.Len() < size; i++ {
			fmt.Fprintf(&body, one, i)
		}
		body.WriteString(`{}]}`)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body.String()) }))
		defer server.Close()
		s := clienttest.Section("sample", server.URL)
		s.Rate = clients.Rate{}
		h := httpapi.NewHTTP(s)
		call := httpapi.Call{Op: "sample", Method: http.MethodGet, URL: server.URL}
		for _, recorded := range []bool{false, true} {
			b.Run(fmt.Sprintf("bytes=%d/recorded=%t", size, recorded), func(b *testing.B) {
				b.ReportAllocs()
				var attempts, asking time.Duration
				for b.Loop() {
					ctx, begun := b.Context(), time.Now()
					var r *exchange.Recording
					if recorded {
						ctx, r = exchange.Record(ctx)
					}
					if err := h.Do(ctx, call, decodeJSON); err != nil {
						b.Fatal(err)
					}
					asking += time.Since(begun)
					if recorded {
						if list := r.Exchanges(); len(list) != 1 || list[0].Truncated {
							b.Fatalf("got %+v, want the exchange", list)
						}
					}
					attempts += time.Since(begun)
				}
				b.ReportMetric(float64(asking.Nanoseconds())/float64(b.N), "ns/asking")
				b.ReportMetric(float64(attempts.Nanoseconds())/float64(b.N), "ns/attempt")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

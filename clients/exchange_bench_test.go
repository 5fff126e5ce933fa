package clients_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"orderbeat/clients"
	"orderbeat/clients/clienttest"
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
			h := clients.NewHTTP(s)
			call := clients.Call{Op: "sample", Method: http.MethodGet, URL: server.URL}
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

package web

import (
	"fmt"
	"net/http"
)

// Probes returns the handler of a process without a database: /livez, /healthz, /readyz and
// /metrics.
func Probes(ready http.HandlerFunc, metrics http.Handler) http.Handler {
	mux := http.NewServeMux()
	handleProbes(mux, ready, metrics)
	return mux
}

func handleProbes(mux *http.ServeMux, ready http.HandlerFunc, metrics http.Handler) {
	for _, path := range []string{"/livez", "/healthz"} {
		mux.HandleFunc("GET "+path, func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprintln(rw, "ok") })
	}
	mux.HandleFunc("GET /readyz", ready)
	mux.Handle("GET /metrics", metrics)
}

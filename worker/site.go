package worker

import (
	"fmt"
	"net/http"

	"orderbeat/auth"
)

// site is what the web listener has to show.
type site struct {
	standing func() error // why this process does not work, nil when it does
	ready    http.HandlerFunc
	metrics  http.Handler
	consents *consents
	web      Web
}

func newSite(c Config, creds *credentials, metrics http.Handler, l *lease, ready *readiness, public string, again *words) *site {
	return &site{
		standing: l.standing, ready: ready.page(c.Web), metrics: metrics, web: c.Web,
		consents: &consents{
			credentials: creds, providers: byName(c.Providers), begun: auth.NewConsents(), again: again, decoys: &words{}, web: c.Web, public: public, log: c.Log,
		},
	}
}

// hosts are those by which browsers come back from a provider that knows itself where to.
func (s *site) hosts() (hosts []string) {
	for provider := range s.consents.providers {
		if host := hostOf(s.consents.own(provider)); host != "" {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

func (s *site) pages() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(rw http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(rw, "orderbeat is running: /livez tells that the process is there, /readyz whether it can work, /metrics how it does")
	})
	for _, path := range []string{"/livez", "/healthz"} {
		mux.HandleFunc("GET "+path, func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprintln(rw, "ok") })
	}
	mux.HandleFunc("GET /readyz", s.ready)
	mux.Handle("GET /metrics", s.metrics)
	mux.Handle(startPath+"{provider}", s.onlyWorking(s.consents.start))
	mux.Handle(callbackPath+"{provider}", s.onlyWorking(s.consents.callback))
	for path, provider := range s.consents.paths() {
		mux.Handle(path, s.onlyWorking(func(rw http.ResponseWriter, r *http.Request) {
			r.SetPathValue("provider", provider)
			s.consents.callback(rw, r)
		}))
	}
	return mux
}

// onlyWorking refuses while this process stands by: the tokens are somebody else's matter.
func (s *site) onlyWorking(h http.HandlerFunc) http.Handler {
	return onlyGet(func(rw http.ResponseWriter, r *http.Request) {
		if err := s.standing(); err != nil {
			text := "this orderbeat does not lead now: ask the one that does"
			if s.web.authenticated(r) {
				text = err.Error() // which names a host and a path
			}
			http.Error(rw, text, http.StatusServiceUnavailable)
			return
		}
		h(rw, r)
	})
}

// onlyGet refuses HEAD too, which the patterns of GET would let in: whoever only looks
// whether a page is there must not use up a code.
func onlyGet(h http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			rw.Header().Set("Allow", http.MethodGet)
			http.Error(rw, "only GET", http.StatusMethodNotAllowed)
			return
		}
		h(rw, r)
	})
}

package web

import (
	"fmt"
	"log/slog"
	"net/http"

	"orderbeat/auth"
	"orderbeat/auth/authorization"
)

// SiteConfig is what the web listener's pages are made of.
type SiteConfig struct {
	Config    Config
	Public    string       // URL of the web listener, as people reach it
	NotLeader func() error // why this process does not work, nil when it does
	Ready     http.HandlerFunc
	Metrics   http.Handler
	// Sources are those of a provider's tokens, of one of its users only where one is named.
	Sources func(provider, user string) []*auth.Source
	// Redirects has the redirect URI that a provider knows itself, "" for one that leaves it
	// to the listener, by the name of each provider there is.
	Redirects map[string]string
	Again     *Words // good for asking a user again
	Log       *slog.Logger
}

// Site is what the web listener has to show.
type Site struct {
	SiteConfig
	consents *consents
}

// NewSite makes the pages.
func NewSite(c SiteConfig) *Site {
	return &Site{c, &consents{SiteConfig: c, begun: authorization.NewPending(), decoys: &Words{}}}
}

// Hosts are those by which browsers come back from a provider that knows itself where to.
func (s *Site) Hosts() (hosts []string) {
	for provider := range s.Redirects {
		if host := hostOf(s.consents.own(provider)); host != "" {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

// Pages answers for all of them.
func (s *Site) Pages() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(rw http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(rw, "orderbeat is running: /livez tells that the process is there, /readyz whether it can work, /metrics how it does")
	})
	for _, path := range []string{"/livez", "/healthz"} {
		mux.HandleFunc("GET "+path, func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprintln(rw, "ok") })
	}
	mux.HandleFunc("GET /readyz", s.Ready)
	mux.Handle("GET /metrics", s.Metrics)
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
func (s *Site) onlyWorking(h http.HandlerFunc) http.Handler {
	return onlyGet(func(rw http.ResponseWriter, r *http.Request) {
		if err := s.NotLeader(); err != nil {
			text := "this orderbeat does not lead now: ask the one that does"
			if s.Config.authenticated(r) {
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

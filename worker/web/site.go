package web

import (
	"log/slog"
	"net/http"

	"orderbeat/auth"
	"orderbeat/auth/authorization"
)

// SiteConfig has the content of the web listener's pages.
type SiteConfig struct {
	Config    Config
	Public    string       // URL of the web listener for browsers
	NotLeader func() error // why this process is not the leader, nil if it is
	Ready     http.HandlerFunc
	Metrics   http.Handler
	Page      http.Handler // serves "/" and all paths below [PagePath]
	// Sources returns the token sources of a provider, or only those of a user unless user is "".
	Sources func(provider, user string) []*auth.Source
	// Redirects maps each provider to the redirect URI that it configures, "" if it uses the
	// listener's.
	Redirects func() map[string]string
	Again     *OneTimeTokens // single-use permissions to request access again
	Log       *slog.Logger
}

// Site has the pages of the web listener.
type Site struct {
	SiteConfig
	consents *consents
}

// NewSite returns a site with the given content.
func NewSite(c SiteConfig) *Site {
	return &Site{c, &consents{SiteConfig: c, begun: authorization.NewPending(), decoys: &OneTimeTokens{}}}
}

// Hosts returns the hosts of the providers' own redirect URIs.
func (s *Site) Hosts() (hosts []string) {
	for _, uri := range s.Redirects() {
		if host := hostOf(uri); host != "" {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

// Pages returns the handler of all pages.
func (s *Site) Pages() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/{$}", s.Page)
	mux.Handle(PagePath, s.Page)
	handleProbes(mux, s.Ready, s.Metrics)
	mux.Handle(startPath+"{provider}", s.onlyLeader(s.consents.start))
	mux.Handle(callbackPath+"{provider}", s.onlyLeader(s.callback))
	mux.HandleFunc("/", func(rw http.ResponseWriter, r *http.Request) {
		if _, ok := s.consents.paths()[r.URL.Path]; !ok {
			http.NotFound(rw, r)
			return
		}
		s.onlyLeader(s.callback).ServeHTTP(rw, r)
	})
	return mux
}

// callback handles a provider's callback, at the path of its own redirect URI or at the default path.
func (s *Site) callback(rw http.ResponseWriter, r *http.Request) {
	if provider, ok := s.consents.paths()[r.URL.Path]; ok {
		r.SetPathValue("provider", provider)
	}
	s.consents.callback(rw, r)
}

// onlyLeader rejects requests unless this process is the leader, which has the tokens.
func (s *Site) onlyLeader(h http.HandlerFunc) http.Handler {
	return onlyGet(func(rw http.ResponseWriter, r *http.Request) {
		if err := s.NotLeader(); err != nil {
			text := "this worker is not the leader: use the leader's address"
			if s.Config.authenticated(r) {
				text = err.Error() // only for operators: the text has a host and a path
			}
			http.Error(rw, text, http.StatusServiceUnavailable)
			return
		}
		h(rw, r)
	})
}

// onlyGet accepts only GET. It also rejects HEAD, which GET patterns match: a link preview must not use up a code.
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

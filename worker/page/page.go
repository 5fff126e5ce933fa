package page

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"orderbeat/db"
	"orderbeat/worker/api"
	"orderbeat/worker/settings"
)

// Config has a page's dependencies.
type Config struct {
	DB *db.DB
	// Call calls an endpoint of the request/reply service, such as "jobs.retry", in this process or, on a
	// follower, at the leader. Its errors are [*api.Error].
	Call      func(ctx context.Context, endpoint string, request, reply any) error
	Providers func() []settings.Provider
	// Caller returns the user of a request, "" without a login, and whether the user may perform actions.
	Caller    func(*http.Request) (name string, operator bool)
	NotLeader func() error // why this process is not the leader, nil if it is
	// Following returns where the leader runs, "" if unknown, and how far this process is behind it; lag is nil
	// unless this process is a follower.
	Following func() (leader string, lag *api.Lag)
	// Fleet lists the processes that share the NATS prefix, and Process is the id of this one.
	Fleet   func() []api.Process
	Process string
	Public  string // URL of the web listener for browsers
	Version string
	Log     *slog.Logger
}

const (
	// pageTimeout bounds the reads of a page, actionTimeout an action, which may call a provider.
	pageTimeout   = 10 * time.Second
	actionTimeout = time.Minute
	// maxPages bounds the number of pages rendered concurrently, maxForm the size of a form in bytes.
	maxPages = 16
	maxForm  = 64 << 10
	// maxRows is the number of rows of one page of a list.
	maxRows = 50
)

// Page is the operator's page. It is an [http.Handler].
type Page struct {
	Config
	base  string // path of [Config.Public]
	token string // form token, see [Page.protected]
	slots chan struct{}
	live  *live
	mux   *http.ServeMux
}

// New returns a page. Call [Page.Run] to send its updates.
func New(c Config) *Page {
	p := &Page{Config: c, token: rand.Text(), slots: make(chan struct{}, maxPages), mux: http.NewServeMux()}
	if u, err := url.Parse(c.Public); err == nil {
		p.base = strings.TrimRight(u.Path, "/")
	}
	p.live = newLive(c.DB.Reports().Version)
	for pattern, handle := range p.routes() {
		p.mux.Handle(pattern, p.bounded(handle))
	}
	p.mux.Handle("POST /ui/act/{action}", p.protected(p.bounded(p.act)))
	p.mux.HandleFunc("GET /ui/live", p.live.serve)
	p.mux.Handle("GET /ui/assets/", assets())
	p.mux.Handle("/ui/", p.bounded(func(http.ResponseWriter, *http.Request) error { return notFound("There is no such page.") }))
	return p
}

// routes returns the handlers of the page's sections. None of them changes anything.
func (p *Page) routes() map[string]handler {
	return map[string]handler{
		"GET /{$}":            p.overview,
		"GET /ui/orders":      p.orders,
		"GET /ui/orders.csv":  p.ordersCSV,
		"GET /ui/order":       p.order,
		"GET /ui/suppliers":   p.suppliers,
		"GET /ui/runs":        p.runs,
		"GET /ui/run":         p.run,
		"GET /ui/jobs":        p.jobs,
		"GET /ui/job":         p.job,
		"GET /ui/schedules":   p.schedules,
		"GET /ui/exchanges":   p.exchanges,
		"GET /ui/exchange":    p.exchange,
		"GET /ui/credentials": p.credentials,
		"GET /ui/alerts":      p.alerts,
	}
}

// ServeHTTP implements [http.Handler].
func (p *Page) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	rw.Header().Set("Content-Security-Policy", contentPolicy)
	p.mux.ServeHTTP(rw, r)
}

// contentPolicy allows the page's own assets, requests and forms.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// Run sends updates to open pages until ctx ends.
func (p *Page) Run(ctx context.Context) { p.live.run(ctx) }

// handler writes a page, or returns an error that is shown as a page.
type handler func(rw http.ResponseWriter, r *http.Request) error

// bounded limits the number of pages that are rendered concurrently, and the time of each.
func (p *Page) bounded(handle handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		timeout := pageTimeout
		if r.Method == http.MethodPost {
			timeout = actionTimeout
		}
		ctx, cancel := context.WithTimeout(r.Context(), timeout)
		defer cancel()
		select {
		case p.slots <- struct{}{}:
			defer func() { <-p.slots }()
		case <-ctx.Done():
			http.Error(rw, "too many pages are requested at once", http.StatusServiceUnavailable)
			return
		}
		r = r.WithContext(ctx)
		if err := handle(rw, r); err != nil {
			p.failed(rw, r, err)
		}
	})
}

package declared

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"orderbeat/clients/declared/jq"
	"orderbeat/clients/section"
)

// guard keeps a declaration from asking for what no job may ask for, however it is
// declared. At Microbilt GetReport orders a report: a paid inquiry about a consumer, which
// the Fair Credit Reporting Act regulates. What was ordered elsewhere is fetched with
// GetArchiveReport; only IBV's own GetReport fetches, too.
type guard struct {
	microbilt bool
	base      string // the path of the base URL
}

func guardOf(kind, dialect, baseURL string) guard {
	u, err := url.Parse(baseURL)
	theirs := err == nil && (strings.EqualFold(u.Hostname(), "microbilt.com") || strings.HasSuffix(strings.ToLower(u.Hostname()), ".microbilt.com"))
	g := guard{microbilt: theirs || kind == dialectMicrobilt || dialect == dialectMicrobilt}
	if err == nil {
		g.base = u.EscapedPath()
	}
	return g
}

// check tells what of a declaration may not be asked for, as far as it stands there.
func (g guard) check(ping string, d declaration, wrong *section.Errors) {
	if why := g.refuses(http.MethodPost, ""); why != "" {
		wrong.Add("base_url", "%s", why)
		return
	}
	asks := map[string]*ask{"ping": {method: http.MethodGet, path: jq.Literal(ping)}}
	for key, q := range map[string]*question{"orders": d.orders, "fetch": d.fetch} {
		if q != nil {
			asks[key+".path"], asks[key+".each.path"] = &q.ask, &q.each
		}
	}
	for key, a := range asks {
		if why := g.refuses(a.method, a.path.Literals()); why != "" {
			wrong.Add(key, "%s", why)
		}
	}
}

var (
	ordersReport  = regexp.MustCompile(`(?i)/GetReport([^a-z0-9]|$)`) // what follows it may be dropped on their side
	fetchesReport = regexp.MustCompile(`(?i)^/ibv/GetReport$`)
)

// refuses says why a call of a path below the base URL may not be made, "" for one that
// may.
func (g guard) refuses(method, path string) string {
	path = g.base + path
	if plain, err := url.PathUnescape(path); err == nil {
		path = plain
	}
	if !g.microbilt || !ordersReport.MatchString(path) || method == http.MethodGet && fetchesReport.MatchString(path) {
		return ""
	}
	return "GetReport orders a paid report about a consumer, which no job may do; ask for GetArchiveReport, or IBV's with GET"
}

package declared

import (
	"net/url"
	"regexp"
	"strings"
)

// guard keeps a declaration from asking for what no job may ask for, however it is
// declared. At Microbilt GetReport orders a report: a paid inquiry about a consumer, which
// the Fair Credit Reporting Act regulates. What was ordered elsewhere is fetched with
// GetArchiveReport; only IBV's own GetReport fetches, too.
type guard struct{ microbilt bool }

func guardOf(kind, dialect, baseURL string) guard {
	u, err := url.Parse(baseURL)
	theirs := err == nil && (strings.EqualFold(u.Hostname(), "microbilt.com") || strings.HasSuffix(strings.ToLower(u.Hostname()), ".microbilt.com"))
	return guard{microbilt: theirs || kind == dialectMicrobilt || dialect == dialectMicrobilt}
}

var (
	ordersReport  = regexp.MustCompile(`(?i)/GetReport/?$`)
	fetchesReport = regexp.MustCompile(`(?i)/ibv/GetReport/?$`)
)

// refuses says why a call may not be made, "" for one that may.
func (g guard) refuses(method, path string) string {
	if plain, err := url.PathUnescape(path); err == nil {
		path = plain
	}
	if !g.microbilt || !ordersReport.MatchString(path) || method == "GET" && fetchesReport.MatchString(path) {
		return ""
	}
	return "GetReport orders a paid report about a consumer, which no job may do; ask for GetArchiveReport, or IBV's with GET"
}

package web

import (
	"fmt"
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"
)

// Paths of the web listener's pages of consent; the provider's name follows.
const (
	startPath    = "/oauth/start/"
	callbackPath = "/oauth/callback/"
)

// ownPaths are the listener's other pages.
var ownPaths = []string{"/", "/healthz", "/readyz", "/metrics"}

// CheckRedirects says which redirect URIs the web listener could not answer for their
// provider, and why. uris are those that providers know themselves, by the name of each
// provider there is, "" for one that leaves it to the listener. Paths alone count: what
// a proxy in front makes of hosts is not known here.
func CheckRedirects(uris map[string]string) map[string]string {
	wrong, taken := map[string]string{}, map[string]string{}
	for _, provider := range slices.Sorted(maps.Keys(uris)) {
		u, err := url.Parse(uris[provider])
		if uris[provider] == "" || err != nil {
			continue
		}
		at := redirectPath(u)
		callback, isCallback := strings.CutPrefix(at, callbackPath)
		_, others := uris[callback]
		switch first, again := taken[at]; {
		case strings.Contains(u.EscapedPath(), "%"):
			wrong[provider] = "must have a path without braces, blanks and other characters that URLs escape: the web listener could not answer it"
		case strings.TrimSuffix(at, "/") != strings.TrimSuffix(path.Clean(at), "/"):
			wrong[provider] = `must have a path without "//", "/." and "/..": browsers and the web listener change it`
		case slices.Contains(ownPaths, at) || strings.HasPrefix(at, startPath):
			wrong[provider] = fmt.Sprintf("must have another path: %s is a page of the web listener's own", at)
		case isCallback && others && callback != provider:
			wrong[provider] = fmt.Sprintf("must have another path: %s is where users of provider %s come back to", at, callback)
		case again:
			wrong[provider] = fmt.Sprintf("must have another path: that of provider %s is %s already", first, at)
		default:
			taken[at] = provider
		}
	}
	return wrong
}

// redirectPath is what a browser asks for that is sent to u.
func redirectPath(u *url.URL) string {
	if u.Path == "" {
		return "/"
	}
	return u.Path
}

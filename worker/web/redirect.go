package web

import (
	"fmt"
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"
)

// Paths of the consent pages; the provider's name follows.
const (
	startPath    = "/oauth/start/"
	callbackPath = "/oauth/callback/"
)

// PagePath is the path prefix of the operator's page, which is also at "/".
const PagePath = "/ui/"

// ownPaths has the paths of the listener's other pages.
var ownPaths = []string{"/", "/livez", "/healthz", "/readyz", "/metrics"}

// CheckRedirects returns, by provider, why the web listener cannot serve a redirect URI. Providers with valid URIs are
// omitted. uris has the redirect URI that each provider configures, or "". Only paths are
// compared: how a proxy maps hosts is unknown here.
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
			wrong[provider] = "must have a path without braces, spaces and other characters that URLs escape"
		case strings.TrimSuffix(at, "/") != strings.TrimSuffix(path.Clean(at), "/"):
			wrong[provider] = `must have a path without "//", "/." and "/..": browsers and the web listener change it`
		case slices.Contains(ownPaths, at) || strings.HasPrefix(at, startPath) || strings.HasPrefix(at+"/", PagePath):
			wrong[provider] = fmt.Sprintf("must have another path: %s is one of the web listener's own pages", at)
		case isCallback && others && callback != provider:
			wrong[provider] = fmt.Sprintf("must have another path: %s is the callback of provider %s", at, callback)
		case again:
			wrong[provider] = fmt.Sprintf("must have another path: provider %s already uses %s", first, at)
		default:
			taken[at] = provider
		}
	}
	return wrong
}

// redirectPath returns the path that a browser requests after a redirect to u.
func redirectPath(u *url.URL) string {
	if u.Path == "" {
		return "/"
	}
	return u.Path
}

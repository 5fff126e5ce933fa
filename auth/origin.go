package auth

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// within refuses a request that would carry a credential elsewhere. Its text names
// no path and no query.
func within(origin, u *url.URL) error {
	switch {
	case origin == nil:
		return errors.New("auth: no origin is set, so no request may be signed")
	case !SameOrigin(origin, u):
		return fmt.Errorf("auth: a request to %s://%s is not sent with the credentials for %s://%s", u.Scheme, u.Host, origin.Scheme, origin.Host)
	case !confidential(u):
		return fmt.Errorf("auth: credentials are not sent over plain %s to %s", u.Scheme, u.Host)
	}
	return nil
}

// SameOrigin compares scheme, host and port as RFC 3986, section 6.2, has it: without case,
// and with the scheme's port where none is named.
func SameOrigin(a, b *url.URL) bool {
	if a.Scheme == b.Scheme && a.Host == b.Host {
		return true // nearly always, and at no cost
	}
	return strings.EqualFold(a.Scheme, b.Scheme) && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

func port(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case strings.EqualFold(u.Scheme, "https"):
		return "443"
	default:
		return "80"
	}
}

// confidential reports whether what is sent to u stays between the two ends.
func confidential(u *url.URL) bool {
	switch u.Scheme {
	case "https":
		return true
	case "http":
		return IsLoopback(u.Hostname())
	default:
		return false
	}
}

// IsLoopback reports whether a host, a name or an address without a port, is this
// machine alone. Of names only "localhost" is; none is looked up.
func IsLoopback(host string) bool {
	return strings.EqualFold(host, "localhost") || net.ParseIP(host).IsLoopback()
}

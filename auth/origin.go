package auth

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// within refuses a request that would carry a credential elsewhere. Its text names
// no path and no query.
func within(origin, u *url.URL) error {
	switch {
	case origin == nil:
		return errors.New("auth: no origin is set, so no request may be signed")
	case !strings.EqualFold(u.Scheme, origin.Scheme), !strings.EqualFold(u.Hostname(), origin.Hostname()), port(u) != port(origin):
		return fmt.Errorf("auth: a request to %s://%s is not sent with the credentials for %s://%s", u.Scheme, u.Host, origin.Scheme, origin.Host)
	case !confidential(u):
		return fmt.Errorf("auth: credentials are not sent over plain %s to %s", u.Scheme, u.Host)
	}
	return nil
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	return map[string]string{"http": "80", "https": "443"}[strings.ToLower(u.Scheme)]
}

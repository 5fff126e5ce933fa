package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"orderbeat/auth"
	"orderbeat/auth/authorization"
)

// consentTimeout bounds the token request of a callback.
const consentTimeout = time.Minute

// consents are the two pages through which a user grants access: one redirects the browser to the
// provider, the other is the provider's callback.
type consents struct {
	SiteConfig
	begun  *authorization.Pending
	decoys *Words // states of decoys, by provider
}

// start redirects a user's browser to the provider. A user with a grant is redirected only with a
// link of auth.authorize or the password of web.auth. To everybody else all users look alike,
// whether they exist or not, have granted access or not: the browser is redirected with a decoy.
func (c *consents) start(rw http.ResponseWriter, r *http.Request) {
	if !isNavigation(r) {
		page{Status: http.StatusForbidden, Title: "Request from another site"}.addLines(
			"Another site's page opened this link. Open it yourself: it is in the alert, and \"orderbeat auth login\" prints it.",
		).show(rw, r)
		return
	}
	provider, user := r.PathValue("provider"), r.FormValue("user")
	credential := c.find(provider, user)
	known := c.Config.authenticated(r) || c.Again.use(r.FormValue("again"), ConsentOf(provider, user))
	if credential == nil && (known || user == "" || c.decoy(provider) == nil) {
		c.unknown(provider).show(rw, r)
		return
	}
	if credential == nil {
		c.redirectDecoy(rw, r, c.decoy(provider))
		return
	}
	if err := credential.Prepare(r.Context()); err != nil {
		c.Log.Warn("failed to begin a consent", "provider", provider, "user", user, "err", err)
		failed("The state of this user cannot be read now.", err).addRetryLink(c.link(credential)).show(rw, r)
		return
	}
	if st := credential.Status(); st.State != auth.StateConsent {
		switch again := r.FormValue("again"); {
		case !known:
			c.redirectDecoy(rw, r, credential)
			return
		case again == "":
			granted(st).show(rw, r)
			return
		}
	}
	to, err := c.begun.Begin(credential, c.redirectURI(provider))
	if err != nil {
		failed("The authorization request cannot be created.", err).show(rw, r)
		return
	}
	rw.Header().Set("Location", to)
	rw.WriteHeader(http.StatusSeeOther)
}

// isNavigation reports whether a person opened the page, according to the browser (Fetch Metadata):
// pages of other sites must not begin consents with images, frames or scripts. A link in a mail
// or a chat that is clicked is a navigation.
func isNavigation(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
		return true
	}
	return r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document" && r.Header.Get("Sec-Fetch-User") == "?1"
}

// decoy is a credential of a provider with users, nil if it has none.
func (c *consents) decoy(provider string) *auth.Source {
	for _, credential := range c.Sources(provider, "") {
		if credential.User() != "" {
			return credential
		}
	}
	return nil
}

// redirectDecoy redirects the browser to the provider with the state of a decoy.
func (c *consents) redirectDecoy(rw http.ResponseWriter, r *http.Request, credential *auth.Source) {
	to, _, err := credential.Authorize(c.redirectURI(credential.Provider()))
	if err != nil {
		failed("The authorization request cannot be created.", err).show(rw, r)
		return
	}
	if u, err := url.Parse(to); err == nil {
		c.decoys.add(u.Query().Get("state"), credential.Provider(), time.Now().Add(wordLife))
	}
	rw.Header().Set("Location", to)
	rw.WriteHeader(http.StatusSeeOther)
}

// ConsentOf identifies a user's consent.
func ConsentOf(provider, user string) string { return fmt.Sprintf("%q %q", provider, user) }

// callback redeems the provider's code. It continues if the browser disconnects: a code is valid
// once.
func (c *consents) callback(rw http.ResponseWriter, r *http.Request) {
	provider := r.PathValue("provider")
	if c.decoy(provider) == nil {
		c.unknown(provider).show(rw, r)
		return
	}
	if c.decoys.use(r.FormValue("state"), provider) {
		page{Status: http.StatusConflict, Title: "Nothing was changed"}.addLines(
			"The user of the link has granted access already, or has no account at this provider.",
			"\"orderbeat auth status\" shows which; \"orderbeat auth login --force\" requests access again.",
		).show(rw, r)
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), consentTimeout)
	defer cancel()
	source, err := c.begun.Finish(ctx, provider, r.URL.Query())
	if err != nil {
		c.rejected(provider, err).show(rw, r)
		return
	}
	c.Log.Info("access granted", "provider", provider, "user", source.User())
	page{Status: http.StatusOK, Title: "Access is granted"}.addLines(
		fmt.Sprintf("Orderbeat may now access %s on behalf of user %s. Missed data is synced automatically.", provider, source.User()),
		"You may close this page.",
	).show(rw, r)
}

// rejected is the page about a consent that failed.
func (c *consents) rejected(provider string, err error) page {
	e, ok := errors.AsType[*authorization.Error](err)
	if !ok {
		return failed("Access was not granted.", err)
	}
	user := ""
	p := page{Status: http.StatusBadGateway, Title: "Access was not granted"}.addLines(sentence(e.Reason), sentence(e.Hint))
	switch e.Code {
	case "invalid_state", "invalid_issuer", "invalid_answer":
		p.Status = http.StatusBadRequest
	case "access_denied":
		p.Status = http.StatusForbidden
	}
	if e.Source != nil {
		user = e.Source.User()
		p = p.addLines(fmt.Sprintf("This was about user %s of provider %s.", user, provider))
	}
	switch {
	case e.Again && e.Source != nil:
		p.Again = c.link(e.Source)
	case e.Again:
		p = p.addLines(fmt.Sprintf("To try again, run \"orderbeat auth login %s --user …\" or open the link of the alert.", provider))
	}
	c.Log.Warn("access not granted", "provider", provider, "user", user, "code", e.Code, "err", err)
	return p
}

// find is the credential of a user, nil if there is none.
func (c *consents) find(provider, user string) *auth.Source {
	found := c.Sources(provider, user)
	if user == "" || len(found) != 1 {
		return nil
	}
	return found[0]
}

// unknown is the page about an unknown provider or user. It repeats nothing of the request.
func (c *consents) unknown(provider string) page {
	p := page{Status: http.StatusNotFound, Title: "Unknown provider or user"}
	switch _, configured := c.Redirects()[provider]; {
	case !configured:
		return p.addLines("No provider with this name is configured.", "\"orderbeat check\" lists the providers, \"orderbeat auth status\" their users.")
	case c.decoy(provider) == nil:
		return p.addLines("This provider has no users: access is granted without them.")
	default:
		return p.addLines("No account of this provider has this user.", "\"orderbeat auth status\" lists the users; the address of this page ends with ?user= and one of them.")
	}
}

// granted is the page for a user whose access is granted already.
func granted(st auth.Status) page {
	p := page{Status: http.StatusOK, Title: "Access is granted already"}
	p = p.addLines(fmt.Sprintf("Nothing needs to be done for user %s of provider %s.", st.User, st.Provider))
	if st.State != auth.StateValid && st.LastFailure != nil {
		p = p.addLines("There is no token now; granting access again would not help: " + sentence(st.LastFailure.Reason))
	}
	return p.addLines("To request access again anyway, run \"orderbeat auth login --force\", or add &again=1 to the address of this page.")
}

// failed is the page about an internal failure.
func failed(what string, err error) page {
	return page{Status: http.StatusServiceUnavailable, Title: "Request failed"}.addLines(what, sentence(err.Error()))
}

// sentence capitalizes text and adds a full stop.
func sentence(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:] + "."
}

// link is where a user starts.
func (c *consents) link(s *auth.Source) string { return StartURL(c.Public, s.Provider(), s.User()) }

// StartURL is where a user starts to grant access, on a web listener at public; "" without one.
func StartURL(public, provider, user string) string {
	if public == "" {
		return ""
	}
	return public + startPath + url.PathEscape(provider) + "?user=" + url.QueryEscape(user)
}

// redirectURI is where the provider redirects users.
func (c *consents) redirectURI(provider string) string {
	if own := c.Redirects()[provider]; own != "" {
		return own
	}
	return c.Public + callbackPath + url.PathEscape(provider)
}

// paths maps the paths of the providers' own redirect URIs to their providers. [CheckRedirects] has
// validated them.
func (c *consents) paths() map[string]string {
	paths := map[string]string{}
	for provider, uri := range c.Redirects() {
		if u, err := url.Parse(uri); err == nil && u.Path != "" {
			paths[u.Path] = provider
		}
	}
	return paths
}

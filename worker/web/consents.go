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

// consents has the two pages with which a user grants access: one redirects the browser to the
// provider, the other is the provider's callback.
type consents struct {
	SiteConfig
	begun  *authorization.Pending
	decoys *OneTimeTokens // states of decoy redirects, by provider
}

// start redirects a user's browser to the provider. A user who has already granted access is redirected only with a
// link of auth.authorize or the password of web.auth. Other callers cannot tell users apart,
// whether they exist or have granted access: their browsers are redirected with a decoy state.
func (c *consents) start(rw http.ResponseWriter, r *http.Request) {
	if !isNavigation(r) {
		page{Status: http.StatusForbidden, Title: "Request from another site"}.addLines(
			"A page of another site opened this link. Open it from the alert, or run \"orderbeat auth login\" to get it.",
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
		c.Log.Warn("failed to start a consent", "provider", provider, "user", user, "err", err)
		failed("The state of this user cannot be read at the moment.", err).addRetryLink(c.link(credential)).show(rw, r)
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

// isNavigation reports whether the user opened the page, according to the browser (Fetch Metadata):
// pages of other sites must not start consents with images, frames or scripts. A clicked link in a mail
// or a chat is a navigation.
func isNavigation(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
		return true
	}
	return r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document" && r.Header.Get("Sec-Fetch-User") == "?1"
}

// decoy returns a credential of any user of the provider, nil if the provider has no users.
func (c *consents) decoy(provider string) *auth.Source {
	for _, credential := range c.Sources(provider, "") {
		if credential.User() != "" {
			return credential
		}
	}
	return nil
}

// redirectDecoy redirects the browser to the provider with a decoy state, with which the callback changes nothing.
func (c *consents) redirectDecoy(rw http.ResponseWriter, r *http.Request, credential *auth.Source) {
	to, _, err := credential.Authorize(c.redirectURI(credential.Provider()))
	if err != nil {
		failed("The authorization request cannot be created.", err).show(rw, r)
		return
	}
	if u, err := url.Parse(to); err == nil {
		c.decoys.add(u.Query().Get("state"), credential.Provider(), time.Now().Add(oneTimeTokenLife))
	}
	rw.Header().Set("Location", to)
	rw.WriteHeader(http.StatusSeeOther)
}

// ConsentOf returns the purpose of [OneTimeTokens] for a user's consent.
func ConsentOf(provider, user string) string { return fmt.Sprintf("%q %q", provider, user) }

// callback exchanges the provider's code for tokens. It continues if the browser disconnects, because a code is valid
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

// rejected returns the page for a failed consent.
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

// find returns the credential of a user, nil if there is none.
func (c *consents) find(provider, user string) *auth.Source {
	found := c.Sources(provider, user)
	if user == "" || len(found) != 1 {
		return nil
	}
	return found[0]
}

// unknown returns the page for an unknown provider or user. It does not echo parts of the request.
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

// granted returns the page for a user who has already granted access.
func granted(st auth.Status) page {
	p := page{Status: http.StatusOK, Title: "Access is granted already"}
	p = p.addLines(fmt.Sprintf("Nothing needs to be done for user %s of provider %s.", st.User, st.Provider))
	if st.State != auth.StateValid && st.LastFailure != nil {
		p = p.addLines("There is no valid token at the moment, but granting access again would not help: " + sentence(st.LastFailure.Reason))
	}
	return p.addLines("To request access again anyway, run \"orderbeat auth login --force\", or add &again=1 to the address of this page.")
}

// failed returns the page for an internal failure.
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

// link returns the URL at which a user starts to grant access.
func (c *consents) link(s *auth.Source) string { return StartURL(c.Public, s.Provider(), s.User()) }

// StartURL returns the URL at which a user starts to grant access, on the web listener at public; "" without one.
func StartURL(public, provider, user string) string {
	if public == "" {
		return ""
	}
	return public + startPath + url.PathEscape(provider) + "?user=" + url.QueryEscape(user)
}

// redirectURI returns the URI to which the provider redirects users.
func (c *consents) redirectURI(provider string) string {
	if own := c.Redirects()[provider]; own != "" {
		return own
	}
	return c.Public + callbackPath + url.PathEscape(provider)
}

// paths returns a map from the paths of the providers' own redirect URIs to the providers. [CheckRedirects] has
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

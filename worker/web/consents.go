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

// consentPatience bounds how long a callback waits for the provider to take its code.
const consentPatience = time.Minute

// consents are the two pages through which a user grants access: one sends the browser
// to the provider, the other is where the provider sends it back.
type consents struct {
	SiteConfig
	begun  *authorization.Pending
	decoys *Words // states that lead nowhere, by provider
}

// start sends a user's browser to the provider. Who has granted access already is asked
// again only by a link of auth.authorize, or for who knows the password of web.auth. To
// anybody else all users look alike, whether they are configured, and have granted access
// or not: the browser goes to the provider, and nothing comes of it.
func (c *consents) start(rw http.ResponseWriter, r *http.Request) {
	if !navigated(r) {
		page{Status: http.StatusForbidden, Title: "Not from here"}.say(
			"Another site's page asked for this. Open the link yourself: it is in the alert, and orderbeat auth login prints it.",
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
		c.pretend(rw, r, c.decoy(provider))
		return
	}
	if err := credential.Prepare(r.Context()); err != nil {
		c.Log.Warn("failed to begin a consent", "provider", provider, "user", user, "err", err)
		failed("What is known of this user cannot be read now.", err).again(c.link(credential)).show(rw, r)
		return
	}
	if st := credential.Status(); st.State != auth.StateConsent {
		switch again := r.FormValue("again"); {
		case !known:
			c.pretend(rw, r, credential)
			return
		case again == "":
			granted(st).show(rw, r)
			return
		}
	}
	to, err := c.begun.Begin(credential, c.redirectURI(provider))
	if err != nil {
		failed("The request for access cannot be made.", err).show(rw, r)
		return
	}
	rw.Header().Set("Location", to)
	rw.WriteHeader(http.StatusSeeOther)
}

// navigated reports whether a person opened the page, as far as the browser tells
// (Fetch Metadata): pages of other sites must not begin consents with images, frames or
// scripts. A link that is followed, in a mail or a chat, is a person's.
func navigated(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
		return true
	}
	return r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document" && r.Header.Get("Sec-Fetch-User") == "?1"
}

// decoy is a credential of a provider that has users, nil where it has none.
func (c *consents) decoy(provider string) *auth.Source {
	for _, credential := range c.Sources(provider, "") {
		if credential.User() != "" {
			return credential
		}
	}
	return nil
}

// pretend sends the browser to the provider with a state that leads nowhere.
func (c *consents) pretend(rw http.ResponseWriter, r *http.Request, credential *auth.Source) {
	to, _, err := credential.Authorize(c.redirectURI(credential.Provider()))
	if err != nil {
		failed("The request for access cannot be made.", err).show(rw, r)
		return
	}
	if u, err := url.Parse(to); err == nil {
		c.decoys.add(u.Query().Get("state"), credential.Provider(), time.Now().Add(wordLife))
	}
	rw.Header().Set("Location", to)
	rw.WriteHeader(http.StatusSeeOther)
}

// ConsentOf names a user's consent.
func ConsentOf(provider, user string) string { return fmt.Sprintf("%q %q", provider, user) }

// callback spends the code that the provider sent along. It goes on when the browser
// leaves: a code is good once.
func (c *consents) callback(rw http.ResponseWriter, r *http.Request) {
	provider := r.PathValue("provider")
	if c.decoy(provider) == nil {
		c.unknown(provider).show(rw, r)
		return
	}
	if c.decoys.use(r.FormValue("state"), provider) {
		page{Status: http.StatusConflict, Title: "Nothing was changed"}.say(
			"The user of the link has granted access already, or is none of this provider's accounts.",
			"orderbeat auth status tells which, and orderbeat auth login --force asks a user again.",
		).show(rw, r)
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), consentPatience)
	defer cancel()
	source, err := c.begun.Finish(ctx, provider, r.URL.Query())
	if err != nil {
		c.refused(provider, err).show(rw, r)
		return
	}
	c.Log.Info("access granted", "provider", provider, "user", source.User())
	page{Status: http.StatusOK, Title: "Access is granted"}.say(
		fmt.Sprintf("Orderbeat may now ask %s on behalf of user %s. What was missed meanwhile is asked for by itself.", provider, source.User()),
		"You may close this page.",
	).show(rw, r)
}

// refused is the page about a consent that did not come about.
func (c *consents) refused(provider string, err error) page {
	e, ok := errors.AsType[*authorization.Error](err)
	if !ok {
		return failed("Access was not granted.", err)
	}
	user := ""
	p := page{Status: http.StatusBadGateway, Title: "Access was not granted"}.say(sentence(e.Reason), sentence(e.Hint))
	switch e.Code {
	case "invalid_state", "invalid_issuer", "invalid_answer":
		p.Status = http.StatusBadRequest
	case "access_denied":
		p.Status = http.StatusForbidden
	}
	if e.Source != nil {
		user = e.Source.User()
		p = p.say(fmt.Sprintf("This was about user %s of provider %s.", user, provider))
	}
	switch {
	case e.Again && e.Source != nil:
		p.Again = c.link(e.Source)
	case e.Again:
		p = p.say(fmt.Sprintf("To begin again: orderbeat auth login %s --user …, or the link of the alert.", provider))
	}
	c.Log.Warn("access not granted", "provider", provider, "user", user, "code", e.Code, "err", err)
	return p
}

// find is the credential of a user, nil when there is none.
func (c *consents) find(provider, user string) *auth.Source {
	found := c.Sources(provider, user)
	if user == "" || len(found) != 1 {
		return nil
	}
	return found[0]
}

// unknown is the page about a provider or a user that is not there. It repeats nothing
// of what was asked for.
func (c *consents) unknown(provider string) page {
	p := page{Status: http.StatusNotFound, Title: "Nobody to ask for access"}
	switch _, configured := c.Redirects[provider]; {
	case !configured:
		return p.say("No provider of this name is configured.", "orderbeat check tells which are, orderbeat auth status whose tokens they need.")
	case c.decoy(provider) == nil:
		return p.say("This provider's tokens belong to no user: nobody needs to grant access.")
	default:
		return p.say("No account of this provider has this user.", "orderbeat auth status tells which users there are; this page's address ends with ?user= and one of them.")
	}
}

// granted is the page for a user from whom nothing is wanted.
func granted(st auth.Status) page {
	p := page{Status: http.StatusOK, Title: "Access is granted already"}
	p = p.say(fmt.Sprintf("Nothing needs to be done for user %s of provider %s.", st.User, st.Provider))
	if st.State != auth.StateValid && st.LastFailure != nil {
		p = p.say("There is no token now, which another consent would not change: " + sentence(st.LastFailure.Reason))
	}
	return p.say("To ask the user again all the same: orderbeat auth login --force, or add &again=1 to this page's address.")
}

// failed is the page about a failure of ours.
func failed(what string, err error) page {
	return page{Status: http.StatusServiceUnavailable, Title: "That did not work"}.say(what, sentence(err.Error()))
}

// sentence begins with a capital letter and ends with a full stop.
func sentence(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:] + "."
}

// link is where a user begins.
func (c *consents) link(s *auth.Source) string { return StartURL(c.Public, s.Provider(), s.User()) }

// StartURL is where a user begins to grant access, on a web listener at public; "" when
// there is none.
func StartURL(public, provider, user string) string {
	if public == "" {
		return ""
	}
	return public + startPath + url.PathEscape(provider) + "?user=" + url.QueryEscape(user)
}

// redirectURI is where the provider sends users back to.
func (c *consents) redirectURI(provider string) string {
	if own := c.own(provider); own != "" {
		return own
	}
	return c.Public + callbackPath + url.PathEscape(provider)
}

// own is the redirect URI that the provider knows itself, "" where it knows none.
func (c *consents) own(provider string) string { return c.Redirects[provider] }

// paths are those of the redirect URIs that providers know themselves, as patterns of a
// [http.ServeMux], and whose they are. [CheckRedirects] found nothing wrong with them.
func (c *consents) paths() map[string]string {
	paths := map[string]string{}
	for provider := range c.Redirects {
		u, err := url.Parse(c.own(provider))
		if err != nil || u.Path == "" {
			continue
		}
		if strings.HasSuffix(u.Path, "/") {
			u.Path += "{$}" // the path itself, and nothing below it
		}
		paths[u.Path] = provider
	}
	return paths
}

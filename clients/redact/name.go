package redact

import (
	"bytes"
	"slices"
	"strings"
)

// The names are folded. Those of RFC 6749 and OpenID Connect that hold secrets are here, those of
// the card schemes and of people's papers, and what APIs call their keys.
var (
	secretNames = []string{
		"authorization", "proxyauthorization", "cookie", "setcookie", "credential", "credentials",
		"assertion", "clientassertion", "codeverifier", "jwt", "samlresponse", "sessionid", "otp", "pass", "passcode", "pwd", "pin",
		"pan", "cardpan", "cardnumber", "cardno", "primaryaccountnumber", "cvv", "cvv2", "cvc", "cvc2", "ssn", "socialsecuritynumber",
	}
	secretParts  = []string{"password", "passwd", "passphrase", "secret", "apikey", "privatekey", "accesskey", "subscriptionkey"}
	secretEnds   = []string{"token", "tokens"}
	headerParts  = []string{"authorization", "cookie", "token", "secret", "password", "key", "credential", "session", "signature"}
	addressNames = []string{"key", "sig", "signature"} // in a query or a form: keys, as APIs call them there

	// What the parts of a parameter are called that has its name and its value apart.
	partNames  = []string{"name", "key", "id"}
	partValues = []string{"value", "content"}
)

// secret reports whether the value of a folded name is hidden.
func (r Redactor) secret(name string) bool {
	part := func(p string) bool { return strings.Contains(name, p) }
	end := func(e string) bool { return strings.HasSuffix(name, e) }
	switch {
	case name == "":
		return false
	case r.names[name]:
		return true
	case isPageToken(name):
		return false
	}
	return slices.Contains(secretNames, name) || slices.ContainsFunc(secretParts, part) || slices.ContainsFunc(secretEnds, end)
}

// pageTokens are names of what tells where the next page of an answer begins. They open
// nothing.
var pageTokens = []string{"nexttoken", "pagetoken", "nextpagetoken", "prevpagetoken", "previouspagetoken", "continuationtoken", "nextcontinuationtoken", "cursortoken", "scrolltoken"}

// isPageToken reports whether a folded name, which may be a header's, is one of them.
func isPageToken(name string) bool { return slices.Contains(pageTokens, strings.TrimPrefix(name, "x")) }

// isOAuthSecret reports whether a folded name is a secret in what belongs to OAuth 2.0 (RFC 6749
// sections 4.1.1 to 4.1.3). Everywhere else these are ordinary words.
func isOAuthSecret(name string) bool { return name == "code" || name == "state" }

// In a URL, a form or a text that belongs to OAuth 2.0 is one of the parameters of its requests
// and responses, or one of the paths that its endpoints usually have.
var (
	oauthParams = []string{
		"grant_type", "response_type", "client_id", "client_secret", "client%5fsecret", "redirect_uri", "code_verifier", "session_state",
		"access_token", "access-token", "refresh_token", "id_token",
	}
	oauthPaths = []string{"/callback", "/oauth", "/authorize", "/token"}
)

// isOAuth reports whether a text belongs to OAuth 2.0, as far as that can be seen.
func isOAuth(text []byte) bool {
	text = bytes.ToLower(text)
	in := func(path string) bool { return bytes.Contains(text, []byte(path)) }
	has := func(param string) bool { return hasParam(text, param) }
	return slices.ContainsFunc(oauthPaths, in) || slices.ContainsFunc(oauthParams, has) || has("code") && has("state")
}

// hasParam reports whether a text has a parameter with a name.
func hasParam(text []byte, name string) bool {
	assigned := []byte(name + "=")
	for rest := text; ; {
		i := bytes.Index(rest, assigned)
		if i < 0 {
			return false
		}
		if at := len(text) - len(rest) + i; at == 0 || strings.IndexByte("?&;#", text[at-1]) >= 0 {
			return true
		}
		rest = rest[i+len(assigned):]
	}
}

// fold is a name without what people write differently.
func fold(name string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case 'A' <= c && c <= 'Z':
			return c + 'a' - 'A'
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c > 127:
			return c
		}
		return -1
	}, name)
}

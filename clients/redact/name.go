package redact

import (
	"bytes"
	"slices"
	"strings"
	"sync"
)

// The folded names whose values are secrets: from RFC 6749 and OpenID Connect, for payment cards
// and personal documents, and the usual names of API keys.
var (
	secretNames = []string{
		"authorization", "proxyauthorization", "cookie", "setcookie", "credential", "credentials",
		"assertion", "clientassertion", "codeverifier", "jwt", "samlresponse", "sessionid", "otp", "pass", "passcode", "pwd", "pin",
		"pan", "cardpan", "cardnumber", "cardno", "primaryaccountnumber", "cvv", "cvv2", "cvc", "cvc2", "ssn", "socialsecuritynumber",
	}
	secretParts  = []string{"password", "passwd", "passphrase", "secret", "apikey", "privatekey", "accesskey", "subscriptionkey"}
	secretEnds   = []string{"token", "tokens"}
	headerParts  = []string{"authorization", "cookie", "token", "secret", "password", "key", "credential", "session", "signature"}
	addressNames = []string{"key", "sig", "signature"} // usual names of API keys in a query or a form

	// Members that hold a parameter's name and its value, as in {"name": …, "value": …}.
	partNames  = []string{"name", "key", "id"}
	partValues = []string{"value", "content"}
)

type nameKind struct {
	secret  bool // its value is redacted
	isName  bool // its value may be the name of another member's value
	isValue bool // its value may be that other member's
}

// knownNames is a cache of names, which are few and repeat from document to document. It is safe for
// concurrent use.
type knownNames struct {
	mu    sync.RWMutex
	kinds map[string]nameKind
}

func newKnownNames() *knownNames { return &knownNames{kinds: map[string]nameKind{}} }

// of describes a name. Long names, and all after the first thousand, are not cached: documents may
// have any number.
func (k *knownNames) of(name []byte, r Redactor) nameKind {
	const most = 1000
	k.mu.RLock()
	kind, ok := k.kinds[string(name)]
	k.mu.RUnlock()
	if ok {
		return kind
	}
	folded := fold(string(name))
	kind = nameKind{secret: r.secret(folded), isName: slices.Contains(partNames, folded), isValue: slices.Contains(partValues, folded)}
	if len(name) <= longestName {
		k.mu.Lock()
		defer k.mu.Unlock()
		if len(k.kinds) < most {
			k.kinds[string(name)] = kind
		}
	}
	return kind
}

// secret reports whether the value of a folded name is redacted.
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

// pageTokens are names of cursors to the next page. They grant no access.
var pageTokens = []string{"nexttoken", "pagetoken", "nextpagetoken", "prevpagetoken", "previouspagetoken", "continuationtoken", "nextcontinuationtoken", "cursortoken", "scrolltoken"}

// isPageToken reports whether a folded name, possibly a header's, is one of them.
func isPageToken(name string) bool { return slices.Contains(pageTokens, strings.TrimPrefix(name, "x")) }

// isOAuthSecret reports whether a folded name is a secret in OAuth 2.0 (RFC 6749 sections 4.1.1 to
// 4.1.3). Elsewhere these are ordinary words.
func isOAuthSecret(name string) bool { return name == "code" || name == "state" }

// A URL, a form or a text belongs to OAuth 2.0 if it has one of its request or response parameters, or
// one of the usual endpoint paths.
var (
	oauthParams = []string{
		"grant_type", "response_type", "client_id", "client_secret", "client%5fsecret", "redirect_uri", "code_verifier", "session_state",
		"access_token", "access-token", "refresh_token", "id_token",
	}
	oauthPaths = []string{"/callback", "/oauth", "/authorize", "/token"}
)

func isOAuth(text []byte) bool {
	text = bytes.ToLower(text)
	in := func(path string) bool { return bytes.Contains(text, []byte(path)) }
	has := func(param string) bool { return hasParam(text, param) }
	return slices.ContainsFunc(oauthPaths, in) || slices.ContainsFunc(oauthParams, has) || has("code") && has("state")
}

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

package clients

import (
	"bytes"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Redacted stands where something was that must not be kept, as [auth.Secret] prints.
const Redacted = "REDACTED"

// Redactor takes secrets out of what went over the wire, so that it can be kept and
// shown: the values of headers, query and form parameters, JSON members, XML elements and
// HTML inputs that are known by their names, and card numbers by themselves. Names are
// compared without case, "_" and "-". Everything else stays byte for byte, and in its
// order. The zero value knows the usual names; [NewRedactor] adds a provider's own. It
// is safe for concurrent use.
type Redactor struct {
	more  map[string]bool
	paths paths
	// open leaves "code" and "state" as they are.
	open bool
}

// ofAnswers is r for answers that are the documents that were asked for: in these, "code"
// and "state" are a supplier's words for what became of an order, which are needed when
// it is mapped again. OAuth's own go to other endpoints.
func (r Redactor) ofAnswers() Redactor {
	r.open = true
	return r
}

// NewRedactor makes a redactor that hides what has one of the names, too.
func NewRedactor(names ...string) Redactor {
	r := Redactor{more: map[string]bool{}}
	for _, name := range names {
		r.more[fold(name)] = true
	}
	return r
}

// The names are folded. Those of RFC 6749 and OpenID Connect that hold secrets are here,
// those of the card schemes and of people's papers, and what APIs call their keys.
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
)

// kind is how a name is treated.
type kind int

const (
	kindOpen   kind = iota
	kindCommon      // "code" and "state": OAuth 2.0's secrets, and also everybody's words
	kindSecret
)

// kind says how the value of a name is treated.
func (r Redactor) kind(name string) kind {
	name = fold(name)
	part := func(p string) bool { return strings.Contains(name, p) }
	end := func(e string) bool { return strings.HasSuffix(name, e) }
	switch {
	case r.more[name] && name != "":
		return kindSecret
	case isPageToken(name):
		return kindOpen
	case slices.Contains(secretNames, name), slices.ContainsFunc(secretParts, part), slices.ContainsFunc(secretEnds, end):
		return kindSecret
	case (name == "code" || name == "state") && !r.open:
		return kindCommon
	}
	return kindOpen
}

// pageTokens are names of what tells where the next page of an answer begins. They open
// nothing.
var pageTokens = []string{"nexttoken", "pagetoken", "nextpagetoken", "prevpagetoken", "previouspagetoken", "continuationtoken", "nextcontinuationtoken", "cursortoken", "scrolltoken"}

// isPageToken reports whether a folded name, which may be a header's, is one of them.
func isPageToken(name string) bool { return slices.Contains(pageTokens, strings.TrimPrefix(name, "x")) }

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

// Header returns a copy that can be shown. Beside what is hidden everywhere, that is
// every header with "token", "secret", "password", "key", "session", "signature",
// "credential", "cookie" or "authorization" in its name.
func (r Redactor) Header(h http.Header) http.Header {
	shown := http.Header{}
	for name, values := range h {
		folded := fold(name)
		part := func(p string) bool { return strings.Contains(folded, p) }
		hide := r.kind(name) == kindSecret || slices.ContainsFunc(headerParts, part) && !isPageToken(folded)
		for _, v := range values {
			switch {
			case hide && v != "":
				v = Redacted
			case strings.Contains(v, "://") || strings.HasPrefix(v, "/"): // Location and its like
				v = r.URL(v)
			default:
				v = string(r.text([]byte(v)))
			}
			shown[name] = append(shown[name], v)
		}
	}
	return shown
}

// URL hides the values of a URL's query and fragment that are secret, and a password.
// The path and all names stay.
func (r Redactor) URL(address string) string {
	return r.address(address, r.param)
}

// names is a URL with no value in its query or fragment.
func (r Redactor) names(address string) string {
	return r.address(address, func(string, string) (string, bool) { return Redacted, true })
}

func (r Redactor) address(address string, param paramFunc) string {
	rest, fragment, hasFragment := strings.Cut(address, "#")
	rest, query, hasQuery := strings.Cut(rest, "?")
	if scheme, after, ok := strings.Cut(rest, "://"); ok {
		host, path, hasPath := strings.Cut(after, "/")
		if at := strings.LastIndexByte(host, '@'); at >= 0 {
			rest = scheme + "://" + Redacted + host[at:]
			if hasPath {
				rest += "/" + path
			}
		}
	}
	rest = string(withoutCards([]byte(rest)))
	if hasQuery {
		rest += "?" + params(query, param)
	}
	if hasFragment {
		rest += "#" + params(fragment, param)
	}
	return rest
}

// Body hides what is secret in a body of the content type, which need not be right, and
// the body not whole. What is no text, and a multipart form, is hidden as one.
func (r Redactor) Body(contentType string, body []byte) []byte {
	contentType = strings.ToLower(contentType)
	switch {
	case len(bytes.TrimSpace(body)) == 0:
		return bytes.Clone(body)
	case bytes.IndexByte(body, 0) >= 0, strings.HasPrefix(contentType, "multipart/"):
		return []byte(Redacted)
	case len(r.paths) > 0:
		return r.withoutPaths(contentType, body)
	case strings.HasPrefix(contentType, "application/x-www-form-urlencoded") && !isDocument(body):
		return []byte(params(string(body), r.param))
	}
	return r.text(body)
}

// withoutPaths is Body where paths are hidden. In what is not one JSON document, the names
// that they end with are, wherever they stand.
func (r Redactor) withoutPaths(contentType string, body []byte) []byte {
	hide := r.paths
	r.paths = nil
	shown, ok := hide.hide(body)
	if !ok {
		r.more = maps.Clone(r.more)
		for _, name := range hide.last() {
			r.more[name] = true
		}
		shown = body
	}
	return r.Body(contentType, shown)
}

// paramFunc returns what is shown of a parameter, and whether that is anything else.
type paramFunc func(name, value string) (shown string, changed bool)

// param decides about a query's or a form's parameter.
func (r Redactor) param(name, value string) (string, bool) {
	switch k := r.kind(name); {
	case k == kindSecret, r.paths.hides(name), slices.Contains(addressNames, fold(name)), k == kindCommon && !isStatus(value):
		return Redacted, true
	}
	shown := string(r.text([]byte(value)))
	return shown, shown != value
}

// params passes every parameter of a query or a form through f.
func params(query string, f paramFunc) string {
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		name, value, ok := strings.Cut(pair, "=")
		if !ok { // a word alone, or no query at all
			name, value = "", pair
		}
		shown, changed := f(unescaped(name), unescaped(value))
		switch {
		case value == "" || !changed:
		case ok:
			pairs[i] = name + "=" + url.QueryEscape(shown)
		default:
			pairs[i] = url.QueryEscape(shown)
		}
	}
	return strings.Join(pairs, "&")
}

// unescaped is s as it is meant, or s where it cannot be told.
func unescaped(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}

// isStatus reports whether a "code" is a number of at most three digits, which is an
// answer's status and no secret.
func isStatus(value string) bool {
	return len(value) <= 3 && strings.Trim(value, "0123456789") == ""
}

// isDocument reports whether a body begins as no form does.
func isDocument(body []byte) bool {
	return bytes.IndexByte([]byte("{[<\""), bytes.TrimSpace(body)[0]) >= 0
}

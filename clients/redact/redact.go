package redact

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"orderbeat/auth/mask"
)

// Redactor removes secrets: the values of headers, query and form parameters, JSON members, XML
// elements and HTML inputs with known names, card numbers, and the secrets that the process knows.
// Names are compared ignoring case, "_" and "-". Everything else stays unchanged, byte for byte. The
// zero value knows the usual names. It is safe for concurrent use.
type Redactor struct {
	names map[string]bool
	paths paths
	mask  *mask.Set
	known *knownNames // nil for none
}

// New returns a redactor that also removes values with one of the names, and at one of the paths of
// JSON documents (see [ValidPath]).
func New(names, paths []string) Redactor {
	r := Redactor{names: map[string]bool{}, paths: newPaths(paths), known: newKnownNames()}
	for _, name := range names {
		r.names[fold(name)] = true
	}
	return r
}

// Masking returns r with secrets that are masked by value.
func (r Redactor) Masking(s *mask.Set) Redactor {
	r.mask = s
	return r
}

// Header returns a redacted copy. Besides the known names it redacts every header with "token",
// "secret", "password", "key", "session", "signature", "credential", "cookie" or "authorization" in
// its name.
func (r Redactor) Header(h http.Header) http.Header {
	shown := http.Header{}
	for name, values := range h {
		folded := fold(name)
		part := func(p string) bool { return strings.Contains(folded, p) }
		hide := r.secret(folded) || slices.ContainsFunc(headerParts, part) && !isPageToken(folded)
		name = r.mask.Text(name)
		for _, v := range values {
			v = r.mask.Text(v)
			switch {
			case hide && v != "":
				v = mask.Redacted
			case folded == "location":
				v = r.address(v, true, r.param)
			case strings.Contains(v, "://") || strings.HasPrefix(v, "/"):
				v = r.URL(v)
			default:
				v = string(r.document(nil, "", []byte(v)))
			}
			shown[name] = append(shown[name], v)
		}
	}
	return shown
}

// URL redacts secret values in a URL's query and fragment, and its password. The path and all names
// stay.
func (r Redactor) URL(address string) string { return r.address(address, false, r.param) }

// Names returns a URL without the values of its query and fragment.
func (r Redactor) Names(address string) string {
	return r.address(address, false, func(string, string, bool) (string, bool) { return mask.Redacted, true })
}

// address passes the parameters of a URL through param. oauth says that it belongs to OAuth 2.0 in
// any case.
func (r Redactor) address(address string, oauth bool, param paramFunc) string {
	address = r.mask.Text(address)
	oauth = oauth || isOAuth([]byte(address))
	rest, fragment, hasFragment := strings.Cut(address, "#")
	rest, query, hasQuery := strings.Cut(rest, "?")
	if scheme, after, ok := strings.Cut(rest, "://"); ok {
		host, path, hasPath := strings.Cut(after, "/")
		if at := strings.LastIndexByte(host, '@'); at >= 0 {
			rest = scheme + "://" + mask.Redacted + host[at:]
			if hasPath {
				rest += "/" + path
			}
		}
	}
	rest = string(withoutCards([]byte(rest)))
	if hasQuery {
		rest += "?" + params(query, oauth, param)
	}
	if hasFragment {
		rest += "#" + params(fragment, oauth, param)
	}
	return rest
}

// Body redacts a body. The content type may be wrong, and the body may be incomplete. Binary
// data, a multipart form, and everything after ctx is cancelled is redacted as a whole.
func (r Redactor) Body(ctx context.Context, contentType string, body []byte) []byte {
	contentType = strings.ToLower(contentType)
	switch trimmed := bytes.TrimSpace(body); {
	case len(trimmed) == 0:
		return bytes.Clone(body)
	case bytes.IndexByte(body, 0) >= 0, bytes.HasPrefix(body, []byte("\x1f\x8b")), strings.HasPrefix(contentType, "multipart/"):
		return []byte(mask.Redacted)
	}
	cancelled := func() bool { return errors.Is(ctx.Err(), context.Canceled) }
	return r.document(cancelled, contentType, r.mask.Bytes(body))
}

// document is Body without masking by value.
func (r Redactor) document(cancelled func() bool, contentType string, body []byte) []byte {
	s := &scan{r: r, cancelled: cancelled}
	trimmed := bytes.TrimSpace(body)
	shown, ok := []byte(nil), false
	if len(trimmed) > 0 && strings.IndexByte(`{["-0123456789`, trimmed[0]) >= 0 {
		shown, ok = s.json(body, r.paths, 0)
	}
	if !ok {
		s.nameLast()
		if strings.HasPrefix(contentType, "application/x-www-form-urlencoded") && (len(trimmed) == 0 || strings.IndexByte(`{[<"`, trimmed[0]) < 0) {
			shown = []byte(params(string(body), isOAuth(body), s.r.param))
		} else {
			shown = s.text(body)
		}
	}
	if s.stopped {
		return []byte(mask.Redacted)
	}
	return shown
}

// scan is one pass over a document, including the documents nested in it.
type scan struct {
	r       Redactor
	work    int // steps so far; about one for each name, value or piece of text
	scanned int // bytes that were read to find the ends of values
	stopped bool
	// decoders read nested documents; the index is the depth.
	decoders [maxDepth]*jsontext.Decoder
	// cancelled reports whether the result is no longer needed; nil means never.
	cancelled func() bool
}

// stop reports whether the result is no longer needed.
func (s *scan) stop() bool {
	const often = 1 << 12
	if s.work++; s.work%often == 0 && s.cancelled != nil && s.cancelled() {
		s.stopped = true
	}
	return s.stopped
}

// nameLast redacts the last name of each path anywhere: outside JSON documents there are no paths.
func (s *scan) nameLast() {
	last := s.r.paths.last()
	if len(last) == 0 {
		return
	}
	names := map[string]bool{}
	for name := range s.r.names {
		names[name] = true
	}
	for _, name := range last {
		names[name] = true
	}
	s.r.names, s.r.paths, s.r.known = names, nil, nil
}

// name describes a name, from the cache if possible.
func (s *scan) name(name []byte) nameKind {
	if s.r.known == nil {
		s.r.known = newKnownNames() // of this document
	}
	return s.r.known.of(name, s.r)
}

func (s *scan) secret(name []byte) bool { return s.name(name).secret }

// maxDepth is how many levels of documents in strings are parsed; deeper ones are treated as text.
const maxDepth = 3

// content redacts a string's content, which may be a document itself.
func (s *scan) content(plain []byte, depth int) []byte {
	if trimmed := bytes.TrimSpace(plain); depth < maxDepth && len(trimmed) > 0 && strings.IndexByte(`{["`, trimmed[0]) >= 0 {
		if shown, ok := s.json(plain, nil, depth); ok {
			return shown
		}
	}
	return s.text(plain)
}

// paramFunc returns the redacted value of a parameter, and whether it differs. oauth reports a
// parameter of OAuth 2.0.
type paramFunc func(name, value string, oauth bool) (shown string, changed bool)

func (r Redactor) param(name, value string, oauth bool) (string, bool) {
	folded := fold(name)
	if r.secret(folded) || r.paths.hides(name) || slices.Contains(addressNames, folded) || oauth && isOAuthSecret(folded) && !isStatus(value) {
		return mask.Redacted, true
	}
	s := &scan{r: Redactor{names: r.names, known: r.known}}
	shown := string(s.content([]byte(value), 0))
	return shown, shown != value
}

// params passes every parameter of a query or a form through f.
func params(query string, oauth bool, f paramFunc) string {
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		name, value, ok := strings.Cut(pair, "=")
		if !ok { // a single word, or not a query
			name, value = "", pair
		}
		shown, changed := f(unescaped(name), unescaped(value), oauth)
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

func unescaped(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}

// isStatus reports whether a "code" is a number of at most three digits, which is a status and not a
// secret.
func isStatus(value string) bool {
	return len(value) <= 3 && strings.Trim(value, "0123456789") == ""
}

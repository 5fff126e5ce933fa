package authtest

import (
	"bytes"
	"crypto/subtle"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"

	jsonv2 "github.com/go-json-experiment/json"
)

// params are a request's parameters. A missing one is "", and an empty one counts as missing
// (RFC 6749 section 3.2).
type params map[string]string

// bodyOnly are the parameters that must not be in a URL (RFC 6749 section 2.3.1: the client's
// credentials "MUST NOT be included in the request URI").
var bodyOnly = []string{
	"client_id", "client_secret", "grant_type", "code", "code_verifier", "redirect_uri", "refresh_token", "scope", "token",
}

// params parses a POST with one of the given encodings.
func (s *Server) params(r *http.Request, bodies []body) (params, *problem) {
	if r.Method != http.MethodPost {
		return nil, &problem{badMethod, "a token request must be a POST"}
	}
	media, attributes, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	i := slices.IndexFunc(bodies, func(b body) bool { return b.mediaType == media })
	if err != nil || i < 0 || len(r.Header.Values("Content-Type")) > 1 {
		return nil, &problem{badRequest, "this Content-Type is not accepted"}
	}
	values, err := parse(r.Body, media, attributes["boundary"])
	if err != nil {
		return nil, &problem{badRequest, "the body does not match its Content-Type"}
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, &problem{badRequest, "the query cannot be read"}
	}
	if err := merge(values, query, bodies[i].grantInQuery); err != nil {
		return nil, &problem{badRequest, err.Error()}
	}
	p := params{}
	for name, value := range values {
		if len(value) > 1 {
			return nil, &problem{badRequest, "a parameter is repeated"}
		}
		p[name] = value[0]
	}
	return p, nil
}

// merge adds the allowed query parameters to those of the body.
func merge(values, query url.Values, grantInQuery bool) error {
	for _, name := range bodyOnly {
		inQuery := grantInQuery && name == "grant_type"
		if values.Has(name) && inQuery || query.Has(name) && !inQuery {
			return errors.New(name + " is in the wrong place")
		}
	}
	for name, value := range query {
		values[name] = append(values[name], value...)
	}
	return nil
}

// parse parses a body. A repeated name gets several values.
func parse(r io.Reader, media, boundary string) (url.Values, error) {
	switch media {
	case mediaJSON:
		return parseJSON(r)
	case mediaMultipart:
		return parseMultipart(multipart.NewReader(r, boundary))
	default:
		text, err := io.ReadAll(r)
		if err != nil {
			return nil, err
		}
		return url.ParseQuery(string(text))
	}
}

// parseJSON parses one object of strings. It rejects repeated names.
func parseJSON(r io.Reader) (url.Values, error) {
	var object map[string]string
	if err := jsonv2.UnmarshalRead(r, &object); err != nil {
		return nil, err
	}
	values := url.Values{}
	for name, value := range object {
		values.Set(name, value)
	}
	return values, nil
}

func parseMultipart(r *multipart.Reader) (url.Values, error) {
	values := url.Values{}
	for {
		part, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			return values, nil
		}
		if err != nil {
			return nil, err
		}
		var text bytes.Buffer
		if _, err := text.ReadFrom(part); err != nil {
			return nil, err
		}
		values.Add(part.FormName(), text.String())
	}
}

// authenticate checks that the client uses exactly one of the dialect's authentication methods (RFC 6749
// section 2.3). A wrong secret and a wrong method get the same response.
func (s *Server) authenticate(r *http.Request, p params, f Fault) *problem {
	headers := r.Header.Values("Authorization")
	inForm := p["client_id"] != "" || p["client_secret"] != ""
	switch {
	case len(headers) > 1 || len(headers) == 1 && inForm:
		return &problem{badRequest, "the client uses two authentication methods"}
	case f.RefuseClient:
		return &problem{badClient, "the client is unknown"}
	case len(headers) == 1 && s.knownHeader(r):
		return nil
	case inForm && s.dialect.takes(inBody) && s.known(p["client_id"], p["client_secret"]):
		return nil
	default:
		return &problem{badClient, "the client is unknown, or uses the wrong authentication method"}
	}
}

func (s *Server) knownHeader(r *http.Request) bool {
	id, secret, ok := r.BasicAuth()
	if !ok {
		return false
	}
	if s.dialect.takes(basicRaw) && s.known(id, secret) {
		return true
	}
	id, errID := url.QueryUnescape(id)
	secret, errSecret := url.QueryUnescape(secret)
	return s.dialect.takes(basicForm) && errID == nil && errSecret == nil && s.known(id, secret)
}

func (s *Server) known(id, secret string) bool {
	return same(id, s.options.ClientID) && same(secret, s.options.ClientSecret)
}

func (d dialect) takes(way clientAuth) bool { return slices.Contains(d.clientAuth, way) }

func (d dialect) takesBasic() bool { return d.takes(basicRaw) || d.takes(basicForm) }

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

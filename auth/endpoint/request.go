package endpoint

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
)

// The grant types (RFC 6749 sections 4.1.3, 4.4.2 and 6).
const (
	ClientCredentials = "client_credentials"
	AuthorizationCode = "authorization_code"
	RefreshToken      = "refresh_token"
	JWTBearer         = "urn:ietf:params:oauth:grant-type:jwt-bearer" // RFC 7523 section 2.1
)

// Request is a token request: a grant type and its parameters (RFC 6749 sections 4.1.3, 4.4.2 and 6).
type Request struct {
	Type   string
	Params map[string]string
}

// params are the parameters of a request, each at most once (RFC 6749 section 3.2).
type params map[string]string

func (e *Endpoint) request(ctx context.Context, g Request) (*http.Request, error) {
	with := params{}
	for name, value := range e.params {
		with[name] = value.Reveal()
	}
	maps.Copy(with, g.Params)
	with["grant_type"] = g.Type
	if g.Type == JWTBearer {
		var err error
		if with["assertion"], err = e.assertion.grant(e.url, e.clientID.Reveal(), g.Params["scope"]); err != nil {
			return nil, err
		}
	}
	to := e.url
	if e.dialect.GrantInQuery {
		u, err := url.Parse(to)
		if err != nil {
			return nil, err
		}
		query := u.Query()
		query.Set("grant_type", g.Type)
		u.RawQuery = query.Encode()
		to = u.String()
		delete(with, "grant_type")
	}
	req, err := e.post(ctx, to, e.dialect.Encoding, with)
	if err != nil {
		return nil, err
	}
	for name, value := range e.headers {
		if req.Header.Get(name) == "" {
			req.Header.Set(name, value.Reveal())
		}
	}
	return req, nil
}

// post writes a request with the client authentication.
func (e *Endpoint) post(ctx context.Context, to string, enc Encoding, with params) (*http.Request, error) {
	id, password := e.clientID.Reveal(), e.clientSecret.Reveal()
	var basic string
	switch e.dialect.ClientAuth {
	case BasicRaw:
		basic = id + ":" + password
	case BasicForm:
		basic = url.QueryEscape(id) + ":" + url.QueryEscape(password)
	case PrivateKeyJWT:
		var err error
		with["client_id"], with["client_assertion_type"] = id, clientAssertion
		if with["client_assertion"], err = e.assertion.client(e.url, id); err != nil {
			return nil, err
		}
	default:
		if with["client_id"] = id; password != "" {
			with["client_secret"] = password
		}
	}
	body, contentType, err := enc.write(with)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Accept", "application/json")
	if basic != "" {
		req.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(basic)))
	}
	if e.userAgent != "" {
		req.Header.Set("User-Agent", e.userAgent)
	}
	return req, nil
}

// write writes the parameters, sorted by name.
func (enc Encoding) write(with params) (body []byte, contentType string, err error) {
	switch enc {
	case JSON:
		body, err = json.Marshal(with)
		return body, "application/json", err
	case Multipart:
		return with.multipart()
	case Form, "":
		form := url.Values{}
		for name, value := range with {
			form.Set(name, value)
		}
		return []byte(form.Encode()), "application/x-www-form-urlencoded", nil
	default:
		return nil, "", fmt.Errorf("auth: unknown encoding %q", string(enc))
	}
}

func (p params) multipart() (body []byte, contentType string, err error) {
	var buf bytes.Buffer
	w := multipart.NewWriter(&buf)
	for _, name := range slices.Sorted(maps.Keys(p)) {
		if err := w.WriteField(name, p[name]); err != nil {
			return nil, "", err
		}
	}
	if err := w.Close(); err != nil {
		return nil, "", err
	}
	return buf.Bytes(), w.FormDataContentType(), nil
}

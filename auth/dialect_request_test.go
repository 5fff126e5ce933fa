package auth_test

import (
	"encoding/base64"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderbeat/auth"
	"orderbeat/auth/endpoint"
	"orderbeat/auth/secret"
)

// The documents, by their own titles, that say what the providers do.
const (
	michelinPage    = "Michelin, Order-To-Cash North America, OAuth2 Authentication (April 1st, 2025)"
	michelinOpenAPI = "Michelin North America Order-to-Cash, OpenAPI 1.0.1"
	ptvPage         = "PTV Logistics, OAUth2 Authentication"
	shellGuide      = "Shell, Loyalty APIs Authentication Guide"
	microbiltPage   = "Microbilt API's OAuth Documentation"
	mazdaPage       = "Mazda, Access keys for DMS (OAuth2)"
)

// A client whose id and secret have all that an encoding could change.
const (
	oddID     = "3MVG9.x_&y"
	oddSecret = `p@ss/w+rd=é %<"!`
)

func basic(text string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(text))
}

func TestTokenRequestsByteForByte(t *testing.T) {
	const (
		credentials = "client_id=3MVG9.x_%26y&client_secret=p%40ss%2Fw%2Brd%3D%C3%A9+%25%3C%22%21"
		clientGrant = "grant_type=client_credentials"
	)
	raw := basic(oddID + ":" + oddSecret)
	for _, tt := range []struct {
		document, name string
		dialect        endpoint.Dialect
		change         func(*endpoint.Dialect)
		scope, path    string
		want           string
	}{
		{
			michelinPage, "the credentials are form parameters", endpoint.Michelin(), nil, "", "/idp/v2/b2b/oauth2/token",
			posted("/idp/v2/b2b/oauth2/token", "", formType, credentials+"&"+clientGrant),
		},
		{
			ptvPage, "Basic is base64 of id:secret as they are", endpoint.PTV(), nil, "", "/token",
			posted("/token", raw, formType, clientGrant),
		},
		{
			ptvPage, "or the credentials are form parameters", endpoint.PTV(), func(d *endpoint.Dialect) { d.ClientAuth = endpoint.InBody }, "", "/token",
			posted("/token", "", formType, credentials+"&"+clientGrant),
		},
		{
			ptvPage, "its sample sends multipart", endpoint.PTV(), func(d *endpoint.Dialect) { d.Encoding = endpoint.Multipart }, "", "/token",
			posted("/token", raw, multipartType, parts("grant_type", "client_credentials")),
		},
		{
			shellGuide, "the credentials are form parameters", endpoint.Shell(), nil, "", "/v2/oauth/token",
			posted("/v2/oauth/token", "", formType, credentials+"&"+clientGrant),
		},
		{
			microbiltPage, "a JSON body", endpoint.Microbilt(), nil, "", "/OAuth/GetAccessToken",
			posted("/OAuth/GetAccessToken", "", jsonType,
				`{"client_id":"3MVG9.x_\u0026y","client_secret":"p@ss/w+rd=é %\u003c\"!","grant_type":"client_credentials"}`),
		},
		{
			microbiltPage, "or a form, with the grant alone in the query", endpoint.Microbilt(),
			func(d *endpoint.Dialect) { d.Encoding, d.GrantInQuery = endpoint.Form, true }, "", "/OAuth/GetAccessToken",
			posted("/OAuth/GetAccessToken?"+clientGrant, "", formType, credentials),
		},
		{
			microbiltPage, "and the grant stands once where the URL has it already", endpoint.Microbilt(),
			func(d *endpoint.Dialect) { d.Encoding, d.GrantInQuery = endpoint.Form, true }, "", "/OAuth/GetAccessToken?grant_type=x&v=1",
			posted("/OAuth/GetAccessToken?"+clientGrant+"&v=1", "", formType, credentials),
		},
		{
			"RFC 6749 section 2.3.1", "the credentials are form parameters", endpoint.RFC6749(), nil, "", "/token",
			posted("/token", "", formType, credentials+"&"+clientGrant),
		},
		{
			"RFC 6749 section 2.3.1", "Basic is form-encoded before base64", endpoint.RFC6749(), func(d *endpoint.Dialect) { d.ClientAuth = endpoint.BasicForm }, "", "/token",
			posted("/token", basic("3MVG9.x_%26y:p%40ss%2Fw%2Brd%3D%C3%A9+%25%3C%22%21"), formType, clientGrant),
		},
		{
			"RFC 6749 section 4.4.2", "a scope is asked for", endpoint.RFC6749(), nil, "orders:read api", "/token",
			posted("/token", "", formType, credentials+"&"+clientGrant+"&scope=orders%3Aread+api"),
		},
		{
			"RFC 7578", "everything as multipart", endpoint.RFC6749(), func(d *endpoint.Dialect) { d.Encoding = endpoint.Multipart }, "api", "/token",
			posted("/token", "", multipartType, parts("client_id", oddID, "client_secret", oddSecret, "grant_type", "client_credentials", "scope", "api")),
		},
	} {
		t.Run(tt.document+": "+tt.name, func(t *testing.T) {
			w := tap(t, reply{200, `{"access_token":"a"}`})
			c := config(nil)
			c.Dialect, c.Scope, c.TokenURL, c.UserAgent = tt.dialect, tt.scope, w.url.String()+tt.path, "orderbeat/1"
			c.ClientID, c.ClientSecret = secret.New(oddID), secret.New(oddSecret)
			if tt.change != nil {
				tt.change(&c.Dialect)
			}
			mustToken(t, open(t, c))
			if diff := cmp.Diff(tt.want, w.raw()); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
}

const (
	codeOfMazda     = "ANCK82FCGNbKa5A06w5cTZGn2QKcdlO4"
	redirectOfMazda = "https://127.0.0.1:8080/myGreatDms/oauth/code"
)

// Mazda's two requests, one after the other; the refresh token is one that the first
// brought.
func TestMazdaTokenRequestsByteForByte(t *testing.T) {
	const redirect = "redirect_uri=https%3A%2F%2F127.0.0.1%3A8080%2FmyGreatDms%2Foauth%2Fcode"
	for name, tt := range map[string]struct {
		noPKCE   bool
		exchange string
	}{
		"with PKCE":    {false, "code=" + codeOfMazda + "&code_verifier=" + verifier + "&grant_type=authorization_code&" + redirect},
		"without PKCE": {true, "code=" + codeOfMazda + "&grant_type=authorization_code&" + redirect},
	} {
		t.Run(name, func(t *testing.T) {
			w := tap(
				t,
				reply{200, `{"access_token":"access-1","expires_in":"3600","refresh_token":"refresh+1/="}`},
				reply{200, `{"access_token":"access-2","expires_in":3600,"refresh_token":"refresh-2"}`},
				reply{200, `{"access_token":"access-3","expires_in":3600}`},
			)
			c := userConfig(nil, auth.NewMemory())
			c.Base = nil
			c.TokenURL, c.UserAgent, c.Scope, c.Dialect.NoPKCE = w.url.String()+"/oauth/token", "orderbeat/1", "read", tt.noPKCE
			c.ClientID, c.ClientSecret = secret.New(oddID), secret.New(oddSecret)
			s := open(t, c)
			_, consent, err := s.Authorize(redirectOfMazda)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Exchange(t.Context(), consent, codeOfMazda); err != nil {
				t.Fatal(err)
			}
			for range 2 { // each time another process, because a 401 may not ask for one token after the other
				s := open(t, c)
				s.Reject(mustToken(t, s).Generation)
				mustToken(t, s)
			}
			raw := basic(oddID + ":" + oddSecret)
			want := posted("/oauth/token", raw, formType, tt.exchange) +
				posted("/oauth/token", raw, formType, "grant_type=refresh_token&refresh_token=refresh%2B1%2F%3D") +
				posted("/oauth/token", raw, formType, "grant_type=refresh_token&refresh_token=refresh-2")
			if diff := cmp.Diff(want, w.raw()); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
		})
	}
}

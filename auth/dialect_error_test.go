package auth_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"orderbeat/auth/endpoint"
)

func TestResponsesWithoutAToken(t *testing.T) {
	michelin, ptv, shell, microbilt, rfc := endpoint.Michelin(), endpoint.PTV(), endpoint.Shell(), endpoint.Microbilt(), endpoint.RFC6749()
	fault := func(inner string) string {
		return `{"fault":{"faultstring":"Invalid client identifier",` + inner + `}}`
	}
	for _, tt := range []struct {
		document, name string
		dialect        endpoint.Dialect
		status         int
		body           string
		want           endpoint.Error // Class, Code and, where they matter, words of Reason and Hint
	}{
		{michelinPage, "its code with blanks around", michelin, 400, `{"error": " unsupported_grant_type "}`, endpoint.Error{Class: endpoint.ClassRequest, Code: "unsupported_grant_type", Hint: "Content-Type application/x-www-form-urlencoded"}},
		{michelinPage, "its code with blanks and capitals", michelin, 400, "{\"error\": \"\\t Unsupported_Grant_Type \\n\"}", endpoint.Error{Class: endpoint.ClassRequest, Code: "unsupported_grant_type"}},
		{michelinPage, "refused credentials are a 400", michelin, 400, `{"error": "invalid_client"}`, endpoint.Error{Class: endpoint.ClassCredential, Code: "invalid_client", Hint: "properly encoded"}},
		{michelinPage, "an empty 401", michelin, 401, "", endpoint.Error{Class: endpoint.ClassCredential}},
		{michelinPage, "a 401 with a blank", michelin, 401, " ", endpoint.Error{Class: endpoint.ClassCredential}},
		{michelinPage, "a 403 with an empty object", michelin, 403, " {} ", endpoint.Error{Class: endpoint.ClassCredential}},
		{michelinOpenAPI, "refused credentials, described", michelin, 400, `{"error":"invalid_client","error_description":"invalid client credentials"}`, endpoint.Error{Class: endpoint.ClassCredential, Code: "invalid_client"}},

		{ptvPage, "more than 50 requests in a second", ptv, 429, "", endpoint.Error{Class: endpoint.ClassThrottle}},
		{ptvPage, "more than 50 requests in a second, said in HTML", ptv, 429, "<html>", endpoint.Error{Class: endpoint.ClassThrottle}},
		{ptvPage, "a failed login", ptv, 401, "", endpoint.Error{Class: endpoint.ClassCredential, Hint: "client secret"}},

		{shellGuide, "its example 1", shell, 400, `{"ErrorCode": "invalid_request","Error": "Unsupported grant type : client_credential"}`, endpoint.Error{Class: endpoint.ClassRequest, Code: "invalid_request"}},
		{shellGuide, "its example 2", shell, 401, `{"ErrorCode": "invalid_client","Error": "ClientId is Invalid"}`, endpoint.Error{Class: endpoint.ClassCredential, Code: "invalid_client", Hint: "client id"}},
		{shellGuide, "its members the other way round", shell, 401, `{"Error": "ClientId is Invalid","ErrorCode": " INVALID_CLIENT "}`, endpoint.Error{Class: endpoint.ClassCredential, Code: "invalid_client"}},
		{shellGuide, "the code goes before the status", shell, 400, `{"ErrorCode": "invalid_client","Error": "x"}`, endpoint.Error{Class: endpoint.ClassCredential, Code: "invalid_client"}},
		{shellGuide, "a sentence without a code: 400", shell, 400, `{"Error": "Unsupported grant type : client_credential"}`, endpoint.Error{Class: endpoint.ClassRequest}},
		{shellGuide, "a sentence without a code: 401", shell, 401, `{"Error": "ClientId is Invalid"}`, endpoint.Error{Class: endpoint.ClassCredential}},
		{shellGuide, "a success with a code", shell, 200, `{"ErrorCode": "invalid_client","access_token": "a"}`, endpoint.Error{Class: endpoint.ClassCredential, Code: "invalid_client"}},
		{shellGuide, "errors as RFC 6749 has them", shell, 401, `{"error": "invalid_client"}`, endpoint.Error{Class: endpoint.ClassCredential, Code: "invalid_client"}},

		{microbiltPage, "a 200 that is not approved", microbilt, 200, `{"access_token": "a", "expires_in": "3599", "status": "denied"}`, endpoint.Error{Class: endpoint.ClassCredential, Reason: "other than approved"}},
		{microbiltPage, "a 200 that is pending", microbilt, 200, `{"access_token": "a", "expires_in": "3599", "status": "pending"}`, endpoint.Error{Class: endpoint.ClassCredential}},
		{microbiltPage, "a 200 that is almost approved", microbilt, 200, `{"access_token": "a", "status": "other than approved"}`, endpoint.Error{Class: endpoint.ClassCredential}},
		{microbiltPage, "errors are not documented: its gateway's fault", microbilt, 401, fault(`"detail":{"errorcode":"oauth.v2.InvalidClientIdentifier"}`), endpoint.Error{Class: endpoint.ClassCredential, Code: "oauth.v2.invalidclientidentifier"}},
		{microbiltPage, "errors are not documented: a fault in a 200", microbilt, 200, fault(`"access_token":"a"`), endpoint.Error{Class: endpoint.ClassRequest}},
		{microbiltPage, "errors are not documented: a fault without a code", microbilt, 401, fault(`"detail":{}`), endpoint.Error{Class: endpoint.ClassCredential}},
		{microbiltPage, "errors are not documented: a fault that is a word", microbilt, 500, `{"fault":"steps.javascript.scriptexecutionfailed"}`, endpoint.Error{Class: endpoint.ClassTransient, Code: "steps.javascript.scriptexecutionfailed"}},
		{microbiltPage, "errors are not documented: as RFC 6749 has them", microbilt, 400, `{"error": "invalid_client"}`, endpoint.Error{Class: endpoint.ClassCredential, Code: "invalid_client"}},
		{microbiltPage, "errors are not documented: as Shell has them", microbilt, 400, `{"ErrorCode": "invalid_client", "Error": "x"}`, endpoint.Error{Class: endpoint.ClassCredential, Code: "invalid_client"}},
		{microbiltPage, "errors are not documented: nothing", microbilt, 401, "", endpoint.Error{Class: endpoint.ClassCredential}},
		{microbiltPage, "errors are not documented: HTML", microbilt, 502, "<html>", endpoint.Error{Class: endpoint.ClassTransient}},

		{"RFC 6749 section 5.2", "the code goes before the status", rfc, 500, `{"error":"invalid_client"}`, endpoint.Error{Class: endpoint.ClassCredential, Code: "invalid_client", Hint: "client id"}},
		{"RFC 6749 section 5.2", "the client may not use this grant", rfc, 400, `{"error":"unauthorized_client"}`, endpoint.Error{Class: endpoint.ClassCredential, Code: "unauthorized_client", Hint: "allow this grant for this client"}},
		{"RFC 6749 section 5.2", "the client's grant is not valid", rfc, 400, `{"error":"invalid_grant"}`, endpoint.Error{Class: endpoint.ClassCredential, Code: "invalid_grant"}},
		{"RFC 6749 section 5.2", "the scope is not known", rfc, 400, `{"error":"invalid_scope"}`, endpoint.Error{Class: endpoint.ClassRequest, Code: "invalid_scope", Hint: "scope"}},
		{"RFC 6749 section 5.2", "the request is wrong, whatever its status says", rfc, 401, `{"error":"invalid_request"}`, endpoint.Error{Class: endpoint.ClassRequest, Code: "invalid_request", Hint: "provider's kind"}},
		{"RFC 6749 section 5.2", "the grant is not known, whatever its status says", rfc, 401, `{"error":"unsupported_grant_type"}`, endpoint.Error{Class: endpoint.ClassRequest, Code: "unsupported_grant_type", Hint: "does not support this grant"}},
		{"RFC 6749 section 4.1.2.1", "a redirect's code for an outage", rfc, 400, `{"error":"server_error"}`, endpoint.Error{Class: endpoint.ClassTransient, Code: "server_error"}},
		{"RFC 6749 section 4.1.2.1", "a redirect's code for an overload", rfc, 400, `{"error":"temporarily_unavailable"}`, endpoint.Error{Class: endpoint.ClassTransient, Code: "temporarily_unavailable"}},
		{"RFC 6749 section 4.1.2.1", "a redirect's code for a refusal", rfc, 400, `{"error":"access_denied"}`, endpoint.Error{Class: endpoint.ClassCredential, Code: "access_denied", Hint: "enabled"}},
		{"RFC 6749 section 5.2", "a success with an error", rfc, 200, `{"error":"invalid_scope","access_token":"a"}`, endpoint.Error{Class: endpoint.ClassRequest, Code: "invalid_scope"}},
		{"RFC 6749 section 5.2", "a success with an error that is no text", rfc, 200, `{"error":{"code":7},"access_token":"a"}`, endpoint.Error{Class: endpoint.ClassRequest}},
		{"RFC 6749 section 5.2", "an unknown code", rfc, 400, `{"error":"tenant_disabled"}`, endpoint.Error{Class: endpoint.ClassRequest, Code: "tenant_disabled"}},
		{"RFC 6749 section 5.2", "a code that is a sentence", rfc, 401, `{"error":"ClientId is Invalid"}`, endpoint.Error{Class: endpoint.ClassCredential}},
		{"RFC 6749 section 5.2", "a code that is too long to be one", rfc, 401, `{"error":"` + strings.Repeat("x", 41) + `"}`, endpoint.Error{Class: endpoint.ClassCredential}},
		{"RFC 6749 section 5.2", "a code that repeats the secret", rfc, 401, `{"error":"bad_` + clientSecret + `"}`, endpoint.Error{Class: endpoint.ClassCredential}},
		{"RFC 6749 section 5.1", "a success without a token", rfc, 200, `{}`, endpoint.Error{Class: endpoint.ClassRequest}},
		{"RFC 6749 section 5.1", "a success with a blank token", rfc, 200, `{"access_token":""}`, endpoint.Error{Class: endpoint.ClassRequest}},
		{"RFC 6749 section 5.1", "a success with a token that is a number", rfc, 200, `{"access_token":7}`, endpoint.Error{Class: endpoint.ClassRequest}},
		{"RFC 6749 section 5.1", "a success that is null", rfc, 200, `null`, endpoint.Error{Class: endpoint.ClassRequest}},
		{"RFC 6749 section 5.1", "a success that is not JSON", rfc, 200, `<html>`, endpoint.Error{Class: endpoint.ClassRequest}},
		{"RFC 6749 section 5.1", "a success that is empty", rfc, 200, ``, endpoint.Error{Class: endpoint.ClassRequest}},
		{"RFC 6749 section 5.1", "a success that is cut off", rfc, 200, `{"access_tok`, endpoint.Error{Class: endpoint.ClassTransient}},
		{"RFC 6749 section 5.1", "a success with an unknown code", rfc, 202, `{"error":"tenant_disabled"}`, endpoint.Error{Class: endpoint.ClassRequest, Code: "tenant_disabled"}},
		{"RFC 6749 section 5.1", "a success without content", rfc, 204, ``, endpoint.Error{Class: endpoint.ClassRequest, Hint: "token_field"}},
		{"RFC 6749 section 5.2", "what the endpoint says", rfc, 401, `{"error":"invalid_client","error_description":"AADSTS7000222: The provided client secret keys\r\nare expired.","error_uri":"https://login.example/error?code=7000222"}`, endpoint.Error{Class: endpoint.ClassCredential, Code: "invalid_client", Reason: "(AADSTS7000222: The provided client secret keys are expired.; see https://login.example/error?code=7000222)"}},
		{"RFC 6749 section 5.2", "nothing of what was sent in it", rfc, 400, `{"error":"invalid_client","error_description":"no client canary-client-id with canary-client-secret, Canary-Client-Secret or ` + base64.StdEncoding.EncodeToString([]byte(clientID+":"+clientSecret)) + ` eyJhbGciOiJub25lIn0.e30."}`, endpoint.Error{Class: endpoint.ClassCredential, Code: "invalid_client", Reason: "(no client REDACTED with REDACTED, REDACTED or REDACTED REDACTED)"}},
		{"RFC 6749 section 5.2", "much of it", rfc, 400, `{"error":"invalid_client","error_description":"` + strings.Repeat("é", 300) + `"}`, endpoint.Error{Class: endpoint.ClassCredential, Code: "invalid_client", Reason: "(" + strings.Repeat("é", 200) + "…)"}},
		{shellGuide, "its sentence", shell, 401, `{"ErrorCode": "invalid_client","Error" :"ClientId is Invalid"}`, endpoint.Error{Class: endpoint.ClassCredential, Code: "invalid_client", Reason: "(ClientId is Invalid)"}},
		{"a gateway", "its words", endpoint.Microbilt(), 401, `{"fault":{"faultstring":"Invalid ApiKey","detail":{"errorcode":"oauth.v2.InvalidApiKey"}}}`, endpoint.Error{Class: endpoint.ClassCredential, Code: "oauth.v2.invalidapikey", Reason: "(Invalid ApiKey)"}},
		{"a firewall", "its page's title", rfc, 403, "<html><head><title>\n Attention Required! &#124; Cloudflare</title>", endpoint.Error{Class: endpoint.ClassCredential, Reason: "(Attention Required! | Cloudflare)"}},
		{"a login page", "its title", rfc, 200, "<!doctype html><TITLE>Log in</TITLE>", endpoint.Error{Class: endpoint.ClassRequest, Reason: "(Log in)"}},
		{"RFC 6749 section 5.1", "an answer beyond one MiB", rfc, 200, `{"access_token":"a","x":"` + strings.Repeat("x", 1<<20) + `"}`, endpoint.Error{Class: endpoint.ClassTransient}},
		{"RFC 6749 section 7.1", "an unknown type", rfc, 200, `{"access_token":"a","token_type":"string"}`, endpoint.Error{Class: endpoint.ClassRequest}},
		{"RFC 6749 section 7.1", "BearerToken is Microbilt's word alone", rfc, 200, `{"access_token":"a","token_type":"BearerToken"}`, endpoint.Error{Class: endpoint.ClassRequest}},
		{"RFC 6749 section 7.1", "mac", rfc, 200, `{"access_token":"a","token_type":"mac"}`, endpoint.Error{Class: endpoint.ClassRequest}},
		{"RFC 6749 section 7.1", "mac, also at PTV", ptv, 200, `{"access_token":"a","token_type":"MAC"}`, endpoint.Error{Class: endpoint.ClassRequest}},
		{"RFC 6750 section 2.1", "a token with a line break", rfc, 200, `{"access_token":"a\r\nX: y"}`, endpoint.Error{Class: endpoint.ClassRequest}},
		{"RFC 6750 section 2.1", "a token with a blank", rfc, 200, `{"access_token":"a b"}`, endpoint.Error{Class: endpoint.ClassRequest}},
		{"RFC 6750 section 2.1", "a token with a control character", rfc, 200, `{"access_token":"a\u007f"}`, endpoint.Error{Class: endpoint.ClassRequest}},
		{"RFC 8693 section 2.2.1", "N_A, also at Michelin", michelin, 200, `{"access_token":"a","token_type":"N_A"}`, endpoint.Error{Class: endpoint.ClassRequest}},
		{"RFC 9449 section 5", "DPoP, also at Michelin", michelin, 200, `{"access_token":"a","token_type":"DPoP"}`, endpoint.Error{Class: endpoint.ClassRequest, Reason: "DPoP", Hint: "bearer"}},
		{"RFC 9449 section 8", "a nonce is wanted", rfc, 400, `{"error":"use_dpop_nonce"}`, endpoint.Error{Class: endpoint.ClassRequest, Code: "use_dpop_nonce", Hint: "not supported"}},
		{"RFC 9110 section 15.5", "401 without a word", rfc, 401, ``, endpoint.Error{Class: endpoint.ClassCredential}},
		{"RFC 9110 section 15.5", "403 without a word", rfc, 403, `{}`, endpoint.Error{Class: endpoint.ClassCredential}},
		{"RFC 9110 section 15.5", "404", rfc, 404, `not here`, endpoint.Error{Class: endpoint.ClassRequest}},
		{"RFC 9110 section 15.5", "408", rfc, 408, ``, endpoint.Error{Class: endpoint.ClassTransient}},
		{"RFC 9110 section 15.5", "415", rfc, 415, ``, endpoint.Error{Class: endpoint.ClassRequest}},
		{"RFC 8470 section 5.2", "425", rfc, 425, ``, endpoint.Error{Class: endpoint.ClassTransient}},
		{"RFC 9110 section 15.6", "500", rfc, 500, ``, endpoint.Error{Class: endpoint.ClassTransient}},
		{"RFC 9110 section 15.6", "503 without Retry-After", rfc, 503, ``, endpoint.Error{Class: endpoint.ClassTransient}},
		{"RFC 6585 section 4", "too many requests", rfc, 429, ``, endpoint.Error{Class: endpoint.ClassThrottle}},
		{"RFC 6585 section 4", "too many requests that blame the credentials", rfc, 429, `{"error":"invalid_client"}`, endpoint.Error{Class: endpoint.ClassThrottle, Code: "invalid_client"}},
	} {
		t.Run(tt.document+": "+tt.name, func(t *testing.T) {
			e := refusing(tt.status, tt.body)
			got := fails(t, open(t, of(tt.dialect, e)))
			if got.Class != tt.want.Class || got.Status != tt.status || got.Code != tt.want.Code || !strings.Contains(got.Reason, tt.want.Reason) || !strings.Contains(got.Hint, tt.want.Hint) {
				t.Errorf("got %+v want %+v", got, tt.want)
			}
			if got.After <= 0 || got.Cooling {
				t.Errorf("after %v, cooling %v: want a rest to follow an attempt that was made", got.After, got.Cooling)
			}
			e.got(t, 1)
		})
	}
}

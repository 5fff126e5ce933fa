package auth_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"orderbeat/auth"
	"orderbeat/auth/endpoint"
)

const (
	// michelinAnswer is the page's own sample.
	michelinAnswer = `{  "access_token": "00D9b000004Qmmi!AQEAQG34mOW2FtFjM",  "signature": "fdgEV0NBfQJCgHD38DAynJ4rfb76bg3xd1D+znhTfyo=",
	"scope": "openid api",  "instance_url": "https://xxxxx",  "id": "https://xxxxxx/id/00D9b000004QmmiEAC/0051i000005JN7VAAW",
	"token_type": "Bearer",  "issued_at": "1727983572407"}`
	shellAnswer     = `{"access_token": "**************", "expires_in": "899", "token_type": "Bearer"}`
	microbiltAnswer = `{ "issued_at" : "1525190727056", "expires_in" : "3599", "token_type" : "BearerToken", "access_token" : "kE8WyfAAgaoPPisGakxRw9aEL8eH", "status" : "approved" }`
)

// today is when the answers come: later than the start of a bubble, so that a Unix
// time in milliseconds has as many digits as it has by now.
var today = time.Date(2026, time.November, 20, 6, 0, 0, 0, time.UTC)

// jws is a token that looks like one, with these claims.
func jws(claims string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"RS256"}`)) + "." + encode([]byte(claims)) + "." + encode([]byte("signature"))
}

// granting is an answer with a token and further members.
func granting(token, more string) string {
	return fmt.Sprintf(`{"access_token": %q%s}`, token, more)
}

func TestResponsesWithAToken(t *testing.T) {
	michelin, ptv, shell, microbilt, mazda, rfc := endpoint.Michelin(), endpoint.PTV(), endpoint.Shell(), endpoint.Microbilt(), endpoint.Mazda(), endpoint.RFC6749()
	in := func(d time.Duration) int64 { return today.Add(d).Unix() }
	const (
		server, inJWS, guess = endpoint.ExpiryServer, endpoint.ExpiryJWT, endpoint.ExpiryDefault
		long                 = 120 * time.Minute // Michelin's "typical lifespan"
		day                  = 24 * time.Hour    // Mazda's "at least a full day"
	)
	for _, tt := range []struct {
		document, name string
		dialect        endpoint.Dialect
		body, token    string
		life           time.Duration
		expiry         endpoint.Expiry
	}{
		{michelinPage, "its sample, with an exclamation mark, lives 120 minutes", michelin, michelinAnswer, "00D9b000004Qmmi!AQEAQG34mOW2FtFjM", long, guess},
		{michelinPage, "issued_at tells no life: long ago", michelin, granting("a", `, "issued_at": "1"`), "a", long, guess},
		{michelinPage, "issued_at tells no life: a number", michelin, granting("a", `, "issued_at": 1727983572407`), "a", long, guess},
		{michelinPage, "issued_at tells no life: to come", michelin, granting("a", `, "issued_at": "4102444800000"`), "a", long, guess},
		{michelinPage, "issued_at tells no life: garbage", michelin, granting("a", `, "issued_at": {}`), "a", long, guess},
		{michelinOpenAPI, "any string is a token_type", michelin, granting("a", `, "token_type": "string"`), "a", long, guess},

		{michelinPage, "a JWS says when it ends", michelin, granting(jws(fmt.Sprintf(`{"exp":%d}`, in(20*time.Minute))), ""), "", 20 * time.Minute, inJWS},
		{michelinPage, "a JWS says it with a fraction", michelin, granting(jws(fmt.Sprintf(`{"exp":%d.5}`, in(20*time.Minute))), ""), "", 20*time.Minute + time.Second/2, inJWS},
		{michelinPage, "a JWS says it with an exponent", michelin, granting(jws(fmt.Sprintf(`{"exp":%.9e}`, float64(in(20*time.Minute)))), ""), "", 20 * time.Minute, inJWS},
		{michelinPage, "a JWS says it earlier than the answer", michelin, granting(jws(fmt.Sprintf(`{"exp":%d}`, in(20*time.Minute))), `, "expires_in": 3600`), "", 20 * time.Minute, inJWS},
		{michelinPage, "a JWS says it later than the answer", michelin, granting(jws(fmt.Sprintf(`{"exp":%d}`, in(2*time.Hour))), `, "expires_in": 3600`), "", time.Hour, server},
		{michelinPage, "a JWS that ends later than usual", michelin, granting(jws(fmt.Sprintf(`{"exp":%d}`, in(3*time.Hour))), ""), "", long, guess},
		{michelinPage, "a JWS that has ended, by our clock", michelin, granting(jws(fmt.Sprintf(`{"exp":%d}`, in(-time.Second))), ""), "", long, guess},
		{michelinPage, "a JWS that ends now", michelin, granting(jws(fmt.Sprintf(`{"exp":%d}`, in(0))), ""), "", long, guess},
		{michelinPage, "a JWS with its end in milliseconds", michelin, granting(jws(fmt.Sprintf(`{"exp":%d}`, 1000*in(20*time.Minute))), ""), "", long, guess},
		{michelinPage, "a JWS with its end as text", michelin, granting(jws(fmt.Sprintf(`{"exp":"%d"}`, in(20*time.Minute))), ""), "", long, guess},
		{michelinPage, "a JWS with a negative end", michelin, granting(jws(`{"exp":-1}`), ""), "", long, guess},
		{michelinPage, "a JWS with an end beyond all numbers", michelin, granting(jws(`{"exp":1e400}`), ""), "", long, guess},
		{michelinPage, "a JWS without an end", michelin, granting(jws(`{"sub":"a"}`), ""), "", long, guess},
		{michelinPage, "a JWS whose claims are no object", michelin, granting(jws(`[1]`), ""), "", long, guess},
		{michelinPage, "a JWS whose claims are garbage", michelin, granting(jws("\x00\xff{"), ""), "", long, guess},
		{michelinPage, "three parts that are no base64", michelin, granting("a.!!!.c", ""), "a.!!!.c", long, guess},
		{michelinPage, "three empty parts", michelin, granting("..", ""), "..", long, guess},
		{michelinPage, "two parts", michelin, granting(strings.TrimSuffix(jws(fmt.Sprintf(`{"exp":%d}`, in(time.Minute))), ".c2lnbmF0dXJl"), ""), "", long, guess},

		{ptvPage, "there is no sample: no life, no type", ptv, granting("a", ""), "a", 5 * time.Minute, guess},
		{ptvPage, "there is no sample: a life as a number", ptv, granting("a", `, "expires_in": 3600`), "a", time.Hour, server},
		{ptvPage, "there is no sample: a life as text, and any type", ptv, granting("a", `, "expires_in": "3600", "token_type": "x"`), "a", time.Hour, server},

		{shellGuide, "its sample lives 899 seconds, which it writes as text", shell, shellAnswer, "**************", 899 * time.Second, server},
		{shellGuide, "its life as a number", shell, granting("a", `, "expires_in": 899`), "a", 899 * time.Second, server},
		{shellGuide, "no life", shell, granting("a", ""), "a", 899 * time.Second, guess},

		{microbiltPage, "its sample, of the type BearerToken, from a clock in another zone", microbilt, microbiltAnswer, "kE8WyfAAgaoPPisGakxRw9aEL8eH", 3599 * time.Second, server},
		{microbiltPage, "issued_at hours ago", microbilt, granting("a", fmt.Sprintf(`, "expires_in": "3599", "issued_at": "%d"`, 1000*in(-6*time.Hour))), "a", 3599 * time.Second, server},
		{microbiltPage, "approved in capitals", microbilt, granting("a", `, "status": "APPROVED"`), "a", time.Hour, guess},
		{microbiltPage, "no status", microbilt, granting("a", `, "token_type": "Bearer"`), "a", time.Hour, guess},

		{mazdaPage, "expires_in in seconds", mazda, granting("a", `, "expires_in": 3600`), "a", time.Hour, server},
		{mazdaPage, `expires_in as it is quoted, "3600"`, mazda, granting("a", `, "expires_in": "3600"`), "a", time.Hour, server},
		{mazdaPage, "expires_in as text with blanks", mazda, granting("a", `, "expires_in": " 3600 "`), "a", time.Hour, server},
		{mazdaPage, "expires_in as a Unix time", mazda, granting("a", fmt.Sprintf(`, "expires_in": %d`, in(26*time.Hour))), "a", 26 * time.Hour, server},
		{mazdaPage, "expires_in as a Unix time in text", mazda, granting("a", fmt.Sprintf(`, "expires_in": "%d"`, in(26*time.Hour))), "a", 26 * time.Hour, server},
		{mazdaPage, "expires_in as a Unix time in milliseconds", mazda, granting("a", fmt.Sprintf(`, "expires_in": %d`, 1000*in(26*time.Hour))), "a", 26 * time.Hour, server},
		{mazdaPage, "expires_in as a Unix time in milliseconds and text", mazda, granting("a", fmt.Sprintf(`, "expires_in": "%d"`, 1000*in(26*time.Hour))), "a", 26 * time.Hour, server},
		{mazdaPage, "expires_in as a Unix time that was", mazda, granting("a", fmt.Sprintf(`, "expires_in": %d`, in(-time.Hour))), "a", day, guess},
		{mazdaPage, "expires_in as the Unix time that is", mazda, granting("a", fmt.Sprintf(`, "expires_in": %d`, in(0))), "a", day, guess},
		{mazdaPage, "expires_in as a Unix time in three years", mazda, granting("a", fmt.Sprintf(`, "expires_in": %d`, in(3*365*day))), "a", day, guess},
		{mazdaPage, "expires_in as a Unix time in microseconds", mazda, granting("a", fmt.Sprintf(`, "expires_in": %d`, 1_000_000*in(26*time.Hour))), "a", day, guess},
		{mazdaPage, "expires_in as a date", mazda, granting("a", `, "expires_in": "2026-11-21T06:00:00Z"`), "a", day, guess},
		{mazdaPage, "expires_in as words", mazda, granting("a", `, "expires_in": "in a day"`), "a", day, guess},
		{mazdaPage, "expires_in below nothing", mazda, granting("a", `, "expires_in": -3600`), "a", day, guess},
		{mazdaPage, "expires_in beyond all numbers", mazda, granting("a", `, "expires_in": 1e400`), "a", day, guess},
		{mazdaPage, "no expires_in", mazda, granting("a", ""), "a", day, guess},
		{mazdaPage, "a token of 1024 characters", mazda, granting(strings.Repeat("x", 1024), ""), strings.Repeat("x", 1024), day, guess},
		{mazdaPage, "a token beyond 1024 characters", mazda, granting(strings.Repeat("x", 10_000), ""), strings.Repeat("x", 10_000), day, guess},
		{mazdaPage, "a token that looks like a JWT is opaque", mazda, granting(jws(fmt.Sprintf(`{"exp":%d}`, in(time.Minute))), ""), "", day, guess},
		{mazdaPage, "no token_type is listed", mazda, granting("a", `, "token_type": "access"`), "a", day, guess},

		{"RFC 6749 section 5.1", "a life as a number", rfc, granting("a", `, "token_type": "bearer", "expires_in": 3599`), "a", 3599 * time.Second, server},
		{"RFC 6749 section 5.1", "a life as text with a fraction", rfc, granting("a", `, "expires_in": "3599.0"`), "a", 3599 * time.Second, server},
		{"RFC 6749 section 5.1", "a life with an exponent", rfc, granting("a", `, "expires_in": 1e3`), "a", 1000 * time.Second, server},
		{"RFC 6749 section 5.1", "a blank life is not told", rfc, granting("a", `, "expires_in": ""`), "a", time.Hour, guess},
		{"RFC 6749 section 5.1", "a life that is no number is not told", rfc, granting("a", `, "expires_in": "soon"`), "a", time.Hour, guess},
		{"RFC 6749 section 5.1", "a life that is null is not told", rfc, granting("a", `, "expires_in": null`), "a", time.Hour, guess},
		{"RFC 6749 section 5.1", "a life that is a list is not told", rfc, granting("a", `, "expires_in": [3600]`), "a", time.Hour, guess},
		{"RFC 6749 section 5.1", "a life of nothing is not told", rfc, granting("a", `, "expires_in": 0`), "a", time.Hour, guess},
		{"RFC 6749 section 5.1", "a date is no life", rfc, granting("a", `, "expires_in": 1795229725`), "a", time.Hour, guess},
		{"RFC 6749 section 5.1", "NaN is no life", rfc, granting("a", `, "expires_in": "NaN"`), "a", time.Hour, guess},
		{"RFC 6749 section 5.1", "an infinite life is none", rfc, granting("a", `, "expires_in": "Inf"`), "a", time.Hour, guess},
		{"RFC 6749 section 5.1", "the type in any case", rfc, granting("a", `, "token_type": "BEARER"`), "a", time.Hour, guess},
		{"RFC 6749 section 5.1", "unknown members", rfc, granting("a", `, "x": {"access_token": "b"}, "id_token": "c"`), "a", time.Hour, guess},
		{"RFC 6749 section 5.1", "members of other names in other case", rfc, `{"Error":"x","Access_Token":"b","access_token":"a"}`, "a", time.Hour, guess},
		{"RFC 6749 section 5.1", "an error that is null is none", rfc, granting("a", `, "error": null`), "a", time.Hour, guess},
		{"RFC 6749 section 5.1", "an error that is blank is none", rfc, granting("a", `, "error": " "`), "a", time.Hour, guess},
		{"RFC 7519 section 4.1.4", "a token is opaque where the dialect does not say otherwise", rfc, granting(jws(fmt.Sprintf(`{"exp":%d}`, in(time.Minute))), ""), "", time.Hour, guess},
	} {
		t.Run(tt.document+": "+tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(today))
				s := open(t, of(tt.dialect, &tokenServer{answer: func(int64, *http.Request) (*http.Response, error) { return respond(200, tt.body), nil }}))
				if tt.dialect.UserGrants {
					consent(t, s)
				}
				token := mustToken(t, s)
				if got := token.Access.Reveal(); tt.token != "" && got != tt.token {
					t.Errorf("token: got %q want %q", got, tt.token)
				}
				if got := time.Until(token.ExpiresAt); got != tt.life {
					t.Errorf("life: got %v want %v", got, tt.life)
				}
				if st := s.Status(); st.Expiry != tt.expiry || st.Guessed != (tt.expiry == guess) {
					t.Errorf("the life is known from %s, guessed %v; want %s", st.Expiry, st.Guessed, tt.expiry)
				}
				client := signing(s, &api{accepts: only(token.Access.Reveal())})
				if status, _ := call(t, client, nil); status != 200 {
					t.Errorf("got %d want the token to be sent as it came", status)
				}
			})
		})
	}
}

// of is a configuration of a dialect; of a user's, where tokens are users'.
func of(d endpoint.Dialect, base http.RoundTripper) auth.Config {
	c := config(base)
	if d.UserGrants {
		c = userConfig(nil, nil)
		c.Base = base
	}
	c.Dialect = d
	return c
}

// What endpoints write differently, and mean alike.
func TestUnusualResponsesWithAToken(t *testing.T) {
	rfc := endpoint.RFC6749()
	field := func(path string) endpoint.Dialect { d := endpoint.RFC6749(); d.TokenField = path; return d }
	aliased := endpoint.RFC6749()
	aliased.BearerAliases = []string{"jwt"}
	for name, tt := range map[string]struct {
		dialect endpoint.Dialect
		status  int
		body    string
		life    time.Duration
	}{
		"201":                         {rfc, 201, granting("tok", ""), time.Hour},
		"202":                         {rfc, 202, granting("tok", ""), time.Hour},
		"203":                         {rfc, 203, granting("tok", ""), time.Hour},
		"a byte order mark":           {rfc, 200, "\ufeff" + granting("tok", ""), time.Hour},
		"an error that is false":      {rfc, 200, granting("tok", `, "error": false`), time.Hour},
		"an error that is 0":          {rfc, 200, granting("tok", `, "error": 0`), time.Hour},
		"an error that is 0.0":        {rfc, 200, granting("tok", `, "error": 0.0`), time.Hour},
		"an error that is null":       {rfc, 200, granting("tok", `, "error": null`), time.Hour},
		"an error that is blank":      {rfc, 200, granting("tok", `, "error": ""`), time.Hour},
		"an error that is {}":         {rfc, 200, granting("tok", `, "error": { }`), time.Hour},
		"an error that is []":         {rfc, 200, granting("tok", `, "error": []`), time.Hour},
		"an error that is none":       {rfc, 200, granting("tok", `, "error": "None"`), time.Hour},
		"the scheme before it":        {rfc, 200, granting("Bearer tok", ""), time.Hour},
		"the scheme in small letters": {rfc, 200, granting("bearer  tok", ""), time.Hour},
		"blanks around it":            {rfc, 200, granting("  tok ", ""), time.Hour},
		"line ends around it":         {rfc, 200, granting("\r\ntok\n", ""), time.Hour},
		"a type that is accepted":     {aliased, 200, granting("tok", `, "token_type": "JWT"`), time.Hour},
		"elsewhere":                   {field("data.access_token"), 200, `{"data": {"access_token": "tok", "expires_in": 60}}`, time.Minute},
		"elsewhere, its life at top":  {field("data.access_token"), 200, `{"data": {"access_token": "tok"}, "expires_in": "60"}`, time.Minute},
		"under another name":          {field("jwt"), 200, `{"jwt": "tok", "expires_in": 60}`, time.Minute},
		"in a list":                   {field("result.0.token"), 200, `{"result": [{"token": "tok", "expires_in": 60}]}`, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, of(tt.dialect, refusing(tt.status, tt.body)))
			token := mustToken(t, s)
			if got := token.Access.Reveal(); got != "tok" {
				t.Errorf("got %q want tok", got)
			}
			between(t, "life", time.Until(token.ExpiresAt), tt.life-time.Minute/2, tt.life)
		})
	}
}

func TestConfiguredLifetimeIsUsedIfTheResponseHasNone(t *testing.T) {
	for body, want := range map[string]time.Duration{
		michelinAnswer:                         45 * time.Minute,
		`{"access_token":"a","expires_in":60}`: time.Minute,
	} {
		synctest.Test(t, func(t *testing.T) {
			c := config(&tokenServer{answer: func(int64, *http.Request) (*http.Response, error) { return respond(200, body), nil }})
			c.TTL = 45 * time.Minute
			s := open(t, c)
			if got := time.Until(mustToken(t, s).ExpiresAt); got != want {
				t.Errorf("life: got %v want %v", got, want)
			}
			if got := s.Status().Guessed; got != (body == michelinAnswer) {
				t.Errorf("guessed: got %v", got)
			}
		})
	}
}

// A client credentials grant has no use for a refresh token (RFC 6749 section 4.4.3).
func TestRefreshTokenOfClientCredentialsIsNotStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var bodies []string
		c := config(&tokenServer{answer: func(_ int64, req *http.Request) (*http.Response, error) {
			bodies = append(bodies, bodyOf(t, req))
			return respond(200, `{"access_token":"a","refresh_token":"r","expires_in":60}`), nil
		}})
		c.Store = auth.NewMemory()
		s := open(t, c)
		mustToken(t, s)
		time.Sleep(time.Minute)
		mustToken(t, s)
		if len(bodies) != 2 || bodies[0] != bodies[1] {
			t.Errorf("got %q want the same request twice", bodies)
		}
		if row, err := c.Store.Load(t.Context(), s.Status().Key); err != nil || !row.Refresh.Empty() || row.Token.Empty() {
			t.Errorf("got %+v, %v want no refresh token to be stored", row, err)
		}
	})
}

// What a new token's answer does not bring stays, and what it brings replaces the old
// (RFC 6749 section 6; Mazda's Access keys for DMS: "usually returns an additional refresh_token").
func TestRefreshTokenOfAResponseIsStored(t *testing.T) {
	for name, tt := range map[string]struct{ second, want string }{
		"a new one replaces the old":  {`, "refresh_token": "new"`, "new"},
		"one that is absent stays":    {``, "old"},
		"one that is null stays":      {`, "refresh_token": null`, "old"},
		"one that is blank stays":     {`, "refresh_token": ""`, "old"},
		"one that is a number stays":  {`, "refresh_token": 7`, "old"},
		"one of 1024 characters":      {`, "refresh_token": "` + strings.Repeat("r", 1024) + `"`, strings.Repeat("r", 1024)},
		"one beyond 1024 characters":  {`, "refresh_token": "` + strings.Repeat("r", 9999) + `"`, strings.Repeat("r", 9999)},
		"another member is not taken": {`, "refresh token": "x", "Refresh_Token": "y"`, "old"},
	} {
		t.Run(name, func(t *testing.T) {
			answers := []string{granting("a", `, "refresh_token": "old"`), granting("b", tt.second)}
			c := of(endpoint.Mazda(), &tokenServer{answer: func(n int64, _ *http.Request) (*http.Response, error) { return respond(200, answers[n-1]), nil }})
			c.Store = auth.NewMemory()
			s := open(t, c)
			consent(t, s)
			s.Reject(mustToken(t, s).Generation)
			mustToken(t, s)
			row, err := c.Store.Load(t.Context(), s.Status().Key)
			if err != nil {
				t.Fatal(err)
			}
			if got := row.Refresh.Reveal(); got != tt.want {
				t.Errorf("got %.20s… want %.20s…", got, tt.want)
			}
		})
	}
}

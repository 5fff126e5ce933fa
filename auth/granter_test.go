package auth_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"orderbeat/auth"
	"orderbeat/auth/endpoint"
	"orderbeat/auth/secret"
)

// keys are private keys of every kind that signs, in PEM, and what checks their signatures.
func keys(t *testing.T) map[string]struct {
	pem    string
	checks func(input, signature []byte) bool
} {
	t.Helper()
	write := func(kind string, der []byte, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	r, _ := rsa.GenerateKey(rand.Reader, 2048)
	e256, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	e384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	public, ed, _ := ed25519.GenerateKey(rand.Reader)
	pkcs8 := func(k any) string { der, err := x509.MarshalPKCS8PrivateKey(k); return write("PRIVATE KEY", der, err) }
	sec1, err := x509.MarshalECPrivateKey(e256)
	rs := func(input, s []byte) bool {
		sum := sha256.Sum256(input)
		return rsa.VerifyPKCS1v15(&r.PublicKey, crypto.SHA256, sum[:], s) == nil
	}
	es := func(k *ecdsa.PrivateKey, sum, s []byte) bool {
		half := len(s) / 2
		return ecdsa.Verify(&k.PublicKey, sum, new(big.Int).SetBytes(s[:half]), new(big.Int).SetBytes(s[half:]))
	}
	es256 := func(input, s []byte) bool { sum := sha256.Sum256(input); return len(s) == 64 && es(e256, sum[:], s) }
	return map[string]struct {
		pem    string
		checks func(input, signature []byte) bool
	}{
		"RS256 PKCS #8": {pkcs8(r), rs},
		"RS256 PKCS #1": {write("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(r), nil), rs},
		"ES256 PKCS #8": {pkcs8(e256), es256},
		"ES256 SEC 1":   {write("EC PRIVATE KEY", sec1, err), es256},
		"ES384":         {pkcs8(e384), func(input, s []byte) bool { sum := sha512.Sum384(input); return len(s) == 96 && es(e384, sum[:], s) }},
		"EdDSA":         {pkcs8(ed), func(input, s []byte) bool { return ed25519.Verify(public, input, s) }},
	}
}

// opened reads a JWT whose signature is right.
func opened(t *testing.T, jwt string, checks func(input, signature []byte) bool) (header, claims map[string]any) {
	t.Helper()
	parts := strings.Split(jwt, ".")
	if len(parts) != 3 {
		t.Fatalf("got %q want a JWT", jwt)
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || !checks([]byte(parts[0]+"."+parts[1]), signature) {
		t.Errorf("the signature of %s is wrong: %v", jwt, err)
	}
	for i, into := range []*map[string]any{&header, &claims} {
		text, _ := base64.RawURLEncoding.DecodeString(parts[i])
		if err := json.Unmarshal(text, into); err != nil {
			t.Fatal(err)
		}
	}
	return header, claims
}

func TestAssertionsAuthenticateClientsAndRequestTokens(t *testing.T) {
	for name, k := range keys(t) {
		for _, grants := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/grant=%t", name, grants), func(t *testing.T) {
				a, err := endpoint.NewAssertion(secret.New(k.pem))
				if err != nil {
					t.Fatal(err)
				}
				a.KeyID, a.Subject = "key-1", "orders@example.com"
				var form url.Values
				var seen []string
				c := config(&tokenServer{answer: func(_ int64, req *http.Request) (*http.Response, error) {
					_ = req.ParseForm()
					form = req.PostForm
					seen = append(seen, form.Get("client_assertion")+form.Get("assertion"))
					return grant("tok"), nil
				}})
				c.Dialect, c.Assertion, c.ClientSecret, c.Scope = endpoint.RFC6749(), a, secret.Secret{}, "orders"
				c.Dialect.JWTBearer = grants
				field, subject := "client_assertion", clientID
				if grants {
					field, subject = "assertion", "orders@example.com"
				} else {
					c.Dialect.ClientAuth = endpoint.PrivateKeyJWT
				}
				s := open(t, c)
				token := mustToken(t, s)
				header, claims := opened(t, form.Get(field), k.checks)
				if want := strings.Fields(name)[0]; header["alg"] != want || header["kid"] != "key-1" || header["typ"] != "JWT" {
					t.Errorf("got the header %v want %s", header, want)
				}
				if claims["iss"] != clientID || claims["sub"] != subject || claims["aud"] != c.TokenURL || claims["jti"] == "" {
					t.Errorf("got the claims %v want those of %s", claims, subject)
				}
				expires := time.Unix(int64(claims["exp"].(float64)), 0)
				between(t, "life", time.Until(expires), 4*time.Minute, 5*time.Minute)
				want := url.Values{"client_id": {clientID}, "scope": {"orders"}, field: form[field]}
				if grants {
					want.Set("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")
				} else {
					want.Set("grant_type", "client_credentials")
					want.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
				}
				if form.Encode() != want.Encode() {
					t.Errorf("got %v want %v", form, want)
				}
				s.Reject(token.Generation)
				mustToken(t, s)
				if seen[0] == seen[1] {
					t.Error("an assertion was sent twice")
				}
			})
		}
	}
}

func TestInvalidSigningKeys(t *testing.T) {
	weak, _ := rsa.GenerateKey(rand.Reader, 1024)
	curve, _ := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	der := func(k any) string {
		text, err := x509.MarshalPKCS8PrivateKey(k)
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text}))
	}
	for key, want := range map[string]string{
		"canary": "PEM", "-----BEGIN PRIVATE KEY-----\nY2FuYXJ5\n-----END PRIVATE KEY-----\n": "PKCS", der(curve): "P-256",
		string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(weak)})): "2048",
	} {
		if _, err := endpoint.NewAssertion(secret.New(key)); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("got %v want %s", err, want)
		}
	}
}

// granter is one that a test writes.
type granter func(ctx context.Context, r endpoint.Request) (endpoint.Answer, error)

func (g granter) Grant(ctx context.Context, r endpoint.Request) (endpoint.Answer, error) {
	return g(ctx, r)
}

func TestCustomGrant(t *testing.T) {
	c := config(nil)
	c.TokenURL, c.ClientSecret = "", secret.Secret{}
	n := 0
	c.Granter = granter(func(_ context.Context, r endpoint.Request) (endpoint.Answer, error) {
		if n++; n == 2 {
			return endpoint.Answer{}, &endpoint.Error{Class: endpoint.ClassCredential, Reason: "no more"}
		}
		return endpoint.Answer{Token: secret.New("tok"), Life: time.Hour, Expiry: endpoint.ExpiryServer}, nil
	})
	s := open(t, c)
	token := mustToken(t, s)
	if token.Access.Reveal() != "tok" {
		t.Errorf("got %q", token.Access.Reveal())
	}
	s.Reject(token.Generation)
	if e := fails(t, s); e.Class != endpoint.ClassCredential || e.After <= 0 {
		t.Errorf("got %+v want the granter's refusal, and a rest", e)
	}
}

func TestTokenCommand(t *testing.T) {
	script := filepath.Join(t.TempDir(), "token.sh")
	for name, tt := range map[string]struct {
		body string
		want endpoint.Error // Class "" for a token
	}{
		"prints a token":                 {`echo '{"access_token":"tok","token_type":"Bearer","expires_in":60}'`, endpoint.Error{}},
		"prints an error":                {`echo '{"error":"invalid_client","error_description":"revoked"}'; exit 1`, endpoint.Error{Class: endpoint.ClassCredential, Code: "invalid_client", Reason: "the token command rejects the credentials (revoked)"}},
		"prints no token":                {`echo '{}'`, endpoint.Error{Class: endpoint.ClassRequest, Reason: "the output of the token command has no access token", Hint: "token_command"}},
		"prints words":                   {`echo hello`, endpoint.Error{Class: endpoint.ClassRequest, Reason: "is not JSON"}},
		"fails":                          {`echo "cannot log in" >&2; exit 3`, endpoint.Error{Class: endpoint.ClassTransient, Reason: "the token command failed: exit status 3 (cannot log in)"}},
		"does not end":                   {`sleep 60 & sleep 60`, endpoint.Error{Class: endpoint.ClassTransient, Reason: "timed out"}},
		"tells the secret when it fails": {`echo "no ` + clientSecret + `" >&2; exit 1`, endpoint.Error{Class: endpoint.ClassTransient, Reason: "(no REDACTED)"}},
		"prints without end":             {`yes '{"x":"y"}'`, endpoint.Error{Class: endpoint.ClassTransient, Reason: "timed out"}},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(script, []byte("#!/bin/sh\n"+tt.body+"\n"), 0o700); err != nil {
				t.Fatal(err)
			}
			c := config(nil)
			c.Dialect, c.TokenURL, c.Timeout = endpoint.RFC6749(), "", 2*time.Second
			c.Granter = endpoint.NewCommand(c.Endpoint(), []string{script, "an argument; not a command"})
			s := open(t, c)
			if tt.want.Class == "" {
				token := mustToken(t, s)
				if token.Access.Reveal() != "tok" {
					t.Errorf("got %q want tok", token.Access.Reveal())
				}
				between(t, "life", time.Until(token.ExpiresAt), 50*time.Second, time.Minute)
				return
			}
			e := fails(t, s)
			if e.Class != tt.want.Class || e.Code != tt.want.Code || !strings.Contains(e.Reason, tt.want.Reason) || !strings.Contains(e.Hint, tt.want.Hint) || e.Status != 0 {
				t.Errorf("got %+v want %+v", e, tt.want)
			}
		})
	}
	c := config(nil)
	c.Granter = endpoint.NewCommand(c.Endpoint(), []string{"/nowhere/token"})
	if e := fails(t, open(t, c)); e.Class != endpoint.ClassRequest || !strings.Contains(e.Reason, "cannot be run: no such file") {
		t.Errorf("got %+v want that there is none", e)
	}
}

// One browser session must not grant two users' accounts with one identity.
func TestGrantOfAnotherUserIsRejected(t *testing.T) {
	claims := func(who string) string { return jws(fmt.Sprintf(`{"sub":%q}`, who)) }
	for name, tt := range map[string]struct {
		claim, more string
		want        string // part of the refusal, "" for access
	}{
		"nothing is asked for":        {"", `, "id_token": "` + claims("somebody") + `"`, ""},
		"the id_token names the user": {"sub", `, "id_token": "` + claims(user) + `"`, ""},
		"in another case":             {"sub", `, "id_token": "` + claims(strings.ToUpper(user)) + `"`, ""},
		"the id_token names another":  {"sub", `, "id_token": "` + claims("bob") + `"`, `by a user other than mmd10030.johndoe: "bob"`},
		"a member names another":      {"profile.login", `, "profile": {"login": "bob"}`, `"bob"`},
		"a member names the user":     {"profile.login", `, "profile": {"login": "` + user + `"}`, ""},
		"nothing tells who":           {"sub", ``, "does not name the user who granted access"},
		"the id_token is none":        {"sub", `, "id_token": "x.y.z"`, "does not name the user who granted access"},
	} {
		t.Run(name, func(t *testing.T) {
			c := userConfig(nil, auth.NewMemory())
			c.Base = refusing(200, granting("a", `, "refresh_token": "r", "expires_in": 3600`+tt.more))
			c.Dialect.UserClaim, c.Dialect.LoginHint = tt.claim, "login_hint"
			s := open(t, c)
			link, consent, err := s.Authorize("https://127.0.0.1:8080/code")
			if err != nil || !strings.Contains(link, "login_hint="+url.QueryEscape(user)) {
				t.Fatalf("got %s, %v want the user named to the provider", link, err)
			}
			err = s.Exchange(t.Context(), consent, "code")
			if tt.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				mustToken(t, s)
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v want %s", err, tt.want)
			}
			if row, err := c.Store.Load(t.Context(), s.Status().Key); err != nil || !row.Token.Empty() || !row.Refresh.Empty() {
				t.Errorf("got %+v, %v want nothing stored", row, err)
			}
			mustConsent(t, s, "never granted")
		})
	}
}

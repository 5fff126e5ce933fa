package authtest

import (
	"crypto/sha256"
	"encoding/base64"
	"regexp"
	"time"
)

// codeLife is how long a code can be exchanged: "very short lived", says Mazda's Access
// keys for DMS (OAuth2); RFC 6749 section 4.1.2 recommends ten minutes at most.
const codeLife = time.Minute

// code is an authorization code, for the one client that there is.
type code struct {
	grant                  *grant
	redirectURI, challenge string
	expires                time.Time
	used                   bool
}

// addCode keeps a code.
func (t *tokens) addCode(text string, c *code) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.codes[text] = c
}

// redeem exchanges a code, once. A second try ends what the first one brought
// (RFC 6749 section 4.1.2).
func (t *tokens) redeem(p params, now time.Time) (*grant, *problem) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c, ok := t.codes[p["code"]]
	switch {
	case p["code"] == "" || p["redirect_uri"] == "":
		return nil, &problem{badRequest, "code or redirect_uri is missing"}
	case !ok || !now.Before(c.expires):
		return nil, &problem{badCode, "the code is not known, or has ended"}
	case c.used:
		c.grant.ended = true
		return nil, &problem{badCode, "the code was used before: its tokens end"}
	case p["redirect_uri"] != c.redirectURI:
		return nil, &problem{badCode, "the redirect_uri is not the one that the code was sent to"}
	case !proves(p["code_verifier"], c.challenge):
		return nil, &problem{badCode, "the code_verifier does not fit the code_challenge"}
	}
	c.used = true
	return c.grant, nil
}

// verifierForm is that of RFC 7636 section 4.1, challengeForm what S256 makes of it.
var (
	verifierForm  = regexp.MustCompile(`^[A-Za-z0-9._~-]{43,128}$`)
	challengeForm = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)
)

// proves checks a PKCE verifier with the method S256 (RFC 7636 section 4.6). One
// without a challenge is refused: somebody may have taken the challenge out
// (RFC 9700 section 4.8.2).
func proves(verifier, challenge string) bool {
	if challenge == "" {
		return verifier == ""
	}
	sum := sha256.Sum256([]byte(verifier))
	return verifierForm.MatchString(verifier) && same(base64.RawURLEncoding.EncodeToString(sum[:]), challenge)
}

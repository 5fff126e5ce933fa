package endpoint

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // RS256 and ES256
	_ "crypto/sha512" // ES384
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"orderbeat/auth/secret"
)

// clientAssertion is the type of a client's assertion (RFC 7523 section 2.2).
const clientAssertion = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// assertionLife is how long an assertion is valid: enough for clock skew, and within what servers
// allow.
const assertionLife = 5 * time.Minute

// Assertion signs JWTs that authenticate a client or request a token (RFC 7523). It is safe for
// concurrent use.
type Assertion struct {
	// KeyID is sent as kid; "" omits it.
	KeyID string
	// Audience is the claim aud, the authorization server's identifier; "" is the token URL.
	Audience string
	// Issuer and Subject are the claims iss and sub of a grant; "" is the client id. An assertion that
	// authenticates the client has the client id in both.
	Issuer, Subject string

	key       crypto.Signer
	algorithm string
	hash      crypto.Hash
}

// NewAssertion reads a private key in PEM (PKCS #8, PKCS #1 or SEC 1): RSA of at least 2048 bits
// (RS256), ECDSA on P-256 or P-384 (ES256, ES384) or Ed25519 (EdDSA). Errors do not contain the key.
func NewAssertion(key secret.Secret) (*Assertion, error) {
	block, _ := pem.Decode([]byte(key.Reveal()))
	if block == nil {
		return nil, errors.New("not a private key in PEM")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		if rsaKey, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
			parsed = rsaKey
		} else if ecKey, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
			parsed = ecKey
		} else {
			return nil, errors.New("not a private key in PKCS #8, PKCS #1 or SEC 1")
		}
	}
	const leastBits = 2048 // RFC 7518 section 3.3
	switch k := parsed.(type) {
	case *rsa.PrivateKey:
		if k.N.BitLen() < leastBits {
			return nil, fmt.Errorf("an RSA key must have %d bits or more", leastBits)
		}
		return &Assertion{key: k, algorithm: "RS256", hash: crypto.SHA256}, nil
	case *ecdsa.PrivateKey:
		switch k.Curve {
		case elliptic.P256():
			return &Assertion{key: k, algorithm: "ES256", hash: crypto.SHA256}, nil
		case elliptic.P384():
			return &Assertion{key: k, algorithm: "ES384", hash: crypto.SHA384}, nil
		}
	case ed25519.PrivateKey:
		return &Assertion{key: k, algorithm: "EdDSA"}, nil
	}
	return nil, errors.New("the key must be RSA, ECDSA on P-256 or P-384, or Ed25519")
}

func (a *Assertion) client(tokenURL, clientID string) (string, error) {
	return a.sign(a.claims(tokenURL, clientID, clientID))
}

func (a *Assertion) grant(tokenURL, clientID, scope string) (string, error) {
	claims := a.claims(tokenURL, cmp.Or(a.Issuer, clientID), cmp.Or(a.Subject, clientID))
	if scope != "" {
		claims["scope"] = scope
	}
	return a.sign(claims)
}

func (a *Assertion) claims(tokenURL, issuer, subject string) map[string]any {
	now := time.Now()
	return map[string]any{
		"iss": issuer, "sub": subject, "aud": cmp.Or(a.Audience, tokenURL), "jti": rand.Text(),
		"iat": now.Unix(), "exp": now.Add(assertionLife).Unix(),
	}
}

// sign returns a JWS in compact form (RFC 7515 section 7.1).
func (a *Assertion) sign(claims map[string]any) (string, error) {
	header := map[string]string{"alg": a.algorithm, "typ": "JWT"}
	if a.KeyID != "" {
		header["kid"] = a.KeyID
	}
	head, err := json.Marshal(header)
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	encode := base64.RawURLEncoding.EncodeToString
	input := encode(head) + "." + encode(body)
	digest := []byte(input)
	if a.hash != 0 {
		h := a.hash.New()
		h.Write(digest)
		digest = h.Sum(nil)
	}
	if k, ok := a.key.(*ecdsa.PrivateKey); ok { // fixed width instead of ASN.1 (RFC 7518 section 3.4)
		r, s, err := ecdsa.Sign(rand.Reader, k, digest)
		if err != nil {
			return "", err
		}
		width := (k.Curve.Params().BitSize + 7) / 8
		signature := make([]byte, 2*width)
		r.FillBytes(signature[:width])
		s.FillBytes(signature[width:])
		return input + "." + encode(signature), nil
	}
	signature, err := a.key.Sign(rand.Reader, digest, a.hash)
	if err != nil {
		return "", err
	}
	return input + "." + encode(signature), nil
}

// Fingerprint identifies the key and the claims, so that a corrected assertion is tried at once.
func (a *Assertion) Fingerprint() []string {
	if a == nil {
		return nil
	}
	public, err := x509.MarshalPKIXPublicKey(a.key.Public())
	if err != nil {
		return []string{a.KeyID}
	}
	return []string{string(public), a.KeyID, a.Audience, a.Issuer, a.Subject}
}

package authtest

import "time"

// The client credentials if [Options] have none. The secret has characters that encodings get wrong.
const (
	ClientID     = "authtest-client"
	ClientSecret = "not a+secret/of=anybody&%41:?"
)

// User is the user name on the consent page if [Options] have none: the sample of Mazda's Access keys
// for DMS (OAuth2), Glossary.
const User = "mmd10030.johndoe"

// Options select and configure a provider. The zero value is a strict RFC 6749 server.
type Options struct {
	// Dialect is RFC6749 if "".
	Dialect Dialect
	// Now is the clock; time.Now if nil.
	Now func() time.Time
	// Life and RefreshLife are the lifetimes of access and refresh tokens; zero is the one in the
	// dialect's document.
	Life, RefreshLife time.Duration
	// ClientID and ClientSecret are the credentials of the one client; the constants of these names if both are
	// "".
	ClientID, ClientSecret string
	// RedirectURIs are the registered URIs, compared byte for byte. An empty list allows every http and https URI
	// on a loopback address.
	RedirectURIs []string
	// User is the user name on the consent page.
	User string
	// Issuer is sent with every redirect, as iss (RFC 9207); "" omits it.
	Issuer string

	// Expiry is how expires_in is written; "" means as in the dialect.
	Expiry Expiry
	// Refresh is what happens to a refresh token that is used.
	Refresh Refresh
	// Reuse is what happens when a replaced refresh token is used.
	Reuse Reuse
	// SingleToken revokes a user's older access tokens when a new one is issued.
	SingleToken bool
	// SameToken returns a user's access token again while it is valid.
	SameToken SameToken

	// Record stores the last requests for [Server.Requests], with secrets.
	Record bool
}

// Expiry is how a response states the lifetime of its access token.
type Expiry string

// The formats. Mazda's Access keys for DMS (OAuth2) has three of them: "life time of
// valid access token in seconds", "3600" in quotes, and "in unix time since epoch".
const (
	ExpiryNone    Expiry = "none"    // not at all
	ExpirySeconds Expiry = "seconds" // 3600
	ExpiryText    Expiry = "text"    // "3600"
	ExpiryEpoch   Expiry = "epoch"   // 1795201200, when it ends
)

// Refresh is what happens to a refresh token that is used.
type Refresh string

// The policies. RFC 6749 section 6 allows each; "it usually also returns an additional refresh_token"
// (Mazda's Access keys for DMS (OAuth2)).
const (
	RefreshRotates Refresh = ""     // a new one replaces it
	RefreshStays   Refresh = "stay" // the response has none, and the old one stays valid
	RefreshAbsent  Refresh = "none" // no refresh tokens, not even for a code
)

// Reuse is what happens when a replaced refresh token is used.
type Reuse string

// The policies, from strict to lenient (RFC 9700 section 4.14.2).
const (
	ReuseRevokes Reuse = ""       // it is rejected, and all tokens of its grant are revoked
	ReuseRefused Reuse = "refuse" // it is rejected
	ReuseAllowed Reuse = "allow"  // it is accepted
)

// SameToken is whether a valid access token is returned again.
type SameToken string

// The policies: never; with a decreasing lifetime; and with the full lifetime stated every time,
// although the token expires as stated in the first response.
const (
	SameNever     SameToken = ""
	SameShrinking SameToken = "shrinking"
	SameConstant  SameToken = "constant"
)

func (o Options) complete() Options {
	if o.Dialect == "" {
		o.Dialect = RFC6749
	}
	d := o.Dialect.data()
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Life <= 0 {
		o.Life = d.life
	}
	if o.RefreshLife <= 0 {
		o.RefreshLife = d.refreshLife
	}
	if o.ClientID == "" && o.ClientSecret == "" {
		o.ClientID, o.ClientSecret = ClientID, ClientSecret
	}
	if o.User == "" {
		o.User = User
	}
	if o.Expiry == "" {
		o.Expiry = d.expiry
	}
	return o
}

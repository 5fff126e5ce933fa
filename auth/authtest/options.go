package authtest

import "time"

// The client's credentials where [Options] give none. The secret is made of what
// encodings get wrong.
const (
	ClientID     = "authtest-client"
	ClientSecret = "not a+secret/of=anybody&%41:?"
)

// User is the name that the consent page is filled in with where [Options] give none:
// the sample of Mazda's Access keys for DMS (OAuth2), Glossary.
const User = "mmd10030.johndoe"

// Options say which provider to be, and how. The zero value is a strict server of
// RFC 6749.
type Options struct {
	// Dialect is RFC6749 when "".
	Dialect Dialect
	// Now is the clock; time.Now when nil.
	Now func() time.Time
	// Life and RefreshLife are how long access and refresh tokens live; when zero, as
	// long as the dialect's document says.
	Life, RefreshLife time.Duration
	// ClientID and ClientSecret are those of the one client there is; the constants
	// of these names when both are "".
	ClientID, ClientSecret string
	// RedirectURIs are the client's, compared byte for byte. None allows every
	// http and https URI on a loopback address.
	RedirectURIs []string
	// User is the name that the consent page is filled in with.
	User string
	// Issuer comes along with every redirect, as iss (RFC 9207); "" leaves it out.
	Issuer string

	// Expiry is how expires_in is written; the dialect's own way when "".
	Expiry Expiry
	// Refresh is what becomes of a refresh token when it is used.
	Refresh Refresh
	// Reuse is what happens when a refresh token is used that was replaced.
	Reuse Reuse
	// SingleToken ends a user's access tokens when there is a new one. Otherwise
	// they live side by side.
	SingleToken bool
	// SameToken hands out a user's access token again as long as it lives.
	SameToken SameToken

	// Record keeps the last requests for [Server.Requests], secrets and all.
	Record bool
}

// Expiry is how an answer tells how long its access token lives.
type Expiry string

// The ways. Mazda's Access keys for DMS (OAuth2) has three of them: "life time of
// valid access token in seconds", "3600" in quotes, and "in unix time since epoch".
const (
	ExpiryNone    Expiry = "none"    // not at all
	ExpirySeconds Expiry = "seconds" // 3600
	ExpiryText    Expiry = "text"    // "3600"
	ExpiryEpoch   Expiry = "epoch"   // 1795201200, when it ends
)

// Refresh is what becomes of a refresh token when it is used.
type Refresh string

// The ways. RFC 6749 section 6 allows each; "it usually also returns an additional
// refresh_token", says Mazda's Access keys for DMS (OAuth2).
const (
	RefreshRotates Refresh = ""     // a new one replaces it
	RefreshStays   Refresh = "stay" // the answer has none, and it stays good
	RefreshAbsent  Refresh = "none" // there never is one, not even for a code
)

// Reuse is what happens when a refresh token is used that was replaced already.
type Reuse string

// The ways, from strict to lenient (RFC 9700 section 4.14.2).
const (
	ReuseRevokes Reuse = ""       // it is refused, and all tokens of its grant end
	ReuseRefused Reuse = "refuse" // it is refused
	ReuseAllowed Reuse = "allow"  // it is as good as the first time
)

// SameToken is whether an access token is handed out again while it lives.
type SameToken string

// The ways: never; with a life that shrinks; and with the whole life told every time,
// although the token ends when it was said to first.
const (
	SameNever     SameToken = ""
	SameShrinking SameToken = "shrinking"
	SameConstant  SameToken = "constant"
)

// complete fills in what was left out.
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

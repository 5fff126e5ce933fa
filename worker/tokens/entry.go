package tokens

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"orderbeat/auth"
	"orderbeat/auth/endpoint"
	"orderbeat/auth/secret"
)

// format is the version of the entries that this version of the program writes and reads.
const format = 1

// entry is the value of a key: a row, as JSON.
type entry struct {
	Format int `json:"format"`

	Key         string     `json:"key"`
	Provider    string     `json:"provider,omitzero"`
	Environment string     `json:"environment,omitzero"`
	User        string     `json:"user,omitzero"`
	State       auth.State `json:"state"`
	Generation  int64      `json:"generation"`
	Sealed      string     `json:"sealed,omitzero"`
	Credential  string     `json:"credential,omitzero"`

	ObtainedAt    time.Time       `json:"obtained_at,omitzero"`
	RefreshAt     time.Time       `json:"refresh_at,omitzero"`
	ExpiresAt     time.Time       `json:"expires_at,omitzero"`
	Expiry        endpoint.Expiry `json:"expiry_source,omitzero"`
	ConsentedAt   time.Time       `json:"consented_at,omitzero"`
	ConsentReason string          `json:"consent_reason,omitzero"`

	LeaseOwner string    `json:"lease_owner,omitzero"`
	LeaseUntil time.Time `json:"lease_until,omitzero"`
	IntentAt   time.Time `json:"intent_at,omitzero"`
	Lost       int       `json:"lost,omitzero"`
	// Holder is the database of the process that has the lease: see [Config.Database].
	Holder string `json:"holder,omitzero"`

	Failures      int          `json:"failures,omitzero"`
	Refusals      int          `json:"refusals,omitzero"`
	Failure       auth.Failure `json:"failure,omitzero"`
	CooldownUntil time.Time    `json:"cooldown_until,omitzero"`

	Logins  int64 `json:"logins,omitzero"`
	Replays int64 `json:"replays,omitzero"`
	Saved   int64 `json:"saved,omitzero"`
}

// encode returns the value of a row.
func encode(r auth.Row, holder string) ([]byte, error) {
	return json.Marshal(entry{
		Format: format, Key: r.Key, Provider: r.Provider, Environment: r.Environment, User: r.User, State: r.State, Generation: r.Generation,
		Sealed: r.Token.Reveal(), Credential: r.Credential,
		ObtainedAt: r.ObtainedAt, RefreshAt: r.RefreshAt, ExpiresAt: r.ExpiresAt, Expiry: r.Expiry, ConsentedAt: r.ConsentedAt, ConsentReason: r.ConsentReason,
		LeaseOwner: r.LeaseOwner, LeaseUntil: r.LeaseUntil, IntentAt: r.IntentAt, Lost: r.Lost, Holder: holder,
		Failures: r.Failures, Refusals: r.Refusals, Failure: r.Failure, CooldownUntil: r.CooldownUntil,
		Logins: r.Logins, Replays: r.Replays, Saved: r.Saved,
	})
}

// errUnreadable means that a value is not a row that this version can read. Retrying does not help.
var errUnreadable = errors.New("unreadable value")

// decode returns the row in the value of a key, and the holder of its lease. The error does not contain
// the value.
func decode(key string, value []byte) (r auth.Row, holder string, err error) {
	var e entry
	err = json.Unmarshal(value, &e)
	switch {
	case err == nil && e.Format > format:
		return r, "", fmt.Errorf("%w: format %d of a newer version of Orderbeat; this one reads format %d: upgrade this process", errUnreadable, e.Format, format)
	case err != nil || e.Format != format || e.Key != key || e.State == "":
		return r, "", fmt.Errorf("%w: another program wrote it; delete the key, then a new token is requested, or the user must grant access again", errUnreadable)
	}
	return auth.Row{
		Key: e.Key, Provider: e.Provider, Environment: e.Environment, User: e.User, State: e.State, Generation: e.Generation,
		Token: secret.New(e.Sealed), Credential: e.Credential,
		ObtainedAt: e.ObtainedAt, RefreshAt: e.RefreshAt, ExpiresAt: e.ExpiresAt, Expiry: e.Expiry, ConsentedAt: e.ConsentedAt, ConsentReason: e.ConsentReason,
		LeaseOwner: e.LeaseOwner, LeaseUntil: e.LeaseUntil, IntentAt: e.IntentAt, Lost: e.Lost,
		Failures: e.Failures, Refusals: e.Refusals, Failure: e.Failure, CooldownUntil: e.CooldownUntil,
		Logins: e.Logins, Replays: e.Replays, Saved: e.Saved,
	}, e.Holder, nil
}

// keyOf returns the bucket key of a credential's row. Keys may contain only letters, digits and - _ / = . characters.
// Any other byte is encoded as "=" and two hexadecimal digits; so are "=" and the dot, which is not allowed at the ends.
func keyOf(credential string) string {
	var b strings.Builder
	for _, c := range []byte(credential) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '/':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "=%02X", c)
		}
	}
	return b.String()
}

// credentialOf returns the credential of a key, the inverse of [keyOf]. ok is false for a key of another
// program.
func credentialOf(key string) (credential string, ok bool) {
	var b strings.Builder
	for rest := key; rest != ""; {
		c := rest[0]
		rest = rest[1:]
		if c == '=' {
			if len(rest) < 2 {
				return "", false
			}
			n, err := strconv.ParseUint(rest[:2], 16, 8)
			if err != nil {
				return "", false
			}
			c, rest = byte(n), rest[2:]
		}
		b.WriteByte(c)
	}
	return b.String(), keyOf(b.String()) == key
}

package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"orderbeat/auth/authtest"
	"orderbeat/clients/sandbox/wire"
)

// Revocation says which tokens to revoke. The zero value selects every access token.
type Revocation struct {
	// Provider is the provider; "" means all.
	Provider authtest.Dialect `json:"provider"`
	// User is the user who granted access; "" means all.
	User string `json:"user"`
	// Refresh also revokes refresh tokens and pending codes, like a revoked signing key (Mazda's Access
	// keys for DMS (OAuth2), Local client storage of access tokens): the user must grant access again.
	Refresh bool `json:"refresh"`
}

// Revoke revokes tokens at once. Unknown providers and users have none.
func (s *Sandbox) Revoke(r Revocation) {
	for name, issuer := range s.issuers {
		if r.Provider != "" && r.Provider != name {
			continue
		}
		issuer.RevokeAccess(r.User)
		if r.Refresh {
			issuer.RevokeRefresh(r.User)
		}
	}
}

// revoke serves a [Revocation]. An empty body is the zero value.
func (s *Sandbox) revoke(w http.ResponseWriter, r *http.Request) {
	var which Revocation
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBodyBytes))
	d.DisallowUnknownFields()
	err := d.Decode(&which)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if _, known := s.issuers[which.Provider]; err == nil && !known && which.Provider != "" {
		err = fmt.Errorf("provider: unknown provider %q", which.Provider)
	}
	if err != nil {
		wire.WriteJSON(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return
	}
	s.Revoke(which)
	w.WriteHeader(http.StatusNoContent)
}

package seal

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"

	"orderbeat/auth"
	"orderbeat/auth/secret"
)

// sealVersion is the prefix of each sealed value, and part of its binding.
const sealVersion = "enc:v1"

// contents are the encrypted parts of a row.
type contents struct {
	Access     string `json:"access,omitzero"`
	Refresh    string `json:"refresh,omitzero"`
	Credential string `json:"credential,omitzero"` // fingerprint of the credential that was last accepted or rejected
}

// binding is the additional data of a sealed value. The row's key is last because it may contain
// anything.
func binding(row auth.Row) []byte {
	return []byte(sealVersion + "|" + strconv.FormatInt(row.Generation, 10) + "|" + row.Key)
}

// seal returns the row for the inner store.
func (k *keys) seal(row auth.Row) auth.Row {
	c := contents{Access: row.Token.Reveal(), Refresh: row.Refresh.Reveal(), Credential: row.Credential}
	if row.Unreadable && c.Access == "" && c.Refresh == "" {
		row.Token, row.Credential = row.Kept, k.current().fingerprint(row.Credential)
		row.Unreadable, row.Kept = false, secret.Secret{}
		return row
	}
	row.Unreadable, row.Kept = false, secret.Secret{}
	if c == (contents{}) {
		return row
	}
	plain, _ := json.Marshal(c) // strings always encode
	key := k.current()
	sealed := key.aead.Seal(nil, nil, plain, binding(row))
	row.Token = secret.New(sealVersion + ":" + key.id + ":" + base64.StdEncoding.EncodeToString(sealed))
	row.Refresh = secret.Secret{}
	row.Credential = key.fingerprint(row.Credential)
	return row
}

// open returns the row for the caller.
func (k *keys) open(row auth.Row) auth.Row {
	if row.Token.Empty() && row.Refresh.Empty() {
		row.Credential = "" // nothing was encrypted: no credential is known
		return row
	}
	c, key := k.unseal(row)
	if key == nil {
		row.Kept = row.Token
	}
	row.Token, row.Refresh, row.Unreadable = secret.New(c.Access), secret.New(c.Refresh), key == nil
	if key == nil || !hmac.Equal([]byte(row.Credential), []byte(key.fingerprint(c.Credential))) {
		c.Credential = "" // unknown: counts as another credential
	}
	row.Credential = c.Credential
	return row
}

// unseal returns the encrypted parts of a row and their key: nil if they cannot be decrypted.
func (k *keys) unseal(row auth.Row) (contents, *sealKey) {
	value, ok := strings.CutPrefix(row.Token.Reveal(), sealVersion+":")
	if !ok {
		return contents{}, nil
	}
	id, text, _ := strings.Cut(value, ":")
	sealed, err := base64Strict.DecodeString(text)
	key := k.find(id)
	if err != nil || key == nil {
		return contents{}, nil
	}
	plain, err := key.aead.Open(nil, nil, sealed, binding(row))
	if err != nil {
		return contents{}, nil
	}
	var c contents
	if err := json.Unmarshal(plain, &c); err != nil {
		return contents{}, nil
	}
	return c, key
}

// credential returns the value for the inner store to compare with the row's column: the column itself if
// the credential equals that of the row, otherwise a different value.
func (k *keys) credential(row auth.Row, credential string) string {
	if k.open(row).Credential == credential {
		return row.Credential
	}
	if hidden := k.current().fingerprint(credential); hidden != row.Credential {
		return hidden
	}
	return ""
}

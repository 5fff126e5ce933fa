package seal

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	"orderbeat/auth/secret"
)

const (
	keyBytes      = 32
	howToMakeAKey = `"head -c 32 /dev/urandom | base64" prints one`
	keyFileHead   = `# The first key encrypts tokens; the others only decrypt older tokens.
# Anyone with this file and the database can read the tokens.
`
)

// base64Strict accepts only the canonical encoding of a value.
var base64Strict = base64.StdEncoding.Strict()

// keys is the content of a key file. It is immutable.
type keys struct {
	content []byte     // of the file
	ring    []*sealKey // the first one encrypts; never empty
}

// parseKeys reads a key file. The path is for the errors.
func parseKeys(path string, content []byte) (*keys, error) {
	k := &keys{content: content}
	lines := make(map[string]int) // by key id
	number := 0
	for line := range bytes.Lines(content) {
		number++
		text := string(bytes.TrimSpace(line))
		if text == "" || text[0] == '#' {
			continue
		}
		raw, err := base64Strict.DecodeString(text)
		if err != nil || len(raw) != keyBytes {
			return nil, fmt.Errorf("%s line %d: this is not a key; a key is %d random bytes in base64: %s", path, number, keyBytes, howToMakeAKey)
		}
		key, err := newSealKey(raw)
		if err != nil {
			return nil, fmt.Errorf("%s line %d: %w", path, number, err)
		}
		if other, twice := lines[key.id]; twice {
			return nil, fmt.Errorf("%s line %d: duplicate of the key in line %d: remove one of them", path, number, other)
		}
		lines[key.id] = number
		k.ring = append(k.ring, key)
	}
	if len(k.ring) == 0 {
		return nil, fmt.Errorf("%s has no key: write one on a line of its own: %s", path, howToMakeAKey)
	}
	return k, nil
}

// keyFile is the inverse of parseKeys.
func keyFile(ring []*sealKey) []byte {
	var b strings.Builder
	b.WriteString(keyFileHead)
	for _, key := range ring {
		b.WriteString(key.text.Reveal() + "\n")
	}
	return []byte(b.String())
}

func (k *keys) current() *sealKey { return k.ring[0] }

func (k *keys) find(id string) *sealKey {
	for _, key := range k.ring {
		if key.id == id {
			return key
		}
	}
	return nil
}

// sealKey is one key and the keys derived from it (RFC 5869), one for each purpose.
type sealKey struct {
	id   string        // the key's name in a sealed value
	text secret.Secret // as in the file
	aead cipher.AEAD   // AES-256-GCM with a random nonce: safe for 2^32 values
	mac  []byte
}

func newSealKey(raw []byte) (*sealKey, error) {
	sealing, err := hkdf.Key(sha256.New, raw, nil, "orderbeat token sealing", keyBytes)
	if err != nil {
		return nil, err
	}
	mac, err := hkdf.Key(sha256.New, raw, nil, "orderbeat credential fingerprints", keyBytes)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(sealing)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	id := sha256.Sum256(append([]byte("orderbeat key id"), raw...))
	return &sealKey{
		id: hex.EncodeToString(id[:])[:8], text: secret.New(base64.StdEncoding.EncodeToString(raw)), aead: aead, mac: mac,
	}, nil
}

func freshKey() (*sealKey, error) {
	raw := make([]byte, keyBytes)
	_, _ = rand.Read(raw) // never fails
	return newSealKey(raw)
}

// fingerprint returns an HMAC of a credential's fingerprint, so that the database alone does not allow guessing
// the credential. An empty fingerprint stays empty.
func (k *sealKey) fingerprint(credential string) string {
	if credential == "" {
		return ""
	}
	h := hmac.New(sha256.New, k.mac)
	h.Write([]byte(credential))
	return hex.EncodeToString(h.Sum(nil))
}

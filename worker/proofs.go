package worker

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// proofKey is the key of the secret in the bucket of the lease.
const proofKey = "requests"

const (
	// proofBytes is the length of a proof.
	proofBytes = 16
	// proofFor is how long the secret is used before it is looked up again, and proofRetry
	// how often at most a proof that does not fit has it looked up.
	proofFor   = 30 * time.Second
	proofRetry = time.Second
)

// proofs makes and checks the Nats-Msg-Ids of the requests that Orderbeat itself publishes,
// those of ticks and consents: "<key>.<proof>". Without the secret, which all processes with
// one NATS prefix share, nobody can make one, so that whoever may only publish requests can
// neither pass for a schedule nor take its due times away. Its methods may be called at the
// same time.
type proofs struct {
	js     jetstream.JetStream
	bucket string

	mu     sync.Mutex // guards the rest
	secret []byte
	looked time.Time
}

// sign returns the Nats-Msg-Id of a request with this key.
func (p *proofs) sign(ctx context.Context, key string) (string, error) {
	secret, err := p.load(ctx, proofFor)
	if err != nil {
		return "", err
	}
	return key + "." + proof(secret, key), nil
}

// key returns the key of a request with this Nats-Msg-Id, false when it is not one that
// Orderbeat made.
func (p *proofs) key(ctx context.Context, id string) (key string, ok bool, err error) {
	i := strings.LastIndexByte(id, '.')
	if i < 0 || len(id)-i-1 != 2*proofBytes {
		return "", false, nil
	}
	key = id[:i]
	for _, age := range []time.Duration{proofFor, proofRetry} {
		secret, err := p.load(ctx, age)
		if err != nil {
			return "", false, err
		}
		if hmac.Equal([]byte(proof(secret, key)), []byte(id[i+1:])) {
			return key, true, nil
		}
	}
	return "", false, nil
}

func proof(secret []byte, key string) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(key))
	return hex.EncodeToString(mac.Sum(nil)[:proofBytes])
}

// load returns the secret, looked up no longer ago than age. Where there is none, it makes
// the one that it knows from before, or a new one.
func (p *proofs) load(ctx context.Context, age time.Duration) ([]byte, error) {
	p.mu.Lock()
	secret, fresh := p.secret, time.Since(p.looked) < age
	p.mu.Unlock()
	if secret != nil && fresh {
		return secret, nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	kv, err := p.js.KeyValue(ctx, p.bucket)
	if err != nil {
		return nil, fmt.Errorf("bucket %s: %w", p.bucket, err)
	}
	found, err := p.read(ctx, kv, secret)
	if err != nil {
		return nil, fmt.Errorf("bucket %s: key %s: %w", p.bucket, proofKey, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.secret, p.looked = found, time.Now()
	return found, nil
}

func (p *proofs) read(ctx context.Context, kv jetstream.KeyValue, known []byte) ([]byte, error) {
	entry, err := kv.Get(ctx, proofKey)
	if err == nil {
		if secret, err := hex.DecodeString(string(entry.Value())); err == nil && len(secret) >= sha256.Size {
			return secret, nil
		}
	} else if !errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, err
	}
	if known == nil {
		known = make([]byte, sha256.Size)
		_, _ = rand.Read(known) // never fails
	}
	text := []byte(hex.EncodeToString(known))
	if entry != nil { // somebody wrote something else there
		_, err = kv.Update(ctx, proofKey, text, entry.Revision())
	} else {
		_, err = kv.Create(ctx, proofKey, text)
	}
	return known, err // another process may have been faster: the next attempt finds its secret
}

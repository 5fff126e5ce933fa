package seal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"

	"orderbeat/auth"
	"orderbeat/auth/secret"
)

const (
	// lockPoll is how often a lock of another process is retried.
	lockPoll = 2 * time.Millisecond
	// lockTimeout bounds the wait for the lock at the start. It is longer than any use of a store.
	lockTimeout = 10 * time.Second
)

// Keyring holds the keys that encrypt tokens at rest; see [New]. They are in a file, one per line: 32
// random bytes in base64 (RFC 4648 section 4). The first one encrypts, the others only decrypt older
// values. Empty lines and lines that begin with # are ignored.
//
// The file is read each time, so that a manual change, or another process's [Store.Rekey], takes
// effect at once. Each use of a store locks the file's folder (flock): Load and Commit shared, Lease and
// Rekey exclusive, so that no value is encrypted with a key about to be removed. A Keyring is
// safe for concurrent use.
type Keyring struct {
	path string
	// mu is the same lock within the process as the folder's lock between processes, and prefers a waiting
	// writer. It is held while the store works.
	mu   sync.RWMutex
	last atomic.Pointer[keys] // as last read; never nil
}

// LoadKeyring reads the keys. With create, a missing file is created, with a new key and mode 0600, in a
// folder that is created with mode 0700 if needed; processes that start together end up with the same
// key.
//
// The error names the file, the line and what to do, and contains no key. A file that other users may read
// is an error, unless it is in $CREDENTIALS_DIRECTORY.
//
//nolint:contextcheck // it is bounded by lockTimeout
func LoadKeyring(path string, create bool) (*Keyring, error) {
	k := &Keyring{path: path}
	_, err := k.read()
	if create && errors.Is(err, fs.ErrNotExist) {
		if err := createKeyFile(path); err != nil {
			return nil, err
		}
		_, err = k.read()
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: restore it, or create one with mode 0600: %s", err, howToMakeAKey)
	}
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), lockTimeout)
	defer cancel()
	_, unlock, err := k.lockShared(ctx) // fail early if the folder cannot be locked
	if err != nil {
		return nil, err
	}
	unlock()
	return k, nil
}

// lockShared returns the keys under a shared lock: they stay in the file until unlock is called.
func (k *Keyring) lockShared(ctx context.Context) (*keys, func(), error) {
	return k.lock(ctx, k.mu.RLocker(), (*flock.Flock).TryRLockContext)
}

// lockExclusive returns the keys for exclusive use until unlock is called.
func (k *Keyring) lockExclusive(ctx context.Context) (*keys, func(), error) {
	return k.lock(ctx, &k.mu, (*flock.Flock).TryLockContext)
}

func (k *Keyring) lock(ctx context.Context, mu sync.Locker, try func(*flock.Flock, context.Context, time.Duration) (bool, error)) (*keys, func(), error) {
	mu.Lock()
	folder := flock.New(filepath.Dir(k.path), flock.SetFlag(os.O_RDONLY))
	unlock := func() {
		_ = folder.Unlock() // closing the descriptor releases it at the latest
		mu.Unlock()
	}
	if _, err := try(folder, ctx, lockPoll); err != nil {
		unlock()
		return nil, nil, &keyError{fmt.Errorf("cannot lock %s: %w", folder.Path(), cause(err))}
	}
	held, err := k.read()
	if err != nil {
		unlock()
		return nil, nil, &keyError{err}
	}
	return held, unlock, nil
}

// Path is the key file.
func (k *Keyring) Path() string { return k.path }

// Unreadable counts the rows of an inner store ([New]) whose tokens cannot be decrypted with the keys as last
// read.
func (k *Keyring) Unreadable(rows []auth.Row) (n int) {
	keys := k.last.Load()
	for _, row := range rows {
		if keys.open(row).Unreadable {
			n++
		}
	}
	return n
}

// RemoveLeftovers removes temporary files with keys next to the key file, left by a process that was
// killed while it replaced the keys. It returns their number.
func (k *Keyring) RemoveLeftovers(ctx context.Context) (n int, err error) {
	ctx, cancel := context.WithTimeout(ctx, lockTimeout)
	defer cancel()
	_, unlock, err := k.lockExclusive(ctx) // no process replaces the keys meanwhile
	if err != nil {
		return 0, err
	}
	defer unlock()
	path, err := filepath.EvalSymlinks(k.path)
	if err != nil {
		return 0, err
	}
	return removeBeside(path)
}

// keyError wraps [auth.ErrNoKeys] and the cause.
type keyError struct{ error }

func (e *keyError) Unwrap() []error { return []error{auth.ErrNoKeys, e.error} }

func (k *Keyring) read() (*keys, error) {
	f, err := os.Open(k.path)
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", k.path, cause(err))
	}
	defer f.Close()
	content, err := io.ReadAll(f)
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", k.path, cause(err))
	}
	if last := k.last.Load(); last != nil && bytes.Equal(content, last.content) {
		return last, nil
	}
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", k.path, cause(err))
	}
	if !secret.Provided(k.path, os.Getenv) {
		if err := secret.CheckPrivate(k.path, info); err != nil {
			return nil, err
		}
	}
	read, err := parseKeys(k.path, content)
	if err != nil {
		return nil, err
	}
	k.last.Store(read)
	return read, nil
}

// replace writes these keys to the file; the first one encrypts. The caller has exclusive use of the
// keyring.
func (k *Keyring) replace(ring []*sealKey) (*keys, error) {
	if err := replaceKeyFile(k.path, keyFile(ring)); err != nil {
		return nil, err
	}
	return k.read()
}

// cause returns the error without the path, which our error texts already contain.
func cause(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

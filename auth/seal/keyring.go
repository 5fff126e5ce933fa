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
	// lockPoll is how often a folder is tried that another process has locked.
	lockPoll = 2 * time.Millisecond
	// lockTimeout bounds the wait for it at the start. It is longer than any use of
	// a store takes.
	lockTimeout = 10 * time.Second
)

// Keyring is the keys that seal tokens at rest; see [New]. They stand in a file,
// each on a line of its own: 32 random bytes in base64 (RFC 4648 section 4). The first
// one seals, the others only open what they sealed when they were the first. Empty
// lines, and lines that begin with #, say nothing.
//
// The file is read each time, so that a change by hand, or another process's
// [Store.Rekey], counts at once. While a store is used the file's folder is locked
// (flock), shared, and while the keys are changed exclusively: nobody seals with a key
// that is about to go. A Keyring is safe for concurrent use.
type Keyring struct {
	path string
	// mu is within the process what the folder's lock is between processes; it lets
	// in who waits to be alone. It is held while the store works.
	mu   sync.RWMutex
	last atomic.Pointer[keys] // as last read; never nil
}

// LoadKeyring reads the keys. With create, a file that is absent is made first, with a
// key of its own and mode 0600, in a folder that is made with mode 0700 if need be;
// processes that start together end up with the same key.
//
// The error names the file, the line and what to do, and repeats no key. A file that
// others may read is an error.
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
		return nil, fmt.Errorf("%w: bring it back, or make one that only you may read: %s", err, howToMakeAKey)
	}
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), lockTimeout)
	defer cancel()
	_, unlock, err := k.share(ctx) // a folder that cannot be locked is told of now
	if err != nil {
		return nil, err
	}
	unlock()
	return k, nil
}

// share returns the keys, which stay in the file until unlock is called.
func (k *Keyring) share(ctx context.Context) (*keys, func(), error) {
	return k.hold(ctx, k.mu.RLocker(), (*flock.Flock).TryRLockContext)
}

// seize returns the keys, which nobody else uses until unlock is called.
func (k *Keyring) seize(ctx context.Context) (*keys, func(), error) {
	return k.hold(ctx, &k.mu, (*flock.Flock).TryLockContext)
}

func (k *Keyring) hold(ctx context.Context, mu sync.Locker, try func(*flock.Flock, context.Context, time.Duration) (bool, error)) (*keys, func(), error) {
	mu.Lock()
	folder := flock.New(filepath.Dir(k.path), flock.SetFlag(os.O_RDONLY))
	unlock := func() {
		_ = folder.Unlock() // it ends with the descriptor at the latest
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

// RemoveLeftovers removes what a process left beside the key file that was killed while it
// replaced the keys: files that hold the old and the new key. It returns how many there
// were.
func (k *Keyring) RemoveLeftovers(ctx context.Context) (n int, err error) {
	ctx, cancel := context.WithTimeout(ctx, lockTimeout)
	defer cancel()
	_, unlock, err := k.seize(ctx) // nobody replaces them now
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

// keyError is an [auth.ErrNoKeys] with its cause.
type keyError struct{ error }

func (e *keyError) Unwrap() []error { return []error{auth.ErrNoKeys, e.error} }

// read returns what the file holds now.
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
	if err := secret.CheckPrivate(k.path, info); err != nil {
		return nil, err
	}
	read, err := parseKeys(k.path, content)
	if err != nil {
		return nil, err
	}
	k.last.Store(read)
	return read, nil
}

// replace makes the file hold these keys, the first of which seals. The caller has
// seized the keyring.
func (k *Keyring) replace(ring []*sealKey) (*keys, error) {
	if err := replaceKeyFile(k.path, keyFile(ring)); err != nil {
		return nil, err
	}
	return k.read()
}

// cause is the error without the path, which our own texts name.
func cause(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

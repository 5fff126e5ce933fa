// Package lock prevents two workers from using one database, and identifies the worker that uses
// it.
package lock

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
)

// ErrInUse reports that another process holds the lock.
var ErrInUse = errors.New("in use by another orderbeat")

// Acquire locks the database for this process: a database has one writer, one relay and one
// scheduler. Commands that only read need no lock.
func Acquire(path string) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("db.path: %w", err)
	}
	lock := flock.New(lockOf(path))
	if locked, err := lock.TryLock(); err != nil {
		return nil, fmt.Errorf("db.path: %w", err)
	} else if !locked {
		return nil, fmt.Errorf("db.path: %s is %w: stop it, or configure another file", path, ErrInUse)
	}
	return func() { _ = lock.Unlock() }, nil // the lock ends with the process in any case
}

func lockOf(path string) string { return path + ".lock" }

// Identify returns the identity of the worker that uses this database, and its place (host and
// path), for other workers. The identity survives restarts. A copy of the database at another
// path or on another machine has another identity. The caller holds the lock.
func Identify(path string) (id, place string, err error) {
	place, own, err := read(path)
	if err == nil && len(own) != length {
		own = []byte(rand.Text()) // host names and paths are not unique
		err = os.WriteFile(lockOf(path), own, 0o600)
	}
	return identity(place, own), place, err
}

// Identity returns the identity of the worker that had this database last. It writes nothing.
func Identity(path string) (string, error) {
	place, own, err := read(path)
	if err == nil && len(own) != length {
		err = errors.New("no worker has used this database")
	}
	return identity(place, own), err
}

// read returns the place of a database, and the random id in its lock file.
func read(path string) (place string, own []byte, err error) {
	path, err = filepath.Abs(path)
	if err != nil {
		return "", nil, err
	}
	host, err := os.Hostname()
	if err != nil {
		return "", nil, err
	}
	own, err = os.ReadFile(lockOf(path))
	return host + ":" + path, own, err
}

// length is the length of the id in the lock file, which is from [rand.Text].
const length = 26

func identity(place string, own []byte) string {
	sum := sha256.Sum256([]byte(place + "\n" + string(own)))
	return hex.EncodeToString(sum[:16])
}

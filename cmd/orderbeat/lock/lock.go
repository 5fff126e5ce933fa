// Package lock keeps a second worker away from a database, and identifies the worker that has
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

// ErrInUse is that another process has the database's lock.
var ErrInUse = errors.New("in use by another orderbeat")

// Acquire keeps a second worker away from the database: there is one writer,
// one relay and one clock for its schedules. Reading commands need no lock.
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
	return func() { _ = lock.Unlock() }, nil // the process ends, and with it the lock
}

func lockOf(path string) string { return path + ".lock" }

// Identify is by what other workers know that this is the one with this database, and
// where that is. It is the same after a restart, and another one for a copy: of the
// file on another machine, or of the whole folder. The lock is held.
func Identify(path string) (id, place string, err error) {
	if path, err = filepath.Abs(path); err != nil {
		return "", "", err
	}
	host, err := os.Hostname()
	if err != nil {
		return "", "", err
	}
	const length = 26 // of what [rand.Text] makes
	own, err := os.ReadFile(lockOf(path))
	if err == nil && len(own) != length {
		own = []byte(rand.Text()) // machines may have one name, and one layout
		err = os.WriteFile(lockOf(path), own, 0o600)
	}
	if err != nil {
		return "", "", err
	}
	place = host + ":" + path
	sum := sha256.Sum256([]byte(place + "\n" + string(own)))
	return hex.EncodeToString(sum[:16]), place, nil
}

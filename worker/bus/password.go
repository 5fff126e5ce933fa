package bus

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"orderbeat/auth/secret"
)

// errNoPassword means that a password file contains no valid password.
var errNoPassword = errors.New("contains no valid password")

// CheckPasswordFile returns an error if the file with the embedded server's password cannot be used. A
// file that is absent or contains no valid password is no error: it is created at startup.
func CheckPasswordFile(path string) error {
	_, err := readPassword(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errNoPassword) {
		return nil
	}
	return err
}

// readPassword reads the embedded server's password: a file with one line that only its owner may
// read.
func readPassword(path string) (secret.Secret, error) {
	info, err := os.Stat(path)
	if err != nil {
		return secret.Secret{}, fmt.Errorf("NATS password: %w", err)
	}
	if !info.Mode().IsRegular() {
		return secret.Secret{}, fmt.Errorf("NATS password: %s is not a regular file: remove it", path)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return secret.Secret{}, fmt.Errorf("NATS password: other users may read %s (mode %04o): run chmod 600, or remove it; the next start creates a new one", path, info.Mode().Perm())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return secret.Secret{}, fmt.Errorf("NATS password: %w", err)
	}
	const longest = 1 << 10
	password := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	unprintable := func(r rune) bool { return unicode.IsControl(r) || r == unicode.ReplacementChar }
	if password == "" || len(password) > longest || strings.ContainsFunc(password, unprintable) {
		return secret.Secret{}, fmt.Errorf("NATS password: %s %w", path, errNoPassword)
	}
	return secret.New(password), nil
}

// WithPassword sets the default user of the embedded server and its password, which is read from
// PasswordFile. The file is created if absent.
func (c Config) WithPassword(log *slog.Logger) (Config, error) {
	if c.PasswordFile == "" {
		return c, nil
	}
	var err error
	c.Password, err = openPassword(c.PasswordFile, log)
	c.User, c.PasswordFile = natsUser, ""
	return c, err
}

// openPassword reads the embedded server's password, and creates its file if absent. If the file
// cannot be created, the password is valid for this process only and other clients cannot
// connect, which is logged.
func openPassword(path string, log *slog.Logger) (secret.Secret, error) {
	removeUnfinished(path)
	password, err := readPassword(path)
	switch {
	case err == nil:
		return password, nil
	case errors.Is(err, errNoPassword):
		log.Warn("NATS password file replaced, because it contained no valid password", "file", path)
		if err := os.Remove(path); err != nil {
			return secret.Secret{}, fmt.Errorf("NATS password: %w", err)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return secret.Secret{}, err
	}
	if err := createPassword(path); err != nil {
		log.Warn("failed to create the NATS password file; other clients cannot connect to the embedded NATS unless nats.auth is set", "file", path, "err", err)
		return secret.New(rand.Text()), nil
	}
	return readPassword(path) // another process may have created the file meanwhile
}

// createPassword creates the file atomically, unless it exists.
func createPassword(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), unfinished(path)+"*") // with mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(rand.Text() + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	// Unlike a rename, a link does not replace the file of another process.
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// unfinished is the name prefix of temporary password files.
func unfinished(path string) string { return "." + filepath.Base(path) + "-" }

// removeUnfinished removes temporary files of a process that was killed.
func removeUnfinished(path string) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return // the folder does not exist yet
	}
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && strings.HasPrefix(e.Name(), unfinished(path)) && time.Since(info.ModTime()) > time.Minute {
			_ = os.Remove(filepath.Join(filepath.Dir(path), e.Name())) // harmless if it stays
		}
	}
}

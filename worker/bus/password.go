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

// errNoPassword is that a password file holds no password.
var errNoPassword = errors.New("holds no password")

// CheckPasswordFile reports why the file with the embedded server's password cannot be
// used. One that is absent or holds no password can: it is made at start.
func CheckPasswordFile(path string) error {
	_, err := readPassword(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errNoPassword) {
		return nil
	}
	return err
}

// readPassword reads the embedded server's password: one line of a file that nobody else
// may read.
func readPassword(path string) (secret.Secret, error) {
	info, err := os.Stat(path)
	if err != nil {
		return secret.Secret{}, fmt.Errorf("NATS password: %w", err)
	}
	if !info.Mode().IsRegular() {
		return secret.Secret{}, fmt.Errorf("NATS password: %s is not a file: remove it", path)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return secret.Secret{}, fmt.Errorf("NATS password: others may read %s (mode %04o): remove it, then the next start makes a new one, or chmod 600 it", path, info.Mode().Perm())
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

// WithPassword returns the configuration of the embedded server with the password from
// PasswordFile as that of its default user. The file is made where there is none.
func (c Config) WithPassword(log *slog.Logger) (Config, error) {
	if c.PasswordFile == "" {
		return c, nil
	}
	var err error
	c.Password, err = openPassword(c.PasswordFile, log)
	c.User, c.PasswordFile = natsUser, ""
	return c, err
}

// openPassword reads the embedded server's password and makes its file where there is
// none. Where the file cannot be made the password is good for this process alone, which
// is logged: others then cannot connect.
func openPassword(path string, log *slog.Logger) (secret.Secret, error) {
	removeUnfinished(path)
	password, err := readPassword(path)
	switch {
	case err == nil:
		return password, nil
	case errors.Is(err, errNoPassword):
		log.Warn("NATS password file replaced: it was empty", "file", path)
		if err := os.Remove(path); err != nil {
			return secret.Secret{}, fmt.Errorf("NATS password: %w", err)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return secret.Secret{}, err
	}
	if err := createPassword(path); err != nil {
		log.Warn("failed to create the NATS password file: no other client can connect to the embedded NATS; set nats.auth", "file", path, "err", err)
		return auth.NewSecret(rand.Text()), nil
	}
	return readPassword(path) // perhaps of another process that started at the same time
}

// createPassword makes the file, whole or not at all, unless there is one.
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
	// Unlike a rename, a link does not replace what another process has put there.
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// unfinished is how the names of files begin that are not yet the password file.
func unfinished(path string) string { return "." + filepath.Base(path) + "-" }

// removeUnfinished removes what a process left that was killed while it made the file.
func removeUnfinished(path string) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return // there is no folder yet
	}
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && strings.HasPrefix(e.Name(), unfinished(path)) && time.Since(info.ModTime()) > time.Minute {
			_ = os.Remove(filepath.Join(filepath.Dir(path), e.Name())) // it harms nobody
		}
	}
}

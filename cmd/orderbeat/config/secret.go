package config

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf16"

	"orderbeat/auth/mask"
	"orderbeat/auth/seal"
	"orderbeat/auth/secret"
)

// wantSecret is the error for a value that is not a reference to a secret. It does not repeat
// the value, which may be the secret itself.
const wantSecret = `secrets must not be in the file: write "env:NAME", "file:PATH" or "credential:NAME" (a systemd credential)`

// secrets resolves references to secrets.
type secrets struct {
	getenv func(string) string
	dir    string // base of relative PATHs
	mask   *mask.Set
	blind  bool // resolves nothing: all secrets are placeholders
}

// resolve returns the secret that ref, "env:NAME", "file:PATH" or
// "credential:NAME", refers to. An unset variable, and a file that is absent,
// empty or readable by others, are errors that name it.
func (s secrets) resolve(ref string) (secret.Secret, error) {
	if !isReference(ref) {
		return secret.Secret{}, errors.New(wantSecret)
	}
	if s.blind {
		return secret.New("not looked up"), nil
	}
	kind, name, _ := strings.Cut(ref, ":")
	switch kind {
	case "env":
		value := trimmed(s.getenv(name))
		if value == "" {
			return secret.Secret{}, fmt.Errorf("the environment variable %s is not set", name)
		}
		return secret.New(value), nil
	case "credential":
		dir := s.getenv("CREDENTIALS_DIRECTORY")
		if dir == "" {
			return secret.Secret{}, fmt.Errorf("credential %s not found: CREDENTIALS_DIRECTORY is not set; systemd sets it for services with LoadCredential=", name)
		}
		if strings.ContainsRune(name, filepath.Separator) {
			return secret.Secret{}, fmt.Errorf("credential names must not contain %q", filepath.Separator)
		}
		return fromFile(filepath.Join(dir, name))
	default:
		path := absolute(s.dir, name)
		if info, err := os.Stat(path); err == nil {
			if err := s.private(path, info); err != nil {
				return secret.Secret{}, err
			}
		}
		return fromFile(path)
	}
}

// isReference reports whether a text refers to a secret.
func isReference(s string) bool {
	kind, name, ok := strings.Cut(s, ":")
	return ok && name != "" && (kind == "env" || kind == "file" || kind == "credential")
}

// trimmed removes line ends at both ends and a byte order mark, which editors and shells add, and
// decodes UTF-16, as Windows writes it.
func trimmed(value string) string {
	for mark, order := range map[string]binary.ByteOrder{"\xff\xfe": binary.LittleEndian, "\xfe\xff": binary.BigEndian} {
		if wide, ok := strings.CutPrefix(value, mark); ok {
			units := make([]uint16, len(wide)/2)
			for i := range units {
				units[i] = order.Uint16([]byte(wide[2*i:]))
			}
			value = string(utf16.Decode(units))
		}
	}
	return strings.Trim(value, "\r\n\ufeff")
}

// private returns an error if other users may read a file with a secret. systemd protects
// credentials by other means than the mode.
func (s secrets) private(path string, info fs.FileInfo) error {
	if s.blind || secret.Provided(path, s.getenv) {
		return nil
	}
	return secret.CheckPrivate(path, info)
}

// fromFile reads a secret from a file and applies [trimmed].
func fromFile(path string) (secret.Secret, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return secret.Secret{}, fmt.Errorf("cannot read %s: %w", path, cause(err))
	}
	value := trimmed(string(content))
	if value == "" {
		return secret.Secret{}, fmt.Errorf("%s is empty", path)
	}
	return secret.New(value), nil
}

// absolute resolves a relative path against dir.
func absolute(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// defaultKey is created if it is absent. A configured file is not: tokens sealed with another
// key would be lost silently.
const defaultKey = "file:data/key"

// Key is the file of the key that seals tokens at rest.
type Key struct {
	Path string // absolute
	Make bool   // create it if absent
}

func (l *loader) key(ref string) Key {
	path, ok := strings.CutPrefix(ref, "file:")
	if !ok || path == "" { // another value may be the key itself
		l.add("worker.key", `want "file:PATH", a file with the key`)
	}
	if ok {
		l.plainPath("worker.key", path, false)
	}
	return Key{Path: absolute(l.dir, path), Make: ref == defaultKey}
}

// keyFile checks the content of the file.
func (l *loader) keyFile(k Key) {
	if l.has("worker.key") {
		return
	}
	_, err := seal.LoadKeyring(k.Path, false)
	absent := errors.Is(err, fs.ErrNotExist)
	if err != nil && (!absent || !k.Make) {
		l.add("worker.key", "%v", err)
	}
}

package config

import (
	"errors"
	"io/fs"
	"strings"

	"orderbeat/auth"
)

// defaultKey is made when it is absent. A file that somebody named is not: tokens that
// were sealed with another key would be lost without a word.
const defaultKey = "file:data/key"

// Key is where the key is that seals tokens at rest.
type Key struct {
	Path string // absolute
	Make bool   // it is made when it is absent
}

func (l *loader) key(ref string) Key {
	path, ok := strings.CutPrefix(ref, "file:")
	if !ok || path == "" { // what else stands there may be the key itself
		l.add("worker.key", `want "file:PATH", a file with the key`)
	}
	if ok {
		l.plainPath("worker.key", path, false)
	}
	return Key{Path: absolute(l.dir, path), Make: ref == defaultKey}
}

// keyFile checks what is in the file.
func (l *loader) keyFile(k Key) {
	if l.has("worker.key") {
		return
	}
	_, err := auth.LoadKeyring(k.Path, false)
	absent := errors.Is(err, fs.ErrNotExist)
	if err != nil && (!absent || !k.Make) {
		l.add("worker.key", "%v", err)
	}
}

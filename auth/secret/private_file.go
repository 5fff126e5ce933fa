package secret

import (
	"fmt"
	"io/fs"
	"path/filepath"
)

// Provided reports whether a file is in the folder of credentials that systemd, or a container's
// configuration, provides ($CREDENTIALS_DIRECTORY). These are protected by other means than their mode.
func Provided(path string, getenv func(string) string) bool {
	dir := getenv("CREDENTIALS_DIRECTORY")
	return dir != "" && filepath.Dir(path) == filepath.Clean(dir)
}

// CheckPrivate returns an error if others than the owner may read the file at path, whose info is
// given. It is for keys, credentials and secret files; pipes and devices pass.
func CheckPrivate(path string, info fs.FileInfo) error {
	if info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("other users may read %s (mode %04o): run chmod 600", path, info.Mode().Perm())
	}
	return nil
}

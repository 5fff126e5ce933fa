package secret

import (
	"fmt"
	"io/fs"
	"path/filepath"
)

// Provided reports whether a file is in the folder of credentials that systemd, or a container's
// configuration, provides ($CREDENTIALS_DIRECTORY). Such files are not protected by their mode.
func Provided(path string, getenv func(string) string) bool {
	dir := getenv("CREDENTIALS_DIRECTORY")
	return dir != "" && filepath.Dir(path) == filepath.Clean(dir)
}

// CheckPrivate returns an error if users other than the owner may access the file at path, whose info is
// given. It is for keys, credentials and secret files; it accepts pipes and devices.
func CheckPrivate(path string, info fs.FileInfo) error {
	if info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("other users may read %s (mode %04o): run chmod 600", path, info.Mode().Perm())
	}
	return nil
}

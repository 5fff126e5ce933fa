package secret

import (
	"fmt"
	"io/fs"
)

// CheckPrivate is an error unless only the owner may read the file at path, whose info
// this is. Keys, credentials and files of secrets have to be so; pipes and devices keep none.
func CheckPrivate(path string, info fs.FileInfo) error {
	if info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("others may read %s (mode %04o): chmod 600 it", path, info.Mode().Perm())
	}
	return nil
}

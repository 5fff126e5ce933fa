package seal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// createKeyFile creates a key file with a new key, unless there is one. The file appears complete or
// not at all.
func createKeyFile(path string) error {
	key, err := freshKey()
	if err != nil {
		return err
	}
	folder := filepath.Dir(path)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("cannot create %s: %w", folder, cause(err))
	}
	temp, err := writeBeside(path, keyFile([]*sealKey{key}), 0o600)
	if err != nil {
		return err
	}
	defer os.Remove(temp)
	// Unlike a rename, a link does not replace another process's file.
	if err := os.Link(temp, path); err != nil && !errors.Is(err, fs.ErrExist) {
		if _, there := os.Stat(path); there != nil { // otherwise another process created it, and removed our temporary file as a leftover
			return fmt.Errorf("cannot create %s: %w", path, err)
		}
	}
	return syncFolder(folder)
}

// replaceKeyFile replaces the content of a key file atomically, and preserves its mode. A symbolic
// link stays, and its target is replaced.
func replaceKeyFile(path string, content []byte) error {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return fmt.Errorf("cannot replace the key file: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("cannot replace %s: %w", path, cause(err))
	}
	temp, err := writeBeside(path, content, info.Mode().Perm())
	if err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		return errors.Join(fmt.Errorf("cannot replace %s: %w", path, err), os.Remove(temp))
	}
	return syncFolder(filepath.Dir(path))
}

// writeBeside writes a file next to path that survives a power failure, and returns its name.
func writeBeside(path string, content []byte, mode fs.FileMode) (string, error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // with mode 0600
	if err != nil {
		return "", fmt.Errorf("cannot write next to %s: %w", path, cause(err))
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return "", errors.Join(fmt.Errorf("cannot write %s: %w", f.Name(), err), os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// removeBeside removes the files that writeBeside made for path, and returns their number.
func removeBeside(path string) (n int, err error) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return 0, fmt.Errorf("cannot list the folder of %s: %w", path, cause(err))
	}
	for _, e := range entries {
		number, ours := strings.CutPrefix(e.Name(), "."+filepath.Base(path)+"-")
		if _, err := strconv.ParseUint(number, 10, 64); !ours || err != nil || !e.Type().IsRegular() {
			continue
		}
		if err := os.Remove(filepath.Join(filepath.Dir(path), e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return n, fmt.Errorf("cannot remove leftover files of an earlier key change: %w", err)
		}
		n++
	}
	return n, nil
}

// syncFolder makes a folder's entries survive a power failure.
func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("cannot sync %s: %w", path, cause(err))
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("cannot sync %s: %w", path, cause(err))
	}
	return nil
}

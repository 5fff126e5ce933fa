package sqlite

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Byte offsets of SQLite's locks (https://www.sqlite.org/walformat.html, section 2.3, and os.h of its
// sources).
const (
	shmWriteLock  = 120 // of the -shm file: write lock
	shmFirstRead  = 123 // to shmLastRead: read locks
	shmLastRead   = 127
	fileFirstLock = 1 << 30 // of the database file: PENDING, RESERVED and SHARED
	fileLastLock  = fileFirstLock + 511
)

// readersOf returns the processes that hold a read lock on the write-ahead log of the database at path.
func readersOf(path string) string {
	if list := holders(path+"-shm", shmFirstRead, shmLastRead, false); list != "" {
		return list
	}
	return "a reader of this process"
}

// writersOf returns the processes that hold a write or exclusive lock on the database at path.
func writersOf(path string) string {
	for _, list := range []string{
		holders(path+"-shm", shmWriteLock, shmLastRead, true), holders(path, fileFirstLock, fileLastLock, true),
		holders(path, fileFirstLock, fileLastLock, false),
	} {
		if list != "" {
			return list
		}
	}
	return "another process"
}

// holders returns the other processes with a lock on a byte range of a file: "sqlite3 (pid 12)". It reads
// /proc/locks of Linux, because querying the lock requires opening the file, and closing it would
// release the locks of SQLite.
func holders(path string, first, last int64, exclusive bool) string {
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	table, err := os.Open("/proc/locks")
	if err != nil {
		return ""
	}
	defer table.Close()
	inode := ":" + strconv.FormatUint(stat.Ino, 10)
	var names []string
	for lines := bufio.NewScanner(table); lines.Scan(); {
		// 1: POSIX  ADVISORY  READ 1234 fd:01:5678 124 124
		f := strings.Fields(lines.Text())
		if len(f) != 8 || f[1] != "POSIX" || exclusive != (f[3] == "WRITE") || !strings.HasSuffix(f[5], inode) {
			continue
		}
		from, err := strconv.ParseInt(f[6], 10, 64)
		to, unbounded := strconv.ParseInt(f[7], 10, 64)
		if err != nil || from > last || unbounded == nil && to < first || f[4] == strconv.Itoa(os.Getpid()) {
			continue
		}
		name := fmt.Sprintf("%s (pid %s)", program(f[4]), f[4])
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// program returns the name of a process.
func program(pid string) string {
	name, err := os.ReadFile(filepath.Join("/proc", pid, "comm"))
	if err != nil {
		return "a process"
	}
	return strings.TrimSpace(string(name))
}

// readable returns an error if this user may not read the database at path. It does not open the files:
// closing them would release the locks of other connections in this process.
func readable(path string) error {
	for _, part := range parts {
		if err := unix.Access(path+part, unix.R_OK); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// ownerHint returns a hint about the user who can read the database at path.
func ownerHint(path string) string {
	for _, name := range []string{path, filepath.Dir(path)} {
		info, err := os.Stat(name)
		if err != nil {
			continue
		}
		if uid, _, ok := owner(info); ok {
			return fmt.Sprintf(": it belongs to %[1]s; run the command as that user (sudo -u %[1]s orderbeat …)", username(uid))
		}
	}
	return ": run the command as the user that runs the worker"
}

// username returns the name of a user, or #uid if unknown.
func username(uid int) string {
	number := strconv.Itoa(uid)
	if u, err := user.LookupId(number); err == nil {
		return u.Username
	}
	return "#" + number
}

// owner returns the owner and the group of a file.
func owner(info fs.FileInfo) (uid, gid int, ok bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, false
	}
	return int(stat.Uid), int(stat.Gid), true
}

package sqlite

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
)

// parts are the suffixes of the files of a database in use.
var parts = []string{"", "-wal", "-shm"}

// file is the database file. SQLite does not detect that it is replaced. The handle stays open as long
// as the database: closing any handle of a file releases the POSIX locks that SQLite holds on it.
type file struct {
	path   string // as configured
	hadLog bool   // a write-ahead log existed at open: the last process crashed
	real   string // path without symbolic links; the other parts are next to it
	handle *os.File
	known  [3]fs.FileInfo // the parts as opened by SQLite
	change uint32         // the last seen change counter
}

// openFile opens the file at path or creates it with mode 0600. SQLite would apply the umask and create
// the other parts with the same mode. openFile also makes existing files private.
func openFile(path string, log *slog.Logger) (*file, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	handle, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	f := &file{path: path, handle: handle}
	if f.real, err = filepath.EvalSymlinks(path); err != nil {
		return nil, errors.Join(err, handle.Close())
	}
	if log, err := os.Stat(f.real + "-wal"); err == nil {
		f.hadLog = log.Size() > 0
	}
	for _, part := range append([]string{"-journal"}, parts...) {
		makePrivate(f.real+part, log)
	}
	return f, nil
}

// makePrivate removes the permissions of group and others.
func makePrivate(path string, log *slog.Logger) {
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm()&0o077 == 0 {
		return
	}
	mode := fmt.Sprintf("%04o", info.Mode().Perm())
	if err := os.Chmod(path, info.Mode().Perm()&0o700); err != nil {
		log.Warn("database file is accessible to other users", "file", path, "mode", mode, "err", err)
		return
	}
	log.Warn("database file was accessible to other users, mode set to 0600", "file", path, "mode", mode)
}

// recordFiles records the files that SQLite has opened.
func (f *file) recordFiles() (err error) {
	for i, part := range parts {
		if f.known[i], err = os.Stat(f.real + part); err != nil {
			return err
		}
	}
	h, err := f.header()
	f.change = h.change
	return err
}

// lostError means that the files at the database's path are not the open files: writes would be lost
// when the process ends.
type lostError struct {
	what        string
	overwritten bool // not recoverable
}

func (e *lostError) Error() string {
	return e.what + ": commits are rejected. Put the file back, or stop orderbeat and restore a backup (orderbeat db restore)"
}

// check returns a [*lostError] if a part was removed, moved, replaced or overwritten.
func (f *file) check() error {
	for i, part := range parts {
		path := f.real + part
		if part == "" {
			path = f.path
		}
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return &lostError{what: path + " was removed or moved"}
		case err != nil:
			return &lostError{what: fmt.Sprintf("cannot stat %s: %v", path, errors.Unwrap(err))}
		case !os.SameFile(info, f.known[i]):
			return &lostError{what: path + " was replaced by another file"}
		}
	}
	h, err := f.header()
	if err != nil {
		return &lostError{what: fmt.Sprintf("cannot read %s: %v", f.path, err)}
	}
	// Only checkpoints write to the file, and they never decrease the counter.
	if !h.wal || h.change < f.change {
		return &lostError{f.path + " was overwritten with another database", true}
	}
	f.change = h.change
	return nil
}

// fileHeader has the relevant fields of the 100-byte database header
// (https://www.sqlite.org/fileformat.html, section 1.3).
type fileHeader struct {
	empty    bool
	database bool
	wal      bool   // in WAL mode
	change   uint32 // the change counter; each transaction that changes page 1 increments it
	pages    uint32
}

func (f *file) header() (h fileHeader, err error) {
	var b [100]byte
	n, err := f.handle.ReadAt(b[:], 0)
	if n == 0 && errors.Is(err, io.EOF) {
		return fileHeader{empty: true}, nil
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return h, err
	}
	return parseHeader(b[:n]), nil
}

// parseHeader parses a header; an invalid one is the zero header.
func parseHeader(b []byte) fileHeader {
	if len(b) < 100 || string(b[:16]) != "SQLite format 3\x00" {
		return fileHeader{}
	}
	return fileHeader{database: true, wal: b[18] == 2 && b[19] == 2, change: binary.BigEndian.Uint32(b[24:]), pages: binary.BigEndian.Uint32(b[28:])}
}

// close must be called after SQLite has closed its files. The second call does nothing.
func (f *file) close() error {
	if err := f.handle.Close(); !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}

// checkLog returns an error if the write-ahead log next to the file belongs to another database: the file
// was copied there without removing the previous log. SQLite would apply it and corrupt the copy.
//
// A log belongs to a file if the file is in WAL mode and its change counter is in the range of the log
// or directly before it. If the log does not contain page 1, the sizes must be equal.
func (f *file) checkLog() error {
	log, err := readWAL(f.real + "-wal")
	if err != nil || log.commits == 0 {
		return err
	}
	h, err := f.header()
	if err != nil || h.empty { // SQLite ignores the log of an empty file
		return err
	}
	switch {
	case !h.wal:
	case log.headers == 0 && h.pages != log.pages:
	case log.headers > 0 && (h.change+1 < log.first || h.change > log.last):
	default:
		return nil
	}
	return fmt.Errorf("the write-ahead log %[1]s-wal belongs to another file: %[1]s was copied over the original database. "+
		"To continue with the copy, move %[1]s-wal and %[1]s-shm away and restart; `orderbeat db restore` does this in one step", f.real)
}

// walSummary summarizes a write-ahead log.
type walSummary struct {
	commits     int
	pages       uint32 // database size after the last commit
	headers     int    // number of writes of page 1
	first, last uint32 // change counters of page 1
}

// readWAL reads the transactions of a write-ahead log that SQLite would apply: frames with valid salts
// and checksums, up to the last commit (https://www.sqlite.org/fileformat.html, section 4). A missing
// log is empty.
func readWAL(path string) (sum walSummary, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return sum, nil
	}
	if err != nil {
		return sum, err
	}
	defer f.Close()
	in := bufio.NewReaderSize(f, 1<<20)
	var head [32]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return sum, ignoreEOF(err)
	}
	const magic = 0x377f0682
	word := binary.BigEndian.Uint32
	size := word(head[8:])
	if word(head[:])&^1 != magic || size < 512 || size > 65536 {
		return sum, nil
	}
	check := walChecksum{order: binary.LittleEndian}
	if word(head[:])&1 == 1 {
		check.order = binary.BigEndian
	}
	check.add(head[:24])
	if !check.is(head[24:]) {
		return sum, nil
	}
	now := sum // summary up to the last frame; sum is up to the last commit
	frame := make([]byte, 24+size)
	for {
		if _, err := io.ReadFull(in, frame); err != nil {
			return sum, ignoreEOF(err)
		}
		if string(frame[8:16]) != string(head[16:24]) {
			return sum, nil
		}
		check.add(frame[:8])
		check.add(frame[24:])
		if !check.is(frame[16:24]) {
			return sum, nil
		}
		if word(frame) == 1 {
			now.last = parseHeader(frame[24:]).change
			if now.headers++; now.headers == 1 {
				now.first = now.last
			}
		}
		if pages := word(frame[4:]); pages != 0 {
			now.commits++
			now.pages = pages
			sum = now
		}
	}
}

// ignoreEOF returns nil for the end of a file.
func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// walChecksum is the running checksum of a write-ahead log.
type walChecksum struct {
	order  binary.ByteOrder
	s0, s1 uint32
}

func (c *walChecksum) add(b []byte) {
	for ; len(b) >= 8; b = b[8:] {
		c.s0 += c.order.Uint32(b) + c.s1
		c.s1 += c.order.Uint32(b[4:]) + c.s0
	}
}

func (c *walChecksum) is(b []byte) bool {
	return binary.BigEndian.Uint32(b) == c.s0 && binary.BigEndian.Uint32(b[4:]) == c.s1
}

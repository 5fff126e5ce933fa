package sqlite

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// belongs is an error when the write-ahead log beside the file is that of another
// database: somebody copied the file there, and left the log of the one before. SQLite
// would apply it, and damage the copy.
//
// A log belongs to a file when the file is written through one; when the change counter of
// the file is one that the log begins with, has, or leads to; and, where the log leaves
// the first page alone, when both are of one size.
func (f *file) belongs() error {
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
	return fmt.Errorf("the write-ahead log %[1]s-wal belongs to another file: %[1]s was copied over the database it was written for. "+
		"To continue with the copy, move %[1]s-wal and %[1]s-shm away and start again; `orderbeat db restore` does it in one step", f.real)
}

// walSummary is what a write-ahead log says of the database that it belongs to.
type walSummary struct {
	commits     int
	pages       uint32 // of the database, after the last commit
	headers     int    // how often page 1 was written
	first, last uint32 // its change counters
}

// readWAL reads the transactions of a write-ahead log that SQLite would apply: those
// whose frames have the log's salts and checksums, up to the last commit
// (https://www.sqlite.org/fileformat.html, section 4). No log is an empty one.
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
		return sum, atEnd(err)
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
	now := sum // up to the last frame; sum is up to the last commit
	frame := make([]byte, 24+size)
	for {
		if _, err := io.ReadFull(in, frame); err != nil {
			return sum, atEnd(err)
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

// atEnd takes the end of a file for no error.
func atEnd(err error) error {
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

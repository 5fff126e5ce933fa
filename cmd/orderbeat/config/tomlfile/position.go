package tomlfile

import (
	"bytes"
	"unicode/utf8"
)

// Position returns the position of the key at path, or of the nearest table or list around it; line
// 0 is the document as a whole. An offset, in bytes from 1, is a position within the key's
// string value.
func (d *Document) Position(path string, offset int) (line, column int) {
	for ; path != ""; path, offset = Parent(path), 0 {
		p, ok := d.places[path]
		switch {
		case !ok:
		case offset > 0 && p.written.Length > 0:
			begin, end := int(p.written.Offset), int(p.written.Offset+p.written.Length)
			return d.lineAt(begin + writtenAt(d.text[begin:end], offset-1))
		default:
			return d.lineAt(p.at)
		}
	}
	return 0, 0
}

// lineAt returns the line and column of the character at a byte offset. Both count from 1,
// columns in characters.
func (d *Document) lineAt(offset int) (line, column int) {
	for 0 < offset && offset < len(d.text) && !utf8.RuneStart(d.text[offset]) {
		offset--
	}
	before := d.text[:offset]
	begin := bytes.LastIndexByte(before, '\n') + 1
	return bytes.Count(before, []byte("\n")) + 1, utf8.RuneCount(before[begin:]) + 1
}

// characters converts go-toml's columns, which count bytes.
func (d *Document) characters(line, column int) (int, int) {
	begin := 0
	for range line - 1 {
		begin += bytes.IndexByte(d.text[begin:], '\n') + 1
	}
	return d.lineAt(begin + column - 1)
}

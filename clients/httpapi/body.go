package httpapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"orderbeat/clients"
	"orderbeat/clients/memory"
)

// boundedBody is a response's body for a decoder. It remembers why reading ended, so that a broken
// connection can be distinguished from an invalid document, whatever the decoder makes of the error.
type boundedBody struct {
	body    io.Reader
	left    int64 // bytes that may still be read, uncompressed
	broken  error // the error that ended the body early
	tooLong bool
	blanks  int           // white space at the end of the bytes read so far
	meter   *memory.Meter // charged for the bytes read
	refused error         // why no more bytes are accepted
}

var errTooLong = errors.New("the response is too long")

// maxBlanks is the limit of white space in a row: no document indents that far, and decoders buffer what
// they skip.
const maxBlanks = 1 << 20

// bytesHeld is the memory for each byte of a body while it is read: in the decoder's buffer and in
// the recorder's.
const bytesHeld = 2

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.tooLong {
		return 0, errTooLong
	}
	if b.refused != nil {
		return 0, b.refused
	}
	if int64(len(p)) > b.left { // one extra byte shows that the body is too long
		p = p[:b.left+1]
	}
	n, err := b.body.Read(p)
	if int64(n) > b.left {
		b.tooLong = true
		return int(b.left), errTooLong
	}
	b.left -= int64(n)
	if b.refused = b.charge(p[:n]); b.refused != nil {
		return 0, b.refused
	}
	if err != nil && err != io.EOF { // the error itself: a wrapped EOF is not the end of the body
		b.broken = err
	}
	return n, err
}

// charge checks and accounts for bytes that were read.
func (b *boundedBody) charge(p []byte) error {
	rest := bytes.TrimRight(p, " \t\r\n")
	if len(rest) > 0 {
		b.blanks = 0
	}
	if b.blanks += len(p) - len(rest); b.blanks > maxBlanks {
		return &clients.Error{Code: clients.CodeBadResponse, Message: fmt.Sprintf("the response has more than %d blanks in a row", maxBlanks)}
	}
	return b.meter.Use(bytesHeld * len(p))
}

func tooLong(limit int64) *clients.Error {
	return &clients.Error{
		Code:    clients.CodeBadResponse,
		Message: fmt.Sprintf("the response is larger than %d bytes", limit),
		Hint:    "request a shorter date range, or raise max_body",
	}
}

// drain reads a little of an unwanted body, so that the connection can be reused.
func drain(body io.Reader) {
	const most = 64 << 10
	_, _ = io.CopyN(io.Discard, body, most)
}

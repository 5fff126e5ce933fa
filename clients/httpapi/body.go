package httpapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"orderbeat/clients"
	"orderbeat/clients/memory"
)

// boundedBody is an answer's body as a decoder reads it. It remembers why reading
// ended, so that a connection that broke can be told from a document that is wrong,
// whatever the decoder makes of the error.
type boundedBody struct {
	body    io.Reader
	left    int64 // bytes that may still come, unpacked
	broken  error // why the rest did not come
	tooLong bool
	blanks  int           // how many came last, in a row
	meter   *memory.Meter // of what came
	refused error         // why no more is taken, whatever comes
}

var errTooLong = errors.New("the answer is too long")

// maxBlanks is how many blanks in a row a document may have: nobody indents that far, and
// decoders hold what they skip.
const maxBlanks = 1 << 20

// bytesHeld is how many bytes of memory a byte of a body takes while it is read: its place
// in the decoder's buffer and in the recorder's.
const bytesHeld = 2

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.tooLong {
		return 0, errTooLong
	}
	if b.refused != nil {
		return 0, b.refused
	}
	if int64(len(p)) > b.left { // one byte more tells a body that fits from one that does not
		p = p[:b.left+1]
	}
	n, err := b.body.Read(p)
	if int64(n) > b.left {
		b.tooLong = true
		return int(b.left), errTooLong
	}
	b.left -= int64(n)
	if b.refused = b.take(p[:n]); b.refused != nil {
		return 0, b.refused
	}
	if err != nil && err != io.EOF { // itself: a wrapped EOF is no end of the body
		b.broken = err
	}
	return n, err
}

// take accounts for bytes that came.
func (b *boundedBody) take(p []byte) error {
	rest := bytes.TrimRight(p, " \t\r\n")
	if len(rest) > 0 {
		b.blanks = 0
	}
	if b.blanks += len(p) - len(rest); b.blanks > maxBlanks {
		return &clients.Error{Code: clients.CodeBadResponse, Message: fmt.Sprintf("the answer has more than %d blanks in a row", maxBlanks)}
	}
	return b.meter.Use(bytesHeld * len(p))
}

func tooLong(limit int64) *clients.Error {
	return &clients.Error{
		Code:    clients.CodeBadResponse,
		Message: fmt.Sprintf("the answer is larger than %d bytes", limit),
		Hint:    "ask for a shorter window, or raise max_body",
	}
}

// drain reads a little of a body that nobody wants, so that the connection can be
// used again.
func drain(body io.Reader) {
	const most = 64 << 10
	_, _ = io.CopyN(io.Discard, body, most)
}

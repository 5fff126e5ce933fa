package clients

import (
	"errors"
	"fmt"
	"io"
)

// boundedBody is an answer's body as a decoder reads it. It remembers why reading
// ended, so that a connection that broke can be told from a document that is wrong,
// whatever the decoder makes of the error.
type boundedBody struct {
	body    io.Reader
	left    int64 // bytes that may still come, unpacked
	broken  error // why the rest did not come
	tooLong bool
}

var errTooLong = errors.New("the answer is too long")

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.tooLong {
		return 0, errTooLong
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
	if err != nil && err != io.EOF { // itself: a wrapped EOF is no end of the body
		b.broken = err
	}
	return n, err
}

func tooLong(limit int64) *Error {
	return &Error{
		Code:    CodeBadResponse,
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

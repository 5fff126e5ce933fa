package clients

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"sync"
	"unicode/utf8"
)

// plainBytes is how long a body may be to be kept as it is, for people who read the table.
const plainBytes = 4 << 10

// packers are used again: one takes more than a megabyte.
var packers = sync.Pool{New: func() any {
	w, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil {
		panic(err) // there is such a level
	}
	return w
}}

// SetBody keeps an answer's body, byte for byte.
func (x *Exchange) SetBody(body []byte) {
	if len(body) <= plainBytes && utf8.Valid(body) {
		x.ResponseBody = string(body)
		return
	}
	var packed bytes.Buffer
	w := packers.Get().(*gzip.Writer)
	defer packers.Put(w)
	w.Reset(&packed)
	_, _ = w.Write(body) // a Buffer takes everything
	_ = w.Close()
	x.ResponseGzip = packed.Bytes()
}

// Body is what is kept of the answer's body. The error is that of a damaged one.
func (x *Exchange) Body() ([]byte, error) {
	if x.ResponseGzip == nil {
		return []byte(x.ResponseBody), nil
	}
	r, err := gzip.NewReader(bytes.NewReader(x.ResponseGzip))
	if err != nil {
		return nil, fmt.Errorf("the kept answer: %w", err)
	}
	const room = 2 // secrets that are hidden may become longer
	body, err := io.ReadAll(io.LimitReader(r, room*WholeBytes))
	if err != nil {
		return nil, fmt.Errorf("the kept answer: %w", err)
	}
	return body, nil
}

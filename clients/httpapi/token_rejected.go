package httpapi

import (
	"bytes"
	"io"
	"net/http"
)

// TokenRejected is [auth.Transport.RejectsToken] for calls of an [HTTP]: the result of their [Call.Refused].
func TokenRejected(req *http.Request, resp *http.Response) bool {
	refused := sendingOf(req.Context()).Refused
	if refused == nil {
		return false
	}
	const most = 64 << 10
	body, err := io.ReadAll(io.LimitReader(resp.Body, most+1))
	resp.Body = &peeked{Reader: io.MultiReader(bytes.NewReader(body), failed{err}, resp.Body), Closer: resp.Body}
	return err == nil && len(body) <= most && refused(Response{Status: resp.StatusCode, Header: resp.Header}, body)
}

// peeked is a body whose beginning was read.
type peeked struct {
	io.Reader
	io.Closer
}

// failed returns the error of a body that ended early; without an error it is empty.
type failed struct{ err error }

func (f failed) Read([]byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	return 0, io.EOF
}

package auth_test

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"orderbeat/auth/endpoint"
)

// The IP of who fails to log in again and again is blocked, says PTV's OAUth2
// Authentication; then one sees "connection errors, ssl/tls handshake errors or
// something similar".
func TestThreeFailedConnectionsLookLikeABlock(t *testing.T) {
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	reset := &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	alert := tls.AlertError(40) // handshake failure
	unknown := &net.DNSError{Err: "no such host", IsNotFound: true}
	down := errors.New("an answer: 503") // stands for one
	for _, tt := range []struct {
		document, name string
		dialect        endpoint.Dialect
		failures       []error
		blocked        bool // by the last of them, and by none before
	}{
		{ptvPage, "three refused connections", endpoint.PTV(), []error{refused, refused, refused}, true},
		{ptvPage, "three TLS handshakes that fail", endpoint.PTV(), []error{alert, alert, alert}, true},
		{ptvPage, "something similar, of three sorts", endpoint.PTV(), []error{refused, alert, reset}, true},
		{ptvPage, "two", endpoint.PTV(), []error{refused, reset}, false},
		{ptvPage, "a name that is not found, three times", endpoint.PTV(), []error{unknown, unknown, unknown}, false},
		{ptvPage, "and an answer in between", endpoint.PTV(), []error{refused, refused, down, refused}, false},
		{ptvPage, "and an answer before two", endpoint.PTV(), []error{down, refused, refused}, false},
		{ptvPage, "and a name that is not found in between", endpoint.PTV(), []error{refused, refused, unknown, refused}, false},
		{ptvPage, "names that are not found before one", endpoint.PTV(), []error{unknown, unknown, refused}, false},
		{ptvPage, "three after an answer", endpoint.PTV(), []error{down, down, refused, refused, refused}, true},
		{michelinPage, "no page says so", endpoint.Michelin(), []error{refused, refused, refused, refused}, false},
	} {
		t.Run(tt.document+": "+tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := &tokenServer{answer: func(n int64, _ *http.Request) (*http.Response, error) {
					if err := tt.failures[n-1]; !errors.Is(err, down) {
						return nil, err
					}
					return respond(503, ""), nil
				}}
				s := open(t, of(tt.dialect, e))
				for i := range tt.failures {
					got := fails(t, s)
					blocked := tt.blocked && i == len(tt.failures)-1
					if (got.Class == endpoint.ClassBlock) != blocked || (got.After == 15*time.Minute) != blocked || strings.Contains(got.Hint, "block") != blocked {
						t.Errorf("failure %d: got %+v want blocked %v", i+1, got, blocked)
					}
					time.Sleep(got.After)
				}
				e.got(t, int64(len(tt.failures)))
			})
		})
	}
}

package main // an inside test: a main package cannot be imported

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	stdlog "log"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"orderbeat/clients/sandbox"
	"orderbeat/clients/sandbox/shell"
)

// stand is an external sandbox with injected failures; it records the requests for orders.
// Unlike [outside] it can break connections.
type stand struct {
	*sandbox.Sandbox

	url      string // for the program
	switches string // for the test

	mu    sync.Mutex // guards what follows
	asked []question
	gate  chan struct{} // requests wait until it is closed; nil lets them through
}

// question is one request for orders, of a bill-to at Michelin or an organization at Mazda.
type question struct {
	of           string
	began, ended time.Time // ended is zero before the response
}

func newStand(t *testing.T, o sandbox.Options) *stand {
	t.Helper()
	s := &stand{Sandbox: sandbox.New(o)}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.url, s.switches = server.URL, server.URL
	return s
}

var buyer = regexp.MustCompile(`"buyerParty":\{"partyID":"(\d+)"`)

// ServeHTTP responds like the sandbox.
func (s *stand) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	of := r.Header.Get("X-mazda-org")
	if found := buyer.FindSubmatch(body); found != nil {
		of = string(found[1])
	}
	if of != "" {
		s.mu.Lock()
		s.asked = append(s.asked, question{of: of, began: time.Now()})
		mine, gate := len(s.asked)-1, s.gate
		s.mu.Unlock()
		defer func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.asked[mine].ended = time.Now()
		}()
		if gate != nil {
			select {
			case <-gate:
			case <-r.Context().Done():
			}
		}
	}
	s.Sandbox.ServeHTTP(w, r)
}

// hold delays responses until they are released.
func (s *stand) hold() (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	gate := make(chan struct{})
	s.gate = gate
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.gate = nil
		close(gate)
	}
}

// calls returns the requests for orders of one account so far.
func (s *stand) calls(of string) []question {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.asked), func(q question) bool { return q.of != of })
}

// The accounts of a [supplier], by name.
const (
	healthy = "1111111" // detroit's bill-to
	struck  = "2222222" // toledo's, which faults are about
)

// section configures a provider of kind michelin for the server. more comes before its
// accounts.
func (s *stand) section(t *testing.T, folder, name, more string) string {
	t.Helper()
	return fmt.Sprintf(`
[providers.%s]
kind = "michelin"
base_url = %q
client_id = %q
client_secret = %q
rate = "1000/s"
%s
[[providers.%[1]s.accounts]]
name = "detroit"
bill_to = %[6]q
[[providers.%[1]s.accounts]]
name = "toledo"
bill_to = %[7]q
`, name, s.url, writeSecret(t, folder, "id", sandbox.ClientID), writeSecret(t, folder, "secret", sandbox.ClientSecret), more, healthy, struck)
}

// shell is a section of kind shell for the server.
func (s *stand) shell(t *testing.T, folder string) string {
	t.Helper()
	return fmt.Sprintf(`
[providers.shell]
kind = "shell"
base_url = %q
client_id = %q
client_secret = %q
concurrency = 1
[[providers.shell.accounts]]
name = "fleet"
bill_to = %q
params = { colco = %[5]d }
timezone = %[6]q
[[providers.shell.accounts]]
name = "other"
bill_to = %[7]q
params = { colco = %[5]d }
timezone = %[6]q
`, s.url, writeSecret(t, folder, "shell-id", sandbox.ShellClientID), writeSecret(t, folder, "shell-secret", sandbox.ShellClientSecret),
		shell.PayerNumber, shell.ColCoCode, shell.Timezone, shell.OtherPayerNumber)
}

// masked is a stand with TLS that can switch to an untrusted certificate.
type masked struct {
	*stand

	trusted    string // the file of its own certificate
	mask       atomic.Bool
	handshakes atomic.Int64
}

func newMasked(t *testing.T, folder, elsewhere string) *masked {
	t.Helper()
	m := &masked{stand: newStand(t, sandbox.Options{}), trusted: filepath.Join(folder, "cert.pem")}
	var pairs [2]tls.Certificate
	for i, f := range []string{folder, elsewhere} {
		selfSigned(t, f)
		pair, err := tls.LoadX509KeyPair(filepath.Join(f, "cert.pem"), filepath.Join(f, "key.pem"))
		if err != nil {
			t.Fatal(err)
		}
		pairs[i] = pair
	}
	server := httptest.NewUnstartedServer(m.stand)
	server.Config.ErrorLog = stdlog.New(io.Discard, "", 0) // the certificate is expected to be rejected
	server.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		m.handshakes.Add(1)
		if m.mask.Load() {
			return &tls.Config{Certificates: pairs[1:]}, nil
		}
		return &tls.Config{Certificates: pairs[:1]}, nil
	}}
	server.StartTLS()
	t.Cleanup(server.Close)
	m.url = server.URL
	return m
}

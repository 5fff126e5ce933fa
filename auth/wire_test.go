package auth_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// wire is a real server that keeps every byte it was sent.
type wire struct {
	url  *url.URL
	mu   sync.Mutex // guards what follows
	sent bytes.Buffer
	left []reply
}

// reply is what a wire answers one request with.
type reply struct {
	status int
	body   string
}

// tap begins a server that gives these answers, one after the other, and no more.
func tap(tb testing.TB, answers ...reply) *wire {
	tb.Helper()
	w := &wire{left: answers}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(w.left) == 0 {
			tb.Errorf("%s %s: one request too many", req.Method, req.URL)
			return
		}
		rw.WriteHeader(w.left[0].status)
		_, _ = io.WriteString(rw, w.left[0].body)
		w.left = w.left[1:]
	}))
	srv.Listener = tapped{srv.Listener, w}
	srv.Start()
	tb.Cleanup(srv.Close)
	u, err := url.Parse(srv.URL)
	if err != nil {
		tb.Fatal(err)
	}
	w.url = u
	return w
}

// The parts of a request that are never the same twice, and how long each is.
const (
	host     = "provider.example"
	boundary = "BOUNDARY" // stands for 60 characters
	verifier = "VERIFIER" // stands for 43
)

var (
	boundaryParam = regexp.MustCompile(`boundary=([0-9a-f]{60})\r`)
	verifierParam = regexp.MustCompile(`code_verifier=[A-Za-z0-9_-]{43}&`)
)

// raw is all that was sent, with names for what is never the same twice.
func (w *wire) raw() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	raw := strings.ReplaceAll(w.sent.String(), "Host: "+w.url.Host+"\r\n", "Host: "+host+"\r\n")
	for _, m := range boundaryParam.FindAllStringSubmatch(raw, -1) {
		raw = strings.ReplaceAll(raw, m[1], boundary)
	}
	return verifierParam.ReplaceAllString(raw, "code_verifier="+verifier+"&")
}

// posted is a request as it goes over the wire. Headers stand in the order in which
// net/http writes them; authorization is "" where none is sent.
func posted(path, authorization, contentType, body string) string {
	length := len(strings.NewReplacer(boundary, strings.Repeat("b", 60), verifier, strings.Repeat("v", 43)).Replace(body))
	if authorization != "" {
		authorization = "Authorization: " + authorization + "\r\n"
	}
	return "POST " + path + " HTTP/1.1\r\n" +
		"Host: " + host + "\r\n" +
		"User-Agent: orderbeat/1\r\n" +
		fmt.Sprintf("Content-Length: %d\r\n", length) +
		"Accept: application/json\r\n" +
		authorization +
		"Content-Type: " + contentType + "\r\n" +
		"Accept-Encoding: gzip\r\n" +
		"\r\n" +
		body
}

const (
	formType      = "application/x-www-form-urlencoded"
	jsonType      = "application/json"
	multipartType = "multipart/form-data; boundary=" + boundary
)

// parts is a multipart body of names and values in turn.
func parts(namesAndValues ...string) string {
	var b strings.Builder
	for i := 0; i < len(namesAndValues); i += 2 {
		fmt.Fprintf(&b, "--%s\r\nContent-Disposition: form-data; name=%q\r\n\r\n%s\r\n", boundary, namesAndValues[i], namesAndValues[i+1])
	}
	return b.String() + "--" + boundary + "--\r\n"
}

type tapped struct {
	net.Listener
	wire *wire
}

func (t tapped) Accept() (net.Conn, error) {
	conn, err := t.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return tappedConn{conn, t.wire}, nil
}

type tappedConn struct {
	net.Conn
	wire *wire
}

func (c tappedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.wire.mu.Lock()
	defer c.wire.mu.Unlock()
	c.wire.sent.Write(p[:n])
	return n, err
}

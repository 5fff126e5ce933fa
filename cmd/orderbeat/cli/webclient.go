package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"orderbeat/worker/bus"
	"orderbeat/worker/web"
)

// WebClient sends requests to the web listener of a running worker on this machine.
type WebClient struct {
	web    web.Config
	Base   string
	client *http.Client
}

// NewWebClient returns a client that trusts only the listener's certificate and follows no
// redirects.
func NewWebClient(c web.Config) (*WebClient, error) {
	if c.Listen == "" {
		return nil, errors.New(`web.listen is "": the worker has no web listener; give it an address`)
	}
	transport := &http.Transport{} // without a proxy
	if c.Cert != "" {
		address, err := url.Parse(c.URL(c.Listen))
		if err != nil {
			return nil, err
		}
		config, err := bus.Trusting(c.Cert, address.Hostname())
		if err != nil {
			return nil, fmt.Errorf("web.tls.cert: %w", err)
		}
		transport.TLSClientConfig = config
	}
	return &WebClient{
		web: c, Base: c.URL(c.Listen),
		client: &http.Client{
			Transport: transport, Timeout: 90 * time.Second,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// Get requests a page as plain text.
func (w *WebClient) Get(ctx context.Context, address string) (status int, location, text string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, "", "", errors.New("invalid address")
	}
	request.Header.Set("Accept", "text/plain")
	if w.web.User != "" {
		request.SetBasicAuth(w.web.User, w.web.Password.Reveal())
	}
	response, err := w.client.Do(request)
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return 0, "", "", &NoWorkerError{w.Base}
	}
	if err != nil {
		return 0, "", "", fmt.Errorf("request to the worker at %s: %w", w.Base, withoutURL(err))
	}
	defer response.Body.Close()
	const enough = 64 << 10
	page, err := io.ReadAll(io.LimitReader(response.Body, enough))
	if err != nil {
		return 0, "", "", fmt.Errorf("request to the worker at %s: %w", w.Base, err)
	}
	if response.StatusCode == http.StatusUnauthorized {
		return 0, "", "", fmt.Errorf("the worker at %s rejected the user or password of web.auth: was it started with another configuration?", w.Base)
	}
	return response.StatusCode, response.Header.Get("Location"), strings.TrimSpace(string(page)), nil
}

// withoutURL returns an error of the HTTP client without the URL, which may contain an
// authorization code.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

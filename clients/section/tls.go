package section

import (
	"crypto/tls"
	"crypto/x509"
	"net/url"
	"os"

	"orderbeat/auth/endpoint"
)

// TLS configures server and client certificates, in PEM files.
type TLS struct {
	// CA is a file of authorities that are trusted instead of the system's.
	CA string `toml:"ca"`
	// Cert and Key are the files of the client certificate, with its chain, and its key.
	Cert string `toml:"cert"`
	Key  string `toml:"key"`
}

// Pair reads the client certificate; empty if there is none.
func (f TLS) Pair() (*tls.Certificate, error) {
	if f.Cert == "" {
		return &tls.Certificate{}, nil
	}
	pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		return nil, &endpoint.ConnectionError{Reason: "the client certificate cannot be read: " + err.Error(), Hint: "check tls.cert and tls.key", Err: err}
	}
	return &pair, nil
}

// Config reads CA. After an error the returned configuration is usable and trusts the system's
// authorities.
func (f TLS) Config() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.CA == "" {
		return config, nil
	}
	pem, err := os.ReadFile(f.CA)
	if err != nil {
		return config, &endpoint.ConnectionError{Reason: "tls.ca cannot be read: " + err.Error(), Hint: "check tls.ca", Err: err}
	}
	config.RootCAs = x509.NewCertPool()
	if !config.RootCAs.AppendCertsFromPEM(pem) {
		return config, &endpoint.ConnectionError{Reason: "tls.ca has no certificate in PEM", Hint: "check tls.ca"}
	}
	return config, nil
}

func (f TLS) check(m *Errors) {
	if (f.Cert == "") != (f.Key == "") {
		m.Add("tls", "cert and key go together")
		return
	}
	if _, err := f.Config(); err != nil {
		m.Add("tls.ca", "%v", err)
	}
	if _, err := f.Pair(); err != nil {
		m.Add("tls.cert", "%v", err)
	}
}

// NoProxy is the value of the key proxy for no proxy, whatever the environment says.
const NoProxy = "none"

// checkProxy reports a mistake in the proxy's URL without repeating it: it may contain a password.
func (c *Config) checkProxy(m *Errors) {
	proxy := c.Proxy.Reveal()
	if proxy == "" || proxy == NoProxy {
		return
	}
	u, err := url.Parse(proxy)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "socks5" {
		m.Add("proxy", `must be a URL like "http://proxy.example:3128" (http, https or socks5), or "none"`)
	}
}

package section

import (
	"crypto/tls"
	"crypto/x509"
	"net/url"
	"os"

	"orderbeat/auth/endpoint"
)

// TLS is how a provider's server proves itself, and we to it, in files of PEM.
type TLS struct {
	// CA are the authorities that are trusted instead of the system's.
	CA string `toml:"ca"`
	// Cert and Key are the client certificate, with its chain, and its key.
	Cert string `toml:"cert"`
	Key  string `toml:"key"`
}

// Pair reads the client certificate, which is empty where there is none.
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

// Config reads CA. The configuration is usable, and trusts what the system does, also with
// an error.
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

// check reports what is wrong with the files.
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

// NoProxy is what the key proxy says for no proxy, whatever the environment has.
const NoProxy = "none"

// checkProxy reports what is wrong with the proxy's URL, which it does not repeat: there may
// be a password in it.
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

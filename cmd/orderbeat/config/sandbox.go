package config

import (
	"orderbeat/auth/secret"
	"orderbeat/clients/sandbox"
	"orderbeat/clients/section"
)

// StandIns is the running sandbox as providers see it. The zero value is no sandbox.
type StandIns struct {
	// URL is the base URL of the sandbox, without a trailing slash.
	URL string
}

// SandboxAt returns the sandbox that listens on address.
func SandboxAt(address string) StandIns { return StandIns{URL: "http://" + address} }

// credentials are a client id and its secret. They are public.
type credentials struct{ id, secret string }

// sandboxCredentials are the credentials that the sandbox accepts, by kind of provider.
var sandboxCredentials = map[string]credentials{
	"mazda":     {sandbox.MazdaClientID, sandbox.MazdaClientSecret},
	"michelin":  {sandbox.ClientID, sandbox.ClientSecret},
	"microbilt": {sandbox.MicrobiltClientID, sandbox.MicrobiltClientSecret},
	"ptv":       {sandbox.PTVClientID, sandbox.PTVClientSecret},
	"shell":     {sandbox.ShellClientID, sandbox.ShellClientSecret},
}

// of returns the sandbox for a provider of a kind.
func (s StandIns) of(kind string) section.Sandbox {
	return section.Sandbox{
		URL: s.URL, ClientID: secret.New(sandboxCredentials[kind].id), ClientSecret: secret.New(sandboxCredentials[kind].secret),
	}
}

package config

import (
	"orderbeat/auth/secret"
	"orderbeat/clients/sandbox"
	"orderbeat/clients/section"
)

// StandIns are what the sandbox lends to the providers. The zero value lends nothing:
// the stand-ins do not run.
type StandIns struct {
	// URL is the base of every URL of the stand-ins, without a trailing slash.
	URL string
}

// SandboxAt is what providers are told of stand-ins that listen on address.
func SandboxAt(address string) StandIns { return StandIns{URL: "http://" + address} }

// credentials are a client id and its secret, which everybody can read.
type credentials struct{ id, secret string }

// lent are the credentials that the stand-in of each kind of provider takes.
var lent = map[string]credentials{
	"mazda":     {sandbox.MazdaClientID, sandbox.MazdaClientSecret},
	"michelin":  {sandbox.ClientID, sandbox.ClientSecret},
	"microbilt": {sandbox.MicrobiltClientID, sandbox.MicrobiltClientSecret},
	"ptv":       {sandbox.PTVClientID, sandbox.PTVClientSecret},
	"shell":     {sandbox.ShellClientID, sandbox.ShellClientSecret},
}

// of is what a provider of a kind is told of its stand-in.
func (s StandIns) of(kind string) section.Sandbox {
	return section.Sandbox{
		URL: s.URL, ClientID: secret.New(lent[kind].id), ClientSecret: secret.New(lent[kind].secret),
	}
}

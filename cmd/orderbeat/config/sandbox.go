package config

import (
	"orderbeat/auth"
	"orderbeat/clients"
	"orderbeat/clients/sandbox"
)

// SandboxAt is what providers are told of stand-ins that listen on address.
func SandboxAt(address string) clients.Sandbox {
	return clients.Sandbox{
		URL:          "http://" + address,
		ClientID:     auth.NewSecret(sandbox.ClientID),
		ClientSecret: auth.NewSecret(sandbox.ClientSecret),
	}
}

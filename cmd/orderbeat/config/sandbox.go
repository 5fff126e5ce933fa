package config

import (
	"orderbeat/clients"
)

// SandboxAt is what providers are told of stand-ins that listen on address.
func SandboxAt(address string) clients.Sandbox {
	return clients.Sandbox{URL: "http://" + address}
}

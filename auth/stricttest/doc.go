// Package stricttest tests package auth against third-party authorization servers,
// each configured as strictly as possible: ory/fosite, go-oauth2/oauth2 and
// panva's oidc-provider. It is a module of its own, so that Orderbeat does not depend on them.
//
//	go test .                                  # the two in Go
//	(cd panva && npm install) && go test . -panva
//
// Flags: -fleet 30s is how long a fleet of processes makes calls, -life 2s is the lifetime of its tokens.
package stricttest

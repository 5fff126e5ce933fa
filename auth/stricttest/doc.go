// Package stricttest is the tests of package auth against authorization servers that
// others wrote, each as strict as it can be set: ory/fosite, go-oauth2/oauth2 and
// panva's oidc-provider. It is a module of its own, so that Orderbeat does not depend on them.
//
//	go test .                                  # the two in Go
//	(cd panva && npm install) && go test . -panva
//
// Flags: -fleet 30s is for how long a fleet calls, -life 2s how long its tokens live.
package stricttest

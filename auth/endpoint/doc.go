// Package endpoint sends one request to an authorization server and reads its response: token
// requests, introspection and revocation.
//
// It defines how each provider's server implements OAuth 2.0 ([Dialect], which is data), how a client
// authenticates, how responses and errors are read, and how long to wait after a response. Every
// failure is an [Error] with a class. It does not decide when a token is requested, who waits for it, or
// where it is stored: package auth does, through [Endpoint.Grant] or another Granter such as
// [Command].
//
// Start reading at [Endpoint.Grant] in endpoint.go, then request.go and response.go.
package endpoint

// Package endpoint sends one request to an authorization server and reads its answer: token
// requests, introspection and revocation.
//
// It owns how each provider's server speaks OAuth 2.0 ([Dialect], which is data), how a client
// proves itself, what an answer grants or refuses, and how long an answer asks to wait. Every
// failure is an [Error], whose class says what it means. It may not know when a token is
// requested, who waits for it, or where it is stored: that is package auth's, which needs
// [Endpoint.Grant] of it, or another way to the same answer such as a [Command].
//
// Start reading at [Endpoint.Grant] in endpoint.go, then request.go and response.go.
package endpoint

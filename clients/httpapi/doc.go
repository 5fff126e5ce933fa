// Package httpapi is the HTTP client that all providers share: connections, signing, the rate
// limit and the pauses after a 429, the breaker, bounded and decoded bodies, what a failure means
// ([orderbeat/clients.Error]), and the recording and replaying of exchanges.
//
// It moves bytes and classifies failures. It may not know orders or providers, and package clients
// does not know it. Start reading at [NewHTTP], then [HTTP.Answer]; below that transport.go.
package httpapi

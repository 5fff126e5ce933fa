// Package httpapi is the HTTP client that all providers share: connections, signing, the rate limit
// and the pause after a 429 (throttle.go, adaptive_rate.go), the breaker, bounded and decoded bodies,
// the code of each failure ([orderbeat/clients.Error]), and recording and playback of exchanges.
//
// It moves bytes and classifies failures. It must not know about orders or single providers, and package clients
// must not import it. Start reading at [NewHTTP], then [HTTP.Answer]; below that transport.go.
package httpapi

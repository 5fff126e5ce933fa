// Package auth manages access tokens: it obtains a token, shares it, renews it before it expires,
// replaces it when the API rejects it, and asks the user for access when there is no other way. It does
// not depend on orders, NATS or a database; it declares the [Store] that it needs.
//
// A [Source] manages one credential's tokens, the client's own or one user's. An [endpoint.Dialect]
// describes how the provider's token endpoint is used, what its responses omit and what its errors
// mean; it is data: a new provider needs a new value, not new code. A [Transport] signs requests with the
// source's token, and replays a call once when the API rejects the token; [Fixed] signs requests to APIs
// that use no tokens.
//
//	           requested            refreshAt       stopAt  expiresAt
//	               |                    |             |         |
//	time   --------+--------------------+-------------+---------+------->
//	               |                    |             |
//	a call waits --+-- served at once --+-- served, --+-- waits for the next
//	for the first                          while one
//	                                       renews it
//
//	401 for the current generation: the call waits for the next token and is replayed
//	401 for an older generation:    the call is replayed with the current token; no token request
//	401 for a token requested       the 401 is returned; the token stays in use, and for a while
//	because of a 401:               (30 s, doubling to 15 min) a 401 triggers no token request
//	any 401 during that time:       an [endpoint.Error] with the remaining time
//
// A token's lifetime counts from when it was requested, on our own monotonic clock. It is renewed
// early, in about the last fifth of its lifetime, and not served in its last seconds. Each token has
// a generation, one above the last; a rejection names the generation that was sent, so that a late
// rejection does not affect a newer token.
//
// Calls without a usable token join the one renewal in progress. It belongs to the source and not to
// the caller that started it: callers leave when their own context ends, and the renewal continues.
// It reads the row from the store, uses another process's newer token if there is one, respects the
// cooldown, takes the lease, sends exactly one request, and stores the outcome before any caller
// sees it.
//
// A failed request is shared by all waiting calls, and remembered: until its cooldown ends, in this
// process or the next, further calls get the same [endpoint.Error] at once. Rejected credentials are
// tried three times in all, because some providers block an address after more; after that the
// credential must change, or an operator calls [Source.Unlatch].
//
// If a second client secret is configured and the first is rejected, the request is sent once more with
// the second, which then stays in use ([Source.send]). That counts as one attempt, not as a rejection.
//
//	class        after                            next attempt
//	credential   invalid_client, 401, 403         1 min, 5 min, never
//	block        no connection after that         15 min
//	request      invalid_request, 404, redirects, 15 min, doubling to 1 h
//	             a 200 without a token
//	throttle     429, 503 with Retry-After        Retry-After (1 s to 15 min), or 15 s, doubling
//	consent      a rejected refresh token         never, until the user grants access
//	transient    timeouts, 5xx, truncated         1 s, doubling to 5 min
//
// Each class counts its own failures. The first three 404s, 405s and redirects right after transient
// failures are treated as part of the same outage.
//
// # Tokens of users
//
// Where tokens belong to users, a person grants access once, in a browser (package
// [orderbeat/auth/authorization]); then refresh tokens are used. Many providers rotate them: each is
// valid once, and using one twice ends the grant. So the lease is taken, and the intent written,
// before one is used, and the response is stored, both tokens in one row, before it is served:
//
//	lease, with the intent --> request --> response --> commit --> served
//	                              |            |
//	        killed, or the response lost: the intent is still there.
//	        The same refresh token is sent once more at once, and then
//	        after each cooldown, until the server responds.
//
// A grant ends only when the server rejects the refresh token. The wait for the limiter precedes the
// lease, so that a process killed while it waits has sent nothing; while another token is valid, the
// request of a process that died gets two seconds to finish.
//
// A rejection of the client credentials counts for the whole [Client], not only for the user of that request.
//
// # At rest
//
// Package seal sits between a source and a database: tokens are stored encrypted, and a ciphertext is
// valid only in its own row. A token that cannot be decrypted counts as absent: a client requests a new one, a
// user grants access again.
//
// [secret.Secret] keeps credentials and tokens out of logs, errors and JSON. Start reading at
// [Transport.RoundTrip], then [Source.Token], and unauthorized.go for the renewal after a 401.
package auth

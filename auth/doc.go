// Package auth manages access tokens: it obtains a token, shares it, renews it before it expires,
// replaces it when the API rejects it, and asks the user when there is no other way. It knows
// nothing of orders, of NATS or of a database; it declares the [Store] it needs.
//
// A [Source] manages one credential's tokens, the client's own or one user's. A [endpoint.Dialect]
// describes how the provider's token endpoint is used, what its responses omit and what its errors
// mean; it is data, and a further provider is a further value. A [Transport] signs requests with the
// source's token, and sends a call once more when its token was rejected; [Fixed] signs where there
// are no tokens.
//
//	           requested            refreshAt       stopAt  expiresAt
//	               |                    |             |         |
//	time   --------+--------------------+-------------+---------+------->
//	               |                    |             |
//	a call waits --+-- served at once --+-- served, --+-- waits for the next
//	for the first                          while one
//	                                       renews it
//
//	401 for the current generation: waits for the next, and is sent once more
//	401 for an older generation:    is sent once more with the current one; no token request
//	401 for a token requested       is returned; the token stays, and for a while
//	because of a 401:               (30 s, doubling to 15 min) 401s request no token
//	any 401 in that while:          is an [endpoint.Error] with the time that is left
//
// A token's lifetime counts from when it was requested, on our own monotonic clock. It is renewed
// early, in about the last fifth of its lifetime, and not served in its last seconds. Each token has
// a generation, one above the last; a rejection names the generation that was sent, so that a late
// one does not affect a newer token.
//
// Calls without a usable token join the one renewal in progress. It belongs to the source and not to
// the caller that started it: callers leave when their own context ends, and the renewal continues.
// It reads the row from the store, uses another process's newer token if there is one, respects the
// cooldown, takes the lease, sends exactly one request, and stores the outcome before any caller
// sees it.
//
// A failed request is shared by all waiting calls, and remembered: until its cooldown ends, in this
// process or the next, further calls get the same [endpoint.Error] at once. Rejected credentials are
// tried three times in all, because a provider blocks an address after more; after that the
// credential must change, or an operator calls [Source.Unlatch].
//
// Where a second client secret is configured, a request that rejects the first is sent once more with
// the second, which is then in use ([Source.send]). That is one attempt, and no rejection.
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
// failures are taken for part of the same outage.
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
// request of a process that died gets two seconds to end.
//
// Rejected client credentials count for the [Client], for whichever user they were sent.
//
// # At rest
//
// Package seal stands between a source and a database: no token is stored in clear, and rows cannot
// be exchanged. A token that cannot be decrypted counts as absent: a client requests a new one, a
// user grants access again.
//
// [secret.Secret] keeps credentials and tokens out of every text. Start reading at
// [Transport.RoundTrip], then [Source.Token], and unauthorized.go for the renewal after a 401.
package auth

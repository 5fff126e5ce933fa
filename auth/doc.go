// Package auth owns the life of an access token: it obtains one, lets everybody
// reuse it, renews it before it ends, and drops it when the API refuses it. It knows
// nothing of orders, of NATS or of a database; it declares the [Store] it needs.
//
// A [Source] is the life of one credential's tokens. A [Dialect] tells it what the
// provider's token endpoint leaves out and what its errors mean. A [Transport] signs
// requests with what the source serves, and sends a call once more when its token was
// refused; [BasicAPIKey] does the signing where there are no tokens.
//
//	           asked for            refreshAt       stopAt  expiresAt
//	               |                    |             |         |
//	time   --------+--------------------+-------------+---------+------->
//	               |                    |             |
//	a call waits --+-- served at once --+-- served, --+-- waits for the next
//	for the first                          while one
//	                                       renews it
//
//	401 for this very generation:  waits for the next, and is sent once more
//	401 for an older generation:   is sent once more with this one; no request
//	401 for the one that came      is returned; the token stays, and for a while
//	because of a 401:              (30 s, doubling to 15 min) 401s renew nothing
//	any 401 in that while:         is an [Error] that tells how long it lasts yet
//
// A token's life counts from when it was asked for, on our own monotonic clock. It is
// renewed early, in the last fifth or so of its life, and not served in its last
// seconds. Each token has a generation, one above the last; a refusal names the
// generation it was answered to, so that a late one harms no newer token.
//
// Whoever needs a token that is not there joins the one flight that brings it. A
// flight belongs to the source and not to the caller who began it: callers leave when
// their own context ends, and the flight goes on. It reads the row from the store,
// takes another process's newer token if there is one, keeps the cooldown, takes the
// lease, sends exactly one request, and writes down what came of it before anybody
// sees it.
//
// A failed request is shared by all who waited, and remembered: until its cooldown
// ends, in this process or the next, further calls get the same [Error] at once.
// Refused credentials are tried three times in all, because a provider blocks who
// tries more; after that the credential must change.
//
//	class        after                            then
//	credential   invalid_client, 401, 403         1 min, 5 min, never
//	block        no connection after that         15 min
//	request      invalid_request, 404, redirects  15 min, doubling to 1 h
//	throttle     429, 503 with Retry-After        Retry-After, or 15 s, doubling to 15 min
//	transient    timeouts, 5xx, unreadable        1 s, doubling to 5 min
//
// [Secret] keeps credentials and tokens out of every text. Start reading at
// [Transport.RoundTrip], go on with [Source.Token].
package auth

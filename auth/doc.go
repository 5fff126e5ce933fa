// Package auth owns the life of an access token: it obtains one, lets everybody
// reuse it, renews it before it ends, drops it when the API refuses it, and asks a
// person when there is no other way. It knows nothing of orders, of NATS or of a
// database; it declares the [Store] it needs.
//
// A [Source] is the life of one credential's tokens, the client's own or one user's. A
// [endpoint.Dialect] tells it how the provider's token endpoint wants to be asked, what its
// answers leave out and what its errors mean; it is data, and a further provider is a
// further value. A [Transport] signs requests with what the source serves, and sends
// a call once more when its token was refused; [Fixed] signs where there are no
// tokens.
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
//	any 401 in that while:         is an [endpoint.Error] that tells how long it lasts yet
//
// A token's life counts from when it was asked for, on our own monotonic clock. It is
// renewed early, in the last fifth or so of its life, and not served in its last
// seconds. Each token has a generation, one above the last; a refusal names the
// generation it was answered to, so that a late one harms no newer token.
//
// Whoever needs a token that is not there joins the one renewal that brings it. A
// renewal belongs to the source and not to the caller who began it: callers leave when
// their own context ends, and the renewal goes on. It reads the row from the store,
// takes another process's newer token if there is one, keeps the cooldown, takes the
// lease, sends exactly one request, and writes down what came of it before anybody
// sees it.
//
// A failed request is shared by all who waited, and remembered: until its cooldown
// ends, in this process or the next, further calls get the same [endpoint.Error] at once.
// Refused credentials are tried three times in all, because a provider blocks who
// tries more; after that the credential must change, or somebody calls
// [Source.Unlatch].
//
//	class        after                            then
//	credential   invalid_client, 401, 403         1 min, 5 min, never
//	block        no connection after that         15 min
//	request      invalid_request, 404, redirects, 15 min, doubling to 1 h
//	             a 200 without a token
//	throttle     429, 503 with Retry-After        Retry-After (1 s to 15 min), or 15 s, doubling
//	consent      a refused refresh token          never, until the user grants access
//	transient    timeouts, 5xx, cut off           1 s, doubling to 5 min
//
// Each class has steps of its own. The first three 404s, 405s and redirects right after
// transient failures are taken for a part of the same outage.
//
// # Tokens of users
//
// Where tokens belong to users, a person grants access once, in a browser
// ([orderbeat/auth/authorization.Pending.Begin], [orderbeat/auth/authorization.Pending.Finish]); from there on refresh tokens carry the grant.
// Many providers rotate them: each is good once, and using one twice ends the grant.
// So the lease is taken, and the intent written, before one is spent, and the answer
// is stored, both tokens in one row, before anybody is served:
//
//	lease, with the intent --> request --> answer --> commit --> served
//	                              |           |
//	        killed, or the answer lost: the intent is still there.
//	        The same refresh token is sent once more at once, and then
//	        whenever the cooldown allows it, until the server answers.
//
// A grant ends only when the server refuses the refresh token. The wait for the limiter comes
// before the lease, so that a process that is killed in it has sent nothing; while another
// token lives, the request of a process that died is given two seconds.
//
// Refused credentials are the client's ([Client]), whichever user they were sent for.
//
// # At rest
//
// The package seal stands between a source and a database, so that no token is written in
// clear, and rows cannot be exchanged. What cannot be read counts as no token: a
// client logs in again, a user is asked again, and nothing crashes.
//
// [secret.Secret] keeps credentials and tokens out of every text. Start reading at
// [Transport.RoundTrip], go on with [Source.Token].
package auth

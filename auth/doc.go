// Package auth owns the life of an access token: it obtains one, lets everybody
// reuse it, renews it before it ends, and drops it when the API refuses it. It knows
// nothing of orders, of NATS or of a database.
package auth

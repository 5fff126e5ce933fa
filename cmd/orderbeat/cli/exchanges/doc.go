// Package exchanges has the command about recorded HTTP exchanges, and prints one exchange
// ([View]), also for the command provider.
package exchanges

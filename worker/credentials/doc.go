// Package credentials maintains the token sources of all providers: it renews tokens that are
// due, and raises and resolves the alerts about credentials.
//
// It decides which alerts follow from a credential's status. Token requests and storage belong to
// package auth. Alerts are raised through [Config].
// Start reading at [Credentials.Watch]; the rules are in [alertsOf].
package credentials

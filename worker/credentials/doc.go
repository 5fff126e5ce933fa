// Package credentials maintains the token sources of all providers: it renews tokens that are
// due, and raises and resolves the alerts about credentials.
//
// It owns what a credential's status means for alerts. Token requests and storage belong to
// package auth. It imports no other room of the worker; how alerts are raised is in [Config].
// Start reading at [Credentials.Watch]; the rules are in [alertsOf].
package credentials

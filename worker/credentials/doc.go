// Package credentials looks after the sources of tokens of all providers: it renews tokens that
// nobody uses, and raises and resolves the alerts about credentials.
//
// It owns what a credential's status means for alerts. Token requests and their storage belong to
// package auth. It imports no other room; how alerts are raised it is given in [Config]. Start
// reading at [Credentials.Watch]; the rules are in [judge].
package credentials

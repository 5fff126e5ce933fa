// Package exchange defines recorded HTTP exchanges: what an [Exchange] holds, how the exchanges of a
// job are collected ([Record]) and how they are served again in place of the provider
// ([WithPlayback]).
//
// It must not know about orders, providers or configuration: the HTTP client records, package db stores.
// Start reading at [Exchange].
package exchange

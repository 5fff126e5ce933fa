// Package provider has the commands that help to declare a provider: new and try.
//
// try opens a provider as the worker does, with the worker's tokens, and stores no order.
// Start reading at tryProvider in try.go.
package provider

// Package clients defines what every provider has in common: [Provider], [Query], [Order], its
// despatch advices and invoices, [Error], and how two reports of one order differ ([Diff]).
//
// A provider is a package below this one. It turns a [Query] into HTTP requests and the responses
// into Orders. It does not store, publish, sleep or retry, and it never sees an access token.
//
// This package must not deal with HTTP or configuration: packages httpapi and section do. Start reading
// at [Provider], then [Order] and [Order.Normalize].
package clients

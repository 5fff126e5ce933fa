// Package clients holds the words every provider speaks: [Order], [Query],
// [Provider] and [Error], and how two reports of one order differ ([Diff]). The HTTP
// client that all providers share is package httpapi, which this one does not know.
//
// A provider lives in a folder of its own below this one. It turns a Query into
// requests and answers into Orders; it stores, publishes, sleeps and retries
// nothing, and it never sees an access token.
package clients

// Package authorization owns pending consents: the authorization requests (RFC 6749 section 4.1)
// that users have begun in a browser and not finished yet, and what the redirect back means.
//
// It may not know the web listener or how tokens are renewed: package auth builds the request, with
// PKCE, and exchanges the code. Start reading at [Pending.Begin], then [Pending.Finish].
package authorization

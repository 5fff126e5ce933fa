// Package authorization manages pending consents: the authorization requests (RFC 6749 section 4.1)
// that users have started in a browser and not finished yet, and the redirects that finish them.
//
// It depends neither on the web listener nor on token renewal: package auth builds the request, with
// PKCE, and exchanges the code. Start reading at [Pending.Begin], then [Pending.Finish].
package authorization

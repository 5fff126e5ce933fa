// Package authtest stands in for the side of a provider that issues tokens: its token
// endpoint and, where there are any, its consent page, introspection and revocation.
// It is the other end of what package orderbeat/auth does, read out of the same
// documents a second time and sharing no code with it, so that the two check each
// other. Tests ask it, and so does the sandbox.
//
// A [Server] is one provider, an [http.Handler]:
//
//	request -> fault? -> body read as one of the dialect's encodings, strictly
//	                      -> grant -> client -> code or refresh token -> answer
//
// How a provider speaks is data, one entry for each [Dialect]: paths, grants, how the
// client proves itself, the members of an answer in the order of the document's
// sample, and what a refusal looks like. Where a document is silent the entry says so,
// and does what RFC 6749 or the provider's gateway would.
//
// It is stricter than most real servers, because what it lets pass nobody notices: a
// parameter that is there twice, a secret in a URL, or two ways of client
// authentication in one request are refused, in the dialect's own words.
//
// Nothing here keeps secrets: the credentials are constants, and with Options.Record
// whole requests are remembered. Start reading at [New], then dialects.go.
package authtest

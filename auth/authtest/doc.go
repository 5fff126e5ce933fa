// Package authtest simulates the authorization server of a provider: its token endpoint and, where
// documented, its consent page, introspection and revocation. It is the counterpart of package
// orderbeat/auth, written from the same documents and sharing no code with it, so that the two check
// each other. Tests and the sandbox use it.
//
// A [Server] is one provider, an [http.Handler]:
//
//	request -> fault? -> body parsed in one of the dialect's encodings, strictly
//	                      -> grant -> client -> code or refresh token -> response
//
// A provider is data, one entry for each [Dialect]: paths, grants, client authentication, the members
// of a response in the order of the document's sample, and error responses. Where a document leaves
// something open, the entry says so and follows RFC 6749 or the provider's gateway.
//
// It is stricter than most real servers, so that mistakes show up: a repeated parameter, a secret in
// a URL, or two methods of client authentication in one request are rejected, in the dialect's own
// format.
//
// Nothing here protects secrets: the credentials are constants, and with Options.Record whole
// requests are stored. Start reading at [New], then dialects.go.
package authtest

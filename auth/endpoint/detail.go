package endpoint

import (
	"cmp"
	"encoding/base64"
	"html"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"orderbeat/auth/secret"
)

// maxDetail bounds the characters of a server's message in an error.
const maxDetail = 200

// detailMembers are the members that describe an error, the most specific first.
var detailMembers = []string{
	"error_description", "errorDescription", "error.message", "errorMessage", "error_message", "errorSummary", "message", "Message",
	"Error", "fault.faultstring", "error.description", "detail", "title", "msg", "error",
}

var (
	pageTitle = regexp.MustCompile(`(?is)<title[^>]*>(.*?)</title>`)
	webToken  = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)*`)
)

// detail returns the server's description of an error: its message and the link to its documentation, or
// the title of an HTML page. It contains nothing that was sent, and no control characters; "" if there is
// none.
func (e *Endpoint) detail(g Request, r reply, m members) string {
	said := ""
	for _, name := range detailMembers {
		said = e.plain(g, text(m.at(name)))
		code := name == "error" && !strings.Contains(said, " ") // the error has the code already
		if said != "" && !code && !noError(m.at(name)) {
			break
		}
		said = ""
	}
	if said == "" && m == nil {
		if title := pageTitle.FindSubmatch(r.body); title != nil {
			said = e.plain(g, html.UnescapeString(string(title[1])))
		}
	}
	if uri := e.plain(g, text(m["error_uri"])); uri != "" {
		said = strings.TrimPrefix(said+"; see "+uri, "; ")
	}
	return said
}

func withDetail(reason, detail string) string {
	if detail == "" {
		return reason
	}
	return reason + " (" + detail + ")"
}

// plain returns a text masked, on one line and shortened.
func (e *Endpoint) plain(g Request, said string) string {
	said = strings.Join(strings.FieldsFunc(e.masked(g, said), func(r rune) bool { return !unicode.IsPrint(r) || r == ' ' }), " ")
	if runes := []rune(said); len(runes) > maxDetail {
		return strings.TrimSpace(string(runes[:maxDetail])) + "…"
	}
	return said
}

// masked redacts values that were sent, in any encoding, and values that look like tokens.
func (e *Endpoint) masked(g Request, said string) string {
	const short = 4 // shorter values occur in any text
	said = e.mask.Text(said)
	id, password := e.clientID.Reveal(), e.clientSecret.Reveal()
	sent := []string{id + ":" + password, password, id}
	for _, more := range []map[string]secret.Secret{e.params, e.headers} {
		for _, value := range more {
			sent = append(sent, value.Reveal())
		}
	}
	for name, value := range g.Params {
		if name != "scope" {
			sent = append(sent, value)
		}
	}
	slices.SortFunc(sent, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	for _, value := range sent {
		if len(value) < short {
			continue
		}
		for _, form := range []string{
			value, url.QueryEscape(value), url.PathEscape(value), html.EscapeString(value),
			base64.StdEncoding.EncodeToString([]byte(value)), base64.RawURLEncoding.EncodeToString([]byte(value)),
		} {
			said = regexp.MustCompile("(?i)"+regexp.QuoteMeta(form)).ReplaceAllLiteralString(said, secret.Redacted)
		}
	}
	return webToken.ReplaceAllLiteralString(said, secret.Redacted)
}

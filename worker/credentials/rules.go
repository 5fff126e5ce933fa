package credentials

import (
	"fmt"
	"orderbeat/auth/endpoint"

	"orderbeat/auth"
	"orderbeat/clients"
	"orderbeat/db"
)

// codeUnreadable is the alert's about tokens that were kept and cannot be read.
const codeUnreadable clients.Code = "store_unreadable"

// credentialCodes are those of the alerts about credentials.
var credentialCodes = []clients.Code{clients.CodeAuthRejected, clients.CodeIPBlock, clients.CodeConsent, codeUnreadable}

// judgement is which of the alerts about a credential hold.
type judgement map[clients.Code]bool

// judge says what a status means, after what was found before. An outage says nothing
// about credentials: what was wrong with them stays wrong until there is a token.
func judge(st auth.Status, before judgement) judgement {
	j := judgement{clients.CodeConsent: st.State == auth.StateConsent, codeUnreadable: st.Unreadable}
	if st.State == auth.StateRejected {
		j[clients.CodeAuthRejected] = true
	}
	if st.Failures == 0 || st.LastFailure == nil {
		return j
	}
	switch st.LastFailure.Class {
	case endpoint.ClassCredential, endpoint.ClassRequest:
		j[clients.CodeAuthRejected] = true
	case endpoint.ClassBlock:
		j[clients.CodeIPBlock] = true
		j[clients.CodeAuthRejected] = before[clients.CodeAuthRejected] || st.Refusals > 0
	case endpoint.ClassConsent: // the endpoint took the credentials, and refused the user's
	case endpoint.ClassThrottle, endpoint.ClassTransient:
		j[clients.CodeIPBlock] = before[clients.CodeIPBlock]
		j[clients.CodeAuthRejected] = before[clients.CodeAuthRejected] || st.Refusals > 0
	}
	return j
}

// alert is the one of this code about a credential.
func (c *credential) alert(code clients.Code, st auth.Status, consentURL func(provider, user string) string) db.Alert {
	a := db.Alert{Provider: c.Provider(), User: c.User(), Code: code}
	switch code {
	case clients.CodeConsent:
		a.Message = fmt.Sprintf("user %s must grant access: %s", c.User(), st.ConsentReason)
		a.Hint = fmt.Sprintf("open the link in a browser, or: orderbeat auth login %s --user %s", c.Provider(), c.User())
		a.Link = consentURL(c.Provider(), c.User())
	case clients.CodeIPBlock:
		a.Message = told(st) + ", " + suspicion(st) + ": the provider may have blocked this address"
		a.Hint = "ask the provider; there are a few attempts an hour, and none helps that is forced"
	case codeUnreadable:
		a.Message = "the tokens that are kept of " + c.who() + " cannot be read"
		a.Hint = "bring back the file of worker.key if it was replaced; else there are new tokens by and by, and users are asked again"
	default:
		a.Message = told(st)
		a.Hint = fmt.Sprintf("check the credentials and URLs of providers.%s; when they are right: orderbeat auth unlatch %s", c.Provider(), c.Provider())
	}
	return a
}

// suspicion is why a blocked address is suspected.
func suspicion(st auth.Status) string {
	if st.Refusals > 0 {
		return "soon after refused credentials"
	}
	return "several times in a row"
}

// told is a status's last failure in a line.
func told(st auth.Status) string {
	f := st.LastFailure
	if f == nil {
		return "the credentials are refused"
	}
	text := f.Reason
	if f.Code != "" {
		text += ": " + f.Code
	}
	if f.Status != 0 {
		text += fmt.Sprintf(" (status %d)", f.Status)
	}
	if st.State == auth.StateRejected {
		text += "; no further attempt is made"
	}
	return text
}

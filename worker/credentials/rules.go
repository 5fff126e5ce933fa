package credentials

import (
	"fmt"

	"orderbeat/auth/endpoint"

	"orderbeat/auth"
	"orderbeat/clients"
	"orderbeat/db/alerts"
)

// codeUnreadable is the code of the alert about stored tokens that cannot be read.
const codeUnreadable clients.Code = "store_unreadable"

// credentialCodes are the codes of alerts about credentials.
var credentialCodes = []clients.Code{clients.CodeAuthRejected, clients.CodeIPBlock, clients.CodeConsent, codeUnreadable}

// alertSet is the set of codes of the alerts about a credential.
type alertSet map[clients.Code]bool

// alertsOf derives the alerts from a status and the previous alerts. An outage does not resolve
// alerts: credentials count as rejected until a token is received.
func alertsOf(st auth.Status, before alertSet) alertSet {
	j := alertSet{clients.CodeConsent: st.State == auth.StateConsent, codeUnreadable: st.Unreadable}
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
	case endpoint.ClassConsent: // the endpoint accepted the client and rejected the user's grant
	case endpoint.ClassThrottle, endpoint.ClassTransient:
		j[clients.CodeIPBlock] = before[clients.CodeIPBlock]
		j[clients.CodeAuthRejected] = before[clients.CodeAuthRejected] || st.Refusals > 0
	}
	return j
}

// alert returns the alert with this code about a credential.
func (c *credential) alert(code clients.Code, st auth.Status, consentURL func(provider, user string) string) alerts.Alert {
	a := alerts.Alert{Provider: c.Provider(), User: c.User(), Code: code}
	switch code {
	case clients.CodeConsent:
		a.Message = fmt.Sprintf("user %s must grant access: %s", c.User(), st.ConsentReason)
		a.Hint = fmt.Sprintf("Open the link in a browser, or run \"orderbeat auth login %s --user %s\".", c.Provider(), c.User())
		a.Link = consentURL(c.Provider(), c.User())
	case clients.CodeIPBlock:
		a.Message = failure(st) + ", " + blockReason(st) + ": the provider may have blocked this IP address"
		a.Hint = "Contact the provider. Orderbeat retries a few times per hour; forcing retries does not help."
	case codeUnreadable:
		a.Message = "the stored tokens of " + c.label() + " cannot be read"
		a.Hint = "If the file of worker.key was replaced, restore it; if it differs from the file of the other workers, copy theirs. Otherwise Orderbeat requests new tokens, and users must grant access again."
	default:
		a.Message = failure(st)
		a.Hint = fmt.Sprintf("Check the credentials and URLs of providers.%s, then run \"orderbeat auth unlatch %s\".", c.Provider(), c.Provider())
	}
	return a
}

// blockReason returns why a blocked address is suspected.
func blockReason(st auth.Status) string {
	if st.Refusals > 0 {
		return "soon after rejected credentials"
	}
	return "several times in a row"
}

// failure describes the last failure of a status in one line.
func failure(st auth.Status) string {
	f := st.LastFailure
	if f == nil {
		return "the credentials are rejected"
	}
	text := f.Reason
	if f.Code != "" {
		text += ": " + f.Code
	}
	if f.Status != 0 {
		text += fmt.Sprintf(" (status %d)", f.Status)
	}
	if st.State == auth.StateRejected {
		text += "; no further attempts are made"
	}
	return text
}

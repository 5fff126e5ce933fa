package michelin

import (
	"fmt"
	"strings"

	"orderbeat/clients"
	"orderbeat/clients/plain"
)

// problem is an errorHead, or the error of one order.
type problem struct{ code, text string }

// failed reports whether the code is other than "no errors occurred".
func (p problem) failed() bool { return strings.Trim(p.code, "0") != "" }

// none reports whether the code is "no errors occurred".
func (p problem) none() bool { return p.code != "" && !p.failed() }

// message is Michelin's message, on one line of a readable length.
func (p problem) message() string {
	const most = 200 // characters; EDIWheel allows 60
	if text := plain.Short(p.text, most); text != "" {
		return text
	}
	if known, ok := meanings[p.code]; ok {
		return known.message
	}
	return "the order has an error"
}

type meaning struct {
	code    clients.Code
	message string
	hint    string
}

// partly is the errorCode of a response with errors in single orders.
const partly = "1"

// meanings of the codes in errorHead. The OpenAPI has 1, 901, 907, 915, 920, 987 and 999 for order
// status and despatch advices, all but 901 and 920 also for invoices, and 303, 405 and 925 for other
// documents; 304, 399 and 499 are in the worldwide EDIWheel order status API 1.2.0, without a
// meaning. Any other code means that Michelin rejects the request.
var meanings = map[string]meaning{
	partly: {message: "at least one item is incorrect"},
	"901":  {clients.CodeInvalid, "a document number is invalid", "check the requested order numbers and references"},
	"907": {
		clients.CodeInvalid, "the ship-to number is missing, invalid or not active",
		`set the account's ship_to and request = "openapi", which sends it; if it is set, ask Michelin whether it is active`,
	},
	"915": {clients.CodeInvalid, "the bill-to number is missing, invalid or not active", "check the account's bill_to"},
	"920": {clients.CodeInvalid, "the account is not activated for this bill-to number", "ask Michelin to activate the account"},
	"925": {clients.CodeInvalid, "the supplier party is invalid", "ask Michelin which party the account belongs to"},
	"987": {clients.CodeInvalid, "a window cannot be combined with references", "request a date range, or orders by number"},
	"303": {clients.CodeUnavailable, "no connection to the ERP system", ""},
	"304": {clients.CodeUnavailable, "the ERP system is unavailable", ""},
	"399": {clients.CodeUnavailable, "the ERP system is unavailable", ""},
	"405": {clients.CodeUnavailable, "timeout in the ERP system", ""},
	"499": {clients.CodeUnavailable, "the ERP system is unavailable", ""},
	"999": {clients.CodeUnavailable, "miscellaneous error", ""},
}

// checkErrorHead classifies a response by its errorHead: a 200 alone is not a success.
func checkErrorHead(head problem, answer *clients.Answer) error {
	switch {
	case !head.failed():
		return nil
	case head.code == partly:
		if len(answer.Partial) == 0 {
			answer.Partial = []clients.Problem{{Code: partly, Message: head.message()}}
		}
		return nil
	}
	m, known := meanings[head.code]
	if !known {
		m = meaning{code: clients.CodeInvalid, message: "the request is rejected", hint: "contact Michelin with the code"}
	}
	message := "errorCode " + shorten(head.code) + ": " + m.message
	if head.text != "" {
		message += ": " + head.message()
	}
	return &clients.Error{Code: m.code, Message: message, Hint: m.hint}
}

// shorten bounds a code, which has three digits in every document.
func shorten(code string) string { return fmt.Sprintf("%.10s", code) }

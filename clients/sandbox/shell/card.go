package shell

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// shellNull is a missing string in a response.
const shellNull = "null"

// shellTime is the format of times, in the customer's local time.
const shellTime = "20060102 15:04:05"

// shellCard is one card of an order, as in the response to an enquiry.
type shellCard struct {
	MainReference, OrderCardReference      int64
	OrderStatus                            shellState
	StatusDescription, ErrorCode           string
	ErrorDescription, GatewaySyncStatus    string
	SubmittedDate, ProcessedDate           string
	ClientReferenceID                      string `json:"ClientReferenceId"`
	OrderRequestID                         int64  `json:"OrderRequestId"`
	AccountNumber, PayerNumber             string
	ColCoCode                              int64
	CardTypeCode, CardTypeName, DriverName string
	VRN, CardPAN, ExpiryDate, BCOReference string

	payer int
}

// card returns the values that all cards of an order have in common, in the initial state.
func (o shellOrder) card(dice *rand.Rand, cards int) shellCard {
	payer := shellPayers[o.payer()]
	c := shellCard{
		MainReference: o.reference(), OrderRequestID: 500_000_000 + o.reference(), payer: o.payer(),
		GatewaySyncStatus: "S", ProcessedDate: shellNull, ClientReferenceID: shellNull,
		AccountNumber: payer.accounts[dice.IntN(2)], PayerNumber: payer.number, ColCoCode: ColCoCode,
		CardTypeCode: "999", CardTypeName: "Sample Fuel Card", DriverName: shellNull,
		CardPAN: shellNull, ExpiryDate: shellNull, BCOReference: shellNull,
	}
	if dice.IntN(3) > 0 {
		c.ClientReferenceID = fmt.Sprintf("CARDS-%d", o.reference())
	}
	if dice.IntN(2) == 0 {
		c.DriverName = "Sample Driver"
	}
	if cards > 1 {
		c.BCOReference = decimal(o.reference()*shellCardsPerOrder + shellBulk)
	}
	return c
}

// setState sets the card's state. A card is processed from state R on, and gets its number with state S.
func (c *shellCard) setState(state shellState, at time.Time) {
	c.OrderStatus, c.StatusDescription = state, shellDescriptions[state]
	c.ErrorCode, c.ErrorDescription = "0000", shellNull
	if e, wrong := shellErrors[state]; wrong {
		c.ErrorCode, c.ErrorDescription = e[0], e[1]
	}
	if c.ProcessedDate == shellNull && state != shellPending && state != shellPickedUp && state != shellRetrying {
		c.ProcessedDate = at.Format(shellTime)
	}
	if state == shellDone {
		c.CardPAN, c.ExpiryDate = samplePAN(c.OrderCardReference), at.AddDate(3, 0, 0).Format(shellDate)
	}
}

// samplePAN returns a card number of 19 digits that is never issued. Its last digit is the Luhn check digit.
func samplePAN(n int64) string {
	digits := fmt.Sprintf("7077327%011d", n%100_000_000_000)
	sum := 0
	for i, d := range digits { // 18 digits: the last one is doubled
		v := int(d-'0') * (1 + i%2)
		sum += v/10 + v%10
	}
	return fmt.Sprintf("%s%d", digits, (10-sum%10)%10)
}

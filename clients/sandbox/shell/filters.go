package shell

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"orderbeat/clients/sandbox/clock"
	"orderbeat/clients/sandbox/wire"
)

// shellFilters are the filters of an enquiry. Numbers may be strings.
type shellFilters struct {
	ColCoCode, ColCoID, PayerNumber, PayerID wire.Text
	AccountNumber, OrderRequestID            wire.Text
	ReferenceNumber, ReferenceType           wire.Text
	FromDate, ToDate                         wire.Text
}

// The types of reference. The documents do not say what a bulk reference is: here it refers to all
// cards of one order (BCOReference).
const (
	shellMainReference = "1"
	shellCardReference = "2"
	shellBulkReference = "3"
)

const shellDate = "20060102"

// shellWindow is the number of days before today that an enquiry may cover.
const shellWindow = 7

func readShellFilters(body []byte) (shellFilters, error) {
	var q struct{ Filters shellFilters }
	err := json.Unmarshal(body, &q)
	return q.Filters, err
}

// Account returns the payer of an enquiry, which is given by number or id.
func Account(_ *http.Request, body []byte) string {
	q, err := readShellFilters(body)
	if err != nil {
		return ""
	}
	for _, p := range shellPayers {
		if string(q.PayerNumber) == p.number || string(q.PayerID) == p.id {
			return p.number
		}
	}
	return string(q.PayerNumber)
}

// check returns the dates of the enquiry, both included, or an error if the enquiry is invalid.
func (q shellFilters) check(local time.Time) (from, to clock.Date, err error) {
	if q.ReferenceNumber != "" {
		types := []wire.Text{shellMainReference, shellCardReference, shellBulkReference}
		if !slices.Contains(types, q.ReferenceType) {
			return 0, 0, fmt.Errorf("ReferenceType: want one of %v, got %q", types, q.ReferenceType)
		}
		return 0, 0, nil
	}
	today := clock.DateOf(local)
	from, errFrom := readShellDate(q.FromDate, today-shellWindow)
	to, errTo := readShellDate(q.ToDate, today)
	switch {
	case q.ColCoCode == "" && q.ColCoID == "":
		return 0, 0, errors.New("ColCoCode or ColCoId is required")
	case q.PayerNumber == "" && q.PayerID == "":
		return 0, 0, errors.New("PayerNumber or PayerId is required")
	case errFrom != nil || errTo != nil:
		return 0, 0, errors.New("FromDate, ToDate: want yyyyMMdd")
	case from < today-shellWindow || to > today || from > to:
		return 0, 0, fmt.Errorf("FromDate, ToDate: want dates from %s to %s", today-shellWindow, today)
	}
	return from, to, nil
}

func readShellDate(t wire.Text, absent clock.Date) (clock.Date, error) {
	if t == "" {
		return absent, nil
	}
	d, err := time.Parse(shellDate, string(t))
	return clock.DateOf(d), err
}

// find returns the requested cards. All filters apply, even with a reference.
func (q shellFilters) find(m clock.Moment, from, to clock.Date) []shellCard {
	found := []shellCard{}
	for _, o := range q.orders(m, from, to) {
		for _, c := range shellCards(m, o) {
			if q.fits(c) {
				found = append(found, c)
			}
		}
	}
	return found
}

// orders returns the orders selected by the reference or the dates.
func (q shellFilters) orders(m clock.Moment, from, to clock.Date) []shellOrder {
	if q.ReferenceNumber == "" {
		return shellOrders(m, from, to)
	}
	n, err := strconv.ParseInt(string(q.ReferenceNumber), 10, 64)
	if q.ReferenceType != shellMainReference {
		n /= shellCardsPerOrder
	}
	if o, ok := shellOrderOf(m, n); ok && err == nil {
		return []shellOrder{o}
	}
	return nil
}

// fits reports whether the card matches all filters.
func (q shellFilters) fits(c shellCard) bool {
	payer := shellPayers[c.payer]
	reference := map[wire.Text]string{
		shellMainReference: decimal(c.MainReference), shellCardReference: decimal(c.OrderCardReference), shellBulkReference: c.BCOReference,
	}[q.ReferenceType]
	for _, f := range []struct {
		asked wire.Text
		is    string
	}{
		{q.ColCoCode, decimal(c.ColCoCode)},
		{q.ColCoID, shellColCoID},
		{q.PayerNumber, payer.number},
		{q.PayerID, payer.id},
		{q.AccountNumber, c.AccountNumber},
		{q.OrderRequestID, decimal(c.OrderRequestID)},
		{q.ReferenceNumber, reference},
	} {
		if f.asked != "" && string(f.asked) != f.is {
			return false
		}
	}
	return true
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

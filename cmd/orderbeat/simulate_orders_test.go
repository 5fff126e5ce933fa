package main // an inside test: a main package cannot be imported

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"orderbeat/clients"
)

// simWindow is the lookback in days of a sync of the declared providers.
const simWindow = 30

// simAccount has the orders of one account in list order. It has its own random numbers, so
// that a sequence does not depend on other accounts.
type simAccount struct {
	provider, name string
	random         *rand.Rand
	orders         []*simOrder
	unlisted       []*simOrder // known by their numbers only
	forgotten      []*simOrder // no longer known
	made           int
	stored         map[string]simStored // after the last run
	// In the current round:
	bad    map[string]bool // orders that cannot be read
	paging bool            // the last page leads to one that came before
	faults map[string]bool // injected
	calls  int
	last   []string        // the last page
	told   map[string]bool // orders returned by number
	denied map[string]bool // orders reported as not found
}

type simOrder struct {
	id, reference string
	placed        string
	stated        string // status of the order, "" for none
	lines         []simLine
}

type simLine struct {
	id, article, text string
	ordered, shipped  int64
	due               string // "" for none
}

// begin chooses the faults of the next run.
func (a *simAccount) begin(faulty bool) {
	a.bad, a.faults, a.paging, a.calls, a.last = map[string]bool{}, map[string]bool{}, false, 0, nil
	a.told, a.denied = map[string]bool{}, map[string]bool{}
	for range a.random.IntN(4) {
		a.evolve()
	}
	if !faulty || len(a.orders) < 2 {
		return
	}
	if a.random.IntN(4) == 0 {
		a.bad[a.orders[a.random.IntN(len(a.orders))].id] = true
	}
	a.paging = a.random.IntN(8) == 0
}

func (a *simAccount) evolve() {
	if len(a.orders) == 0 || len(a.orders) < 9 && a.random.IntN(3) == 0 {
		a.made++
		o := &simOrder{id: fmt.Sprintf("Mül-%s%d", a.name, a.made), reference: fmt.Sprintf("PÖ %d", a.made)}
		o.placed = time.Now().AddDate(0, 0, -a.random.IntN(2*simWindow)).Format(time.DateOnly)
		o.grow(a)
		a.list(o)
		return
	}
	at := a.random.IntN(len(a.orders))
	switch o := a.orders[at]; a.random.IntN(8) {
	case 0:
		o.grow(a)
	case 1:
		o.stated = pick(a.random, "", "cancelled", "delivered", "open")
	case 2:
		if len(a.orders) > 3 {
			a.orders = slices.Delete(a.orders, at, at+1)
			into := pick(a.random, &a.unlisted, &a.forgotten)
			*into = append(*into, o)
		}
	case 3: // it comes back
		if from := pick(a.random, &a.unlisted, &a.forgotten); len(*from) > 0 {
			a.list((*from)[0])
			*from = (*from)[1:]
		}
	default:
		l := &o.lines[a.random.IntN(len(o.lines))]
		l.shipped = a.random.Int64N(l.ordered + 1)
		if l.due = a.day(); a.random.IntN(4) == 0 {
			l.due = ""
		}
	}
}

// list inserts an order at a random position of the list.
func (a *simAccount) list(o *simOrder) {
	a.orders = slices.Insert(a.orders, a.random.IntN(len(a.orders)+1), o)
}

// known returns an order that the provider knows by its number, or nil.
func (a *simAccount) known(id string) *simOrder {
	for _, o := range slices.Concat(a.orders, a.unlisted) {
		if o.id == id {
			return o
		}
	}
	return nil
}

// lists reports whether an order is in the provider's list.
func (a *simAccount) lists(id string) bool {
	return slices.ContainsFunc(a.orders, func(o *simOrder) bool { return o.id == id })
}

func (o *simOrder) grow(a *simAccount) {
	n := len(o.lines) + 1
	l := simLine{id: strconv.Itoa(10 * n), article: fmt.Sprintf("S-%d", n), text: "Räder ½", ordered: 1 + a.random.Int64N(5000), due: a.day()}
	if a.provider == "cursors" {
		l.id = "" // its position is its id
	}
	o.lines = append(o.lines, l)
}

func (a *simAccount) day() string {
	return time.Date(2026, 1, 1+a.random.IntN(700), 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
}

// meant returns the order as it should be stored.
func (o *simOrder) meant(a *simAccount) string {
	order := clients.Order{Provider: a.provider, Account: a.name, OrderID: o.id, Reference: clients.Text(o.reference), OrderedOn: clients.Date(o.placed), Status: clients.Status(o.stated)}
	for _, l := range o.lines {
		line := clients.Line{LineID: l.id, ArticleID: clients.Text(l.article), Description: clients.Text(l.text), Ordered: clients.Pieces(l.ordered), PromisedOn: clients.Date(l.due)}
		line.Shipped, line.Open = clients.Pieces(l.shipped), clients.Pieces(l.ordered-l.shipped)
		order.Lines = append(order.Lines, line)
	}
	order.Normalize()
	text, err := json.Marshal(order)
	if err != nil {
		panic(err) // it is always valid JSON
	}
	return string(text)
}

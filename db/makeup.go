package db

import (
	"slices"

	"orderbeat/clients"
	"orderbeat/jobs"
)

// maxNumbers bounds the order ids and references of one request: with as many of the
// longest there are it fits into a message of 1 MB, which NATS takes by default.
const maxNumbers = 5000

// wish is what one kind of missed jobs asked for together: windows and checks about any
// number of accounts, orders about one.
type wish struct {
	kind     string
	orders   bool
	accounts []string
	question jobs.Question
}

// makeUp asks again for what was missed, as few times as possible.
func makeUp(missed []asked, today clients.Date) (requests []jobs.Request, err error) {
	var wishes []wish
	for _, m := range missed {
		orders := len(m.question.OrderIDs)+len(m.question.References) > 0
		if orders {
			m.kind = "fetch" // which track asks like, and takes numbers
		}
		i := slices.IndexFunc(wishes, func(w wish) bool {
			return w.kind == m.kind && w.orders == orders && (w.question.From == "") == (m.question.From == "") &&
				(!orders || w.accounts[0] == m.account)
		})
		if i < 0 {
			i = len(wishes)
			wishes = append(wishes, wish{kind: m.kind, orders: orders, question: jobs.Question{From: m.question.From}})
		}
		wishes[i].add(m)
	}
	for _, w := range wishes {
		for _, q := range w.questions(today) {
			params, err := encode(q)
			if err != nil {
				return nil, err
			}
			requests = append(requests, jobs.Request{Kind: w.kind, Accounts: w.accounts, Params: []byte(params)})
		}
	}
	return requests, nil
}

// add widens the wish by what a job asked for.
func (w *wish) add(m asked) {
	if !slices.Contains(w.accounts, m.account) {
		w.accounts = append(w.accounts, m.account)
	}
	q := &w.question
	q.From, q.To = min(q.From, m.question.From), max(q.To, m.question.To)
	q.OrderIDs = append(q.OrderIDs, m.question.OrderIDs...)
	q.References = append(q.References, m.question.References...)
}

// questions are the params to ask with. A window goes on until today, or until the last
// day that was missed should that be later. Whoever plans one without an end ends it
// today, which is not everywhere the same day.
func (w *wish) questions(today clients.Date) (list []jobs.Question) {
	q := w.question
	if !w.orders {
		if q.To <= today {
			q.To = ""
		}
		return []jobs.Question{q}
	}
	q.OrderIDs, q.References = unique(q.OrderIDs), unique(q.References)
	for len(q.OrderIDs)+len(q.References) > 0 {
		ids := min(len(q.OrderIDs), maxNumbers)
		references := min(len(q.References), maxNumbers-ids)
		list = append(list, jobs.Question{OrderIDs: q.OrderIDs[:ids], References: q.References[:references]})
		q.OrderIDs, q.References = q.OrderIDs[ids:], q.References[references:]
	}
	return list
}

func unique(all []string) []string {
	slices.Sort(all)
	return slices.Compact(all)
}

package michelin

import (
	"fmt"
	"strings"
	"unsafe"

	"github.com/go-json-experiment/json/jsontext"

	"orderbeat/clients"
	"orderbeat/clients/memory"
)

// wireOrder is one referencedOrder of a response.
type wireOrder struct {
	Error     object[wireProblem]            `json:"error"`
	OrderDate text                           `json:"orderDate"`
	Number    documentRef                    `json:"supplierOrderNumber"`
	Reference documentRef                    `json:"orderReference"`
	Method    text                           `json:"orderingMethod"`
	Lines     oneOrMany[wireLine, *wireLine] `json:"orderLine"`
}

type wireProblem struct {
	Code text `json:"errorCode"`
	Text text `json:"errorText"`
}

// wireLine has two places for the ordered quantity: EDIWheel's here, and the OpenAPI's in
// orderedArticle.
type wireLine struct {
	ID      text                `json:"lineId"`
	Article object[wireArticle] `json:"orderedArticle"`
	Ordered quantity            `json:"orderedQuantity"`
}

type wireArticle struct {
	IDs         object[wireArticleIDs]                 `json:"articleIdentification"`
	Description object[wireDescription]                `json:"articleDescription"`
	Requested   text                                   `json:"requestedDeliveryDate"`
	Ordered     quantity                               `json:"orderedQuantity"`
	Schedule    oneOrMany[wireSchedule, *wireSchedule] `json:"scheduleDetails"`
}

type wireArticleIDs struct {
	Manufacturers text `json:"manufacturersArticleId"`
	Suppliers     text `json:"suppliersArticleId"`
	Buyers        text `json:"buyersArticleId"`
	EAN           text `json:"eanuccarticleID"`
}

type wireDescription struct {
	Words texts `json:"articleDescriptionText"`
}

type wireSchedule struct {
	DeliveryDate text                                   `json:"deliveryDate"`
	Confirmed    quantity                               `json:"confirmedQuantity"`
	Backordered  quantity                               `json:"backorderedQuantity"`
	Cancelled    quantity                               `json:"cancelledQuantity"`
	Scheduled    quantity                               `json:"scheduledQuantity"`
	Open         quantity                               `json:"openQuantity"`
	Shipped      object[wireShipped]                    `json:"shippedDetails"`
	Despatches   oneOrMany[wireDespatch, *wireDespatch] `json:"scheduledArticleDespatchDetails"`
}

type wireShipped struct {
	Quantity   quantity               `json:"shippedQuantity"`
	Despatched object[wireDespatched] `json:"despatchedDetails"`
}

type wireDespatched struct {
	Despatches oneOrMany[wireDespatch, *wireDespatch] `json:"scheduledArticleDespatchDetails"`
}

type wireDespatch struct {
	Date     text        `json:"despatchDate"`
	Advice   documentRef `json:"despatchAdviceReference"`
	Quantity quantity    `json:"despatchedQuantity"`
}

func (w *wireOrder) renew(m *memory.Meter) { *w = wireOrder{Lines: w.Lines.renewed(m)} }

func (w *wireLine) renew(m *memory.Meter) {
	schedule, words := w.Article.v.Schedule.renewed(m), w.Article.v.Description.v.Words.renewed(m)
	*w = wireLine{}
	w.Article.v.Schedule, w.Article.v.Description.v.Words = schedule, words
}

func (w *wireSchedule) renew(m *memory.Meter) {
	shipped := w.Shipped.v.Despatched.v.Despatches.renewed(m)
	*w = wireSchedule{Despatches: w.Despatches.renewed(m)}
	w.Shipped.v.Despatched.v.Despatches = shipped
}

func (w *wireDespatch) renew(*memory.Meter) { *w = wireDespatch{} }

// mapper maps one entry of a response to the types of package clients, and notes what it could not
// read.
type mapper struct {
	meter *memory.Meter // charged for mapped data, which lasts as long as the attempt
	wire  *memory.Meter // charged for the memory of decoded entries
	list  string        // the member of the response with the entry
	index int           // of the entry in the list
	entry jsontext.Value
	ends  []int  // where the mapped lines end in the entry
	notes []note // the first few
	count int    // of all notes
	// marked is count at the last mark.
	marked int
}

// The memory of mapped data, in bytes, without its texts but with the spare capacity of lists.
const (
	listRoom      = 2
	lineBytes     = listRoom * int(unsafe.Sizeof(clients.Line{}))
	scheduleBytes = listRoom * int(unsafe.Sizeof(clients.ScheduleLine{}))
	despatchBytes = listRoom * int(unsafe.Sizeof(clients.Despatch{}))
	textBytes     = listRoom * int(unsafe.Sizeof(""))
	problemBytes  = listRoom * int(unsafe.Sizeof(clients.Problem{}))
)

// maxUnmapped is how many unread values of an entry are listed.
const maxUnmapped = 20

func sizeOf[T any]() int { return int(unsafe.Sizeof(*new(T))) }

// begin decodes another entry.
func (m *mapper) begin(entry jsontext.Value, index int, into renewer) error {
	m.index, m.entry = index, entry
	m.ends, m.notes, m.count, m.marked = m.ends[:0], m.notes[:0], 0, 0
	m.use(len(entry) + lineBytes) // at least its texts, and its own columns
	into.renew(m.wire)
	return unmarshal(entry, into)
}

// use charges for mapped data, and reports whether it fits the budget.
func (m *mapper) use(bytes int) bool { return m.meter.Use(bytes) == nil }

func (m *mapper) note(at span, why string) {
	if m.count++; len(m.notes) < maxUnmapped {
		m.notes = append(m.notes, note{at, why})
	}
}

// mark adds fields to unread if a value was noted since the last mark.
func (m *mapper) mark(unread *clients.Unread, fields clients.Unread) {
	if m.count > m.marked {
		*unread |= fields
		m.marked = m.count
	}
}

// contradict notes contradictory lines, by their index among the mapped ones.
func (m *mapper) contradict(lines []int) {
	for _, i := range lines {
		m.note(span{m.ends[i], m.ends[i]}, lineTwice)
	}
}

// report ends an entry: unmapped are its unread values, as "path: value", and message says where in
// the response, and why, "" if there is nothing to report.
func (m *mapper) report() (unmapped []string, message string) {
	if m.count == 0 {
		return nil, ""
	}
	const most = 3
	var problems []string
	for _, l := range locate(m.entry, m.notes) {
		problem := fmt.Sprintf("%s[%d].%s", m.list, m.index, l.path)
		if l.value == "" { // the value can be read, but contradicts another
			unmapped = append(unmapped, l.path+": "+l.why)
			problem += " " + l.why
		} else {
			unmapped = append(unmapped, l.path+": "+l.value)
			problem += fmt.Sprintf(": %q %s", l.value, l.why)
		}
		if len(problems) < most {
			problems = append(problems, problem)
		}
	}
	message = strings.Join(problems, "; ")
	if more := m.count - len(problems); more > 0 {
		message += fmt.Sprintf("; and %d more", more)
	}
	return unmapped, message
}

func (m *mapper) order(w *wireOrder, o *clients.Order) problem {
	o.OrderID = m.text(w.Number.text)
	trouble := m.problem(&w.Error)
	m.marked = m.count // KeepStored does not cover these
	o.OrderedOn = m.date(w.OrderDate)
	m.mark(&o.Unread, clients.UnreadOrderedOn)
	o.Reference = clients.Text(m.text(w.Reference.text))
	m.mark(&o.Unread, clients.UnreadReference)
	o.Method = clients.Text(m.text(w.Method))
	m.mark(&o.Unread, clients.UnreadMethod)
	o.Lines = make([]clients.Line, 0, len(w.Lines.list))
	for i := range w.Lines.list {
		l := &w.Lines.list[i]
		if !m.use(lineBytes) {
			break
		}
		if l.ID.bad { // it could be any line
			m.text(l.ID)
			m.mark(&o.Unread, clients.UnreadLines)
			continue
		}
		o.Lines, m.ends = append(o.Lines, m.line(l)), append(m.ends, w.Lines.ends[i])
	}
	m.loose(w.Lines.bad)
	m.mark(&o.Unread, clients.UnreadLines)
	return trouble
}

func (m *mapper) problem(w *object[wireProblem]) problem {
	isObject(m, w)
	return problem{code: m.text(w.v.Code), text: m.text(w.v.Text)}
}

func (m *mapper) line(w *wireLine) (l clients.Line) {
	l.LineID = m.text(w.ID)
	a := &w.Article.v
	isObject(m, &w.Article)
	m.mark(&l.Unread, clients.UnreadLine)
	l.ArticleID, l.BuyerArticleID, l.EAN = m.articleIDs(&a.IDs)
	m.mark(&l.Unread, clients.UnreadArticle)
	l.Description = m.description(&a.Description)
	m.mark(&l.Unread, clients.UnreadDescription)
	l.RequestedOn = m.date(a.Requested)
	m.mark(&l.Unread, clients.UnreadRequestedOn)
	l.Ordered = m.pieces(a.Ordered)
	if other := m.pieces(w.Ordered); !l.Ordered.Known {
		l.Ordered = other
	}
	m.mark(&l.Unread, clients.UnreadOrdered)
	for i := range a.Schedule.list {
		if m.use(scheduleBytes) {
			m.schedule(&a.Schedule.list[i], &l)
		}
	}
	m.loose(a.Schedule.bad)
	m.mark(&l.Unread, clients.UnreadSchedule)
	return l
}

// articleIDs maps articleIdentification: the numbers of the seller and of the buyer, and
// the EAN.
func (m *mapper) articleIDs(w *object[wireArticleIDs]) (sellers, buyers, ean clients.Text) {
	isObject(m, w)
	sellers = clients.Text(m.text(w.v.Manufacturers))
	keep(&sellers, clients.Text(m.text(w.v.Suppliers)))
	return sellers, clients.Text(m.text(w.v.Buyers)), clients.Text(m.text(w.v.EAN))
}

// description joins the words; it is "" if one of them cannot be read.
func (m *mapper) description(w *object[wireDescription]) clients.Text {
	isObject(m, w)
	before := m.count
	words := m.texts(&w.v.Words)
	if m.count > before {
		return ""
	}
	return clients.Text(strings.Join(words, " "))
}

// schedule maps one entry of scheduleDetails. In variant 1 the shipped quantity is in shippedDetails
// and no longer in the confirmed one; in variant 0 the despatches are in the entry itself, and their
// quantity is subtracted from the confirmed one here.
func (m *mapper) schedule(w *wireSchedule, l *clients.Line) {
	s := clients.ScheduleLine{DeliveryOn: m.date(w.DeliveryDate), Amounts: clients.Amounts{
		Confirmed: m.pieces(w.Confirmed), Backordered: m.pieces(w.Backordered), Cancelled: m.pieces(w.Cancelled),
		Scheduled: m.pieces(w.Scheduled), Open: m.pieces(w.Open),
	}}
	shipped := &w.Shipped.v
	if isObject(m, &w.Shipped) {
		isObject(m, &shipped.Despatched)
	}
	s.Shipped = m.pieces(shipped.Quantity)
	despatched := m.despatches(&shipped.Despatched.v.Despatches, l).Plus(m.despatches(&w.Despatches, l))
	if !s.Shipped.Known {
		s.Shipped = despatched
		if len(w.Despatches.list) > 0 && s.Confirmed.Known {
			s.Confirmed.N = max(0, s.Confirmed.N-despatched.N)
		}
	}
	l.Schedule = append(l.Schedule, s)
}

// despatches adds the despatches to the line and returns their sum.
func (m *mapper) despatches(w *oneOrMany[wireDespatch, *wireDespatch], l *clients.Line) (sum clients.Quantity) {
	for i := range w.list {
		e := &w.list[i]
		d := clients.Despatch{
			DespatchedOn: m.date(e.Date), AdviceID: clients.Text(m.text(e.Advice.text)), Quantity: m.pieces(e.Quantity),
		}
		if d == (clients.Despatch{}) || !m.use(despatchBytes) {
			continue // an empty object means none
		}
		l.Despatches = append(l.Despatches, d)
		sum = sum.Plus(d.Quantity)
	}
	m.loose(w.bad)
	return sum
}

// keep sets a value if there is none yet.
func keep[T ~string](into *T, value T) {
	if *into == "" {
		*into = value
	}
}

// isObject reports whether o is an object or null, and notes it otherwise.
func isObject[T any](m *mapper, o *object[T]) bool {
	if o.bad {
		m.note(o.at, "is not an object")
	}
	return !o.bad
}

// loose notes elements of a list that are not objects.
func (m *mapper) loose(bad []span) {
	for _, at := range bad {
		m.note(at, "is not an object")
	}
}

func (m *mapper) text(t text) string {
	if t.bad {
		m.note(t.at, "is not a string")
	}
	return t.s
}

// texts returns the texts that are not blank.
func (m *mapper) texts(w *texts) (all []string) {
	for _, t := range w.list {
		if s := m.text(t); s != "" && m.use(textBytes) {
			all = append(all, s)
		}
	}
	return all
}

func (m *mapper) date(t text) clients.Date             { return parsed(m, t, readDate) }
func (m *mapper) pieces(q quantity) clients.Quantity   { return parsed(m, q.text, readPieces) }
func (m *mapper) credited(q quantity) clients.Quantity { return parsed(m, q.text, readSigned) }
func (m *mapper) amount(t text) clients.Amount         { return parsed(m, t, readAmount) }

// parsed parses a text, and notes one that cannot be parsed.
func parsed[T any](m *mapper, t text, parse func(string) (T, string)) (v T) {
	why := ""
	switch {
	case t.bad:
		why = "is not a string or a number"
	case t.s != "":
		v, why = parse(t.s)
	}
	if why != "" {
		m.note(t.at, why)
	}
	return v
}

package declared

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"orderbeat/clients"
)

// What a mapping makes of an answer are orders as the table and the events have them,
// without what is derived and what the question says already. It is read strictly: a
// name that there is not, or a value that cannot be read, is an error that says where.

// readOrder reads one order that a mapping made.
func readOrder(v any, provider, account string) (clients.Order, error) {
	o := clients.Order{Provider: provider, Account: account}
	err := readObject(v, orderMembers, func(name string, v any) (err error) {
		switch name {
		case "order_id":
			o.OrderID, err = readText[string](v)
		case "reference":
			o.Reference, err = readText[clients.Text](v)
		case "ordered_on":
			o.OrderedOn, err = readDate(v)
		case "method":
			o.Method, err = readText[clients.Text](v)
		case "status":
			o.Status, err = readStatus(v)
		case "promised_on":
			o.PromisedOn, err = readDate(v)
		case "ordered_quantity":
			o.OrderedQuantity, err = readQuantity(v)
		case "shipped_quantity":
			o.ShippedQuantity, err = readQuantity(v)
		case "open_quantity":
			o.OpenQuantity, err = readQuantity(v)
		case "lines":
			o.Lines, err = readList(v, readLine)
		default:
			err = errNoMember
		}
		return err
	})
	if err == nil && o.OrderID == "" {
		err = below(".order_id", unreadable("is missing: the supplier's own number of the order"))
	}
	return o, err
}

// The members that there are, for people.
var (
	amountMembers   = []string{"confirmed", "backordered", "cancelled", "scheduled", "open", "shipped"}
	orderMembers    = []string{"order_id", "reference", "ordered_on", "method", "status", "promised_on", "ordered_quantity", "shipped_quantity", "open_quantity", "lines"}
	lineMembers     = append([]string{"line_id", "article_id", "buyer_article_id", "ean", "description", "status", "requested_on", "promised_on", "ordered", "schedule", "despatches"}, amountMembers...)
	scheduleMembers = append([]string{"delivery_on", "ordered"}, amountMembers...)
	despatchMembers = []string{"despatched_on", "advice_id", "quantity"}
)

func readLine(v any) (clients.Line, error) {
	var l clients.Line
	err := readObject(v, lineMembers, func(name string, v any) (err error) {
		switch name {
		case "line_id":
			l.LineID, err = readText[string](v)
		case "article_id":
			l.ArticleID, err = readText[clients.Text](v)
		case "buyer_article_id":
			l.BuyerArticleID, err = readText[clients.Text](v)
		case "ean":
			l.EAN, err = readText[clients.Text](v)
		case "description":
			l.Description, err = readText[clients.Text](v)
		case "status":
			l.Status, err = readStatus(v)
		case "requested_on":
			l.RequestedOn, err = readDate(v)
		case "promised_on":
			l.PromisedOn, err = readDate(v)
		case "ordered":
			l.Ordered, err = readQuantity(v)
		case "schedule":
			l.Schedule, err = readList(v, readSchedule)
		case "despatches":
			l.Despatches, err = readList(v, readDespatch)
		default:
			err = readAmount(&l.Amounts, name, v)
		}
		return err
	})
	return l, err
}

func readSchedule(v any) (clients.ScheduleLine, error) {
	var s clients.ScheduleLine
	err := readObject(v, scheduleMembers, func(name string, v any) (err error) {
		switch name {
		case "delivery_on":
			s.DeliveryOn, err = readDate(v)
		case "ordered":
			s.Ordered, err = readQuantity(v)
		default:
			err = readAmount(&s.Amounts, name, v)
		}
		return err
	})
	return s, err
}

func readDespatch(v any) (clients.Despatch, error) {
	var d clients.Despatch
	err := readObject(v, despatchMembers, func(name string, v any) (err error) {
		switch name {
		case "despatched_on":
			d.DespatchedOn, err = readDate(v)
		case "advice_id":
			d.AdviceID, err = readText[clients.Text](v)
		case "quantity":
			d.Quantity, err = readQuantity(v)
		default:
			err = errNoMember
		}
		return err
	})
	return d, err
}

func readAmount(a *clients.Amounts, name string, v any) (err error) {
	switch name {
	case "confirmed":
		a.Confirmed, err = readQuantity(v)
	case "backordered":
		a.Backordered, err = readQuantity(v)
	case "cancelled":
		a.Cancelled, err = readQuantity(v)
	case "scheduled":
		a.Scheduled, err = readQuantity(v)
	case "open":
		a.Open, err = readQuantity(v)
	case "shipped":
		a.Shipped, err = readQuantity(v)
	default:
		err = errNoMember
	}
	return err
}

// errNoMember is the answer to a name that is none of an object's.
var errNoMember = errors.New("there is no such member")

// readObject has set read every member of an object that is not null. Of several that
// cannot be read it tells the first by name.
func readObject(v any, names []string, set func(name string, v any) error) error {
	object, ok := v.(map[string]any)
	if !ok {
		return unreadable("is %s, where an object was expected", withArticle(v))
	}
	var failed string
	var failure error
	for name, value := range object {
		if value == nil && slices.Contains(names, name) {
			continue
		}
		if err := set(name, value); err != nil && (failure == nil || name < failed) {
			failed, failure = name, err
		}
	}
	if errors.Is(failure, errNoMember) {
		return &pathError{foreign: failed, declared: true, message: "there is no such member; there are " + strings.Join(names, ", ")}
	}
	return below("."+failed, failure)
}

func readList[T any](v any, read func(any) (T, error)) ([]T, error) {
	list, ok := v.([]any)
	if !ok {
		return nil, unreadable("is %s, where a list was expected", withArticle(v))
	}
	elements := make([]T, len(list))
	for i := range list {
		var err error
		if elements[i], err = read(list[i]); err != nil {
			return nil, below("["+strconv.Itoa(i)+"]", err)
		}
	}
	return elements, nil
}

func readText[T ~string](v any) (T, error) {
	text, ok := plainText(v)
	if !ok {
		return "", unreadable("is %s, where a text was expected", withArticle(v))
	}
	return T(strings.TrimSpace(text)), nil
}

func readStatus(v any) (clients.Status, error) {
	text, _ := v.(string)
	if !slices.Contains(clients.Statuses, clients.Status(text)) {
		return "", unreadable("is no status: write one of %v", clients.Statuses)
	}
	return clients.Status(text), nil
}

// dropDates takes the days out of an order that mean none by the declaration.
func (c *Client) dropDates(o *clients.Order) {
	if len(c.noDates) == 0 {
		return
	}
	drop := func(d *clients.Date) {
		if slices.Contains(c.noDates, *d) {
			*d = ""
		}
	}
	drop(&o.OrderedOn)
	drop(&o.PromisedOn)
	for i := range o.Lines {
		l := &o.Lines[i]
		drop(&l.RequestedOn)
		drop(&l.PromisedOn)
		for j := range l.Schedule {
			drop(&l.Schedule[j].DeliveryOn)
		}
		for j := range l.Despatches {
			drop(&l.Despatches[j].DespatchedOn)
		}
	}
}

// noDay reports whether a text is a day that is none: "0000-00-00", "00000000",
// "00.00.0000", or one of these with a time behind it, as databases have it.
func noDay(text string) bool {
	day, _, _ := strings.Cut(text, "T")
	day, _, _ = strings.Cut(day, " ")
	return strings.Count(day, "0") > 0 && strings.Trim(day, "0-./") == ""
}

// readDate reads a day: "2026-01-31", "20260131", or either with a time or a zone behind it,
// which is dropped. A blank is NULL, and so is a day of zeros.
func readDate(v any) (clients.Date, error) {
	text, ok := plainText(v)
	text = strings.TrimSpace(text)
	if ok && (text == "" || noDay(text)) {
		return "", nil
	}
	day, ok := isoDay(text)
	if !ok {
		return "", unreadable(`is no date like "2026-01-31"; the jq functions date and day read others: day("%%d.%%m.%%Y")`)
	}
	return clients.Date(day), nil
}

// readQuantity reads a whole number of pieces: 2, "2", "2.0" or 2e0. A blank is NULL.
func readQuantity(v any) (clients.Quantity, error) {
	const most = 1_000_000_000 // more than anybody orders, and little enough for sums
	text, ok := plainText(v)
	text = strings.TrimSpace(text)
	if ok && text == "" {
		return clients.Quantity{}, nil
	}
	whole, fraction, _ := strings.Cut(text, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if f, wrong := strconv.ParseFloat(text, 64); strings.ContainsAny(text, "eE") && plainNumber.MatchString(text) && wrong == nil && f == math.Trunc(f) && f <= most {
		n, fraction, err = int64(f), "", nil
	}
	if err != nil || n < 0 || n > most || strings.Trim(fraction, "0") != "" {
		return clients.Quantity{}, unreadable("is no whole number of pieces; the jq function number reads others")
	}
	return clients.Pieces(n), nil
}

// pathError is a value that cannot be read, and where it stands.
type pathError struct {
	path string
	// foreign is the last name of the path where that is none of ours: the program may have
	// made it of the provider's data, and it is not shown before [program.spelled].
	foreign string
	message string
	// declared tells that it is the mapping that is wrong, whatever was sent.
	declared bool
}

// spelled is err with the name in it that there is no member of, if the program spells that.
func (p *program) spelled(err error) error {
	e, ok := errors.AsType[*pathError](err)
	switch {
	case !ok || e.foreign == "":
		return err
	case p.spells(e.foreign):
		return &pathError{path: e.path + "." + e.foreign, message: e.message, declared: e.declared}
	}
	return &pathError{path: e.path, message: "the program makes a member of the data: " + e.message, declared: e.declared}
}

func (e *pathError) Error() string {
	if e.path == "" {
		return e.message
	}
	return strings.TrimPrefix(e.path, ".") + ": " + e.message
}

func unreadable(format string, args ...any) error {
	return &pathError{message: fmt.Sprintf(format, args...)}
}

// below is err, of a part of something; nil for nil.
func below(part string, err error) error {
	if e, ok := errors.AsType[*pathError](err); ok {
		return &pathError{path: part + e.path, foreign: e.foreign, message: e.message, declared: e.declared}
	}
	return err
}

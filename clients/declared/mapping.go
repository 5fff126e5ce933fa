package declared

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"orderbeat/clients"
	"orderbeat/clients/declared/jq"
)

// A mapping returns orders in the form of the table orders and the events, without derived values and without those
// that the query states. They are read strictly: an unknown name or an unreadable value is an error
// with its path.

// readOrder reads one order that a mapping returned, without the dates that mean "no date".
func readOrder(v any, provider, account string, noDates []string) (clients.Order, error) {
	o := clients.Order{Provider: provider, Account: account}
	err := orderShape.read(v, reflect.ValueOf(&o).Elem(), noDates)
	if err == nil && o.OrderID == "" {
		err = withPath(".order_id", unreadable("is missing: the supplier's own number of the order"))
	}
	return o, err
}

// shape describes an object that a mapping returns for a struct: its allowed members by their JSON
// names.
type shape struct {
	names  []string         // for messages
	fields map[string][]int // indexes, as [reflect.Value.FieldByIndex] takes them
}

var (
	amountMembers = []string{"confirmed", "backordered", "cancelled", "scheduled", "open", "shipped"}
	orderShape    = shapeOf[clients.Order]("order_id", "reference", "ordered_on", "method", "status", "promised_on", "ordered_quantity", "shipped_quantity", "open_quantity", "lines")
	lineShape     = shapeOf[clients.Line](append([]string{"line_id", "article_id", "buyer_article_id", "ean", "description", "status", "requested_on", "promised_on", "ordered", "schedule", "despatches"}, amountMembers...)...)
	scheduleShape = shapeOf[clients.ScheduleLine](append([]string{"delivery_on", "ordered"}, amountMembers...)...)
	despatchShape = shapeOf[clients.Despatch]("despatched_on", "advice_id", "quantity")
)

func shapeOf[T any](names ...string) shape {
	sh := shape{names, map[string][]int{}}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[T]()) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); slices.Contains(names, name) {
			sh.fields[name] = f.Index
		}
	}
	return sh
}

// read reads every member of an object that is not null. It reports the first error by name.
func (sh shape) read(v any, into reflect.Value, noDates []string) error {
	object, ok := v.(map[string]any)
	if !ok {
		return unreadable("is %s, expected an object", jq.TypeName(v))
	}
	var failed string
	var failure error
	for name, value := range object {
		err := errNoMember
		if field, ok := sh.fields[name]; ok {
			err = readMember(value, into.FieldByIndex(field).Addr().Interface(), noDates)
		}
		if err != nil && (failure == nil || name < failed) {
			failed, failure = name, err
		}
	}
	if errors.Is(failure, errNoMember) {
		return &pathError{foreign: failed, declared: true, message: "there is no such member; there are " + strings.Join(sh.names, ", ")}
	}
	return withPath("."+failed, failure)
}

var errNoMember = errors.New("there is no such member")

func readMember(v, field any, noDates []string) (err error) {
	if v == nil {
		return nil
	}
	switch into := field.(type) {
	case *string:
		*into, err = readText[string](v)
	case *clients.Text:
		*into, err = readText[clients.Text](v)
	case *clients.Date:
		if *into, err = readDate(v); slices.Contains(noDates, string(*into)) {
			*into = ""
		}
	case *clients.Status:
		*into, err = readStatus(v)
	case *clients.Quantity:
		*into, err = readQuantity(v)
	case *[]clients.Line:
		*into, err = readList[clients.Line](v, lineShape, noDates)
	case *[]clients.ScheduleLine:
		*into, err = readList[clients.ScheduleLine](v, scheduleShape, noDates)
	case *[]clients.Despatch:
		*into, err = readList[clients.Despatch](v, despatchShape, noDates)
	default:
		panic(fmt.Sprintf("declared: no member is a %T", field))
	}
	return err
}

func readList[T any](v any, element shape, noDates []string) ([]T, error) {
	list, ok := v.([]any)
	if !ok {
		return nil, unreadable("is %s, expected a list", jq.TypeName(v))
	}
	elements := make([]T, len(list))
	for i := range list {
		if err := element.read(list[i], reflect.ValueOf(&elements[i]).Elem(), noDates); err != nil {
			return nil, withPath("["+strconv.Itoa(i)+"]", err)
		}
	}
	return elements, nil
}

func readText[T ~string](v any) (T, error) {
	text, ok := jq.PlainText(v)
	if !ok {
		return "", unreadable("is %s, expected a string", jq.TypeName(v))
	}
	return T(strings.TrimSpace(text)), nil
}

func readStatus(v any) (clients.Status, error) {
	text, _ := v.(string)
	if !slices.Contains(clients.Statuses, clients.Status(text)) {
		return "", unreadable("is not a status: write one of %v", clients.Statuses)
	}
	return clients.Status(text), nil
}

// readDate reads a day: "2026-01-31", "20260131", or either followed by a time or a zone, which is
// dropped. A blank is NULL, and so is a day of zeros.
func readDate(v any) (clients.Date, error) {
	text, ok := jq.PlainText(v)
	text = strings.TrimSpace(text)
	if ok && (text == "" || jq.NoDay(text)) {
		return "", nil
	}
	day, ok := jq.ISODay(text)
	if !ok {
		return "", unreadable(`is not a date like "2026-01-31"; the jq functions date and day read other formats: day("%%d.%%m.%%Y")`)
	}
	return clients.Date(day), nil
}

// readQuantity reads a whole number of pieces: 2, "2", "2.0" or 2e0. A blank is NULL.
func readQuantity(v any) (clients.Quantity, error) {
	const most = 1_000_000_000 // more than any order has, and small enough for sums
	text, ok := jq.PlainText(v)
	text = strings.TrimSpace(text)
	if ok && text == "" {
		return clients.Quantity{}, nil
	}
	whole, fraction, _ := strings.Cut(text, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if f, wrong := strconv.ParseFloat(text, 64); strings.ContainsAny(text, "eE") && jq.PlainNumber.MatchString(text) && wrong == nil && f == math.Trunc(f) && f <= most {
		n, fraction, err = int64(f), "", nil
	}
	if err != nil || n < 0 || n > most || strings.Trim(fraction, "0") != "" {
		return clients.Quantity{}, unreadable("is not a whole number; the jq function number reads other formats")
	}
	return clients.Pieces(n), nil
}

// pathError is an unreadable value with its path.
type pathError struct {
	path string
	// foreign is the last name of the path if it is unknown: the program may have made it from the
	// provider's data, so that it is only shown by [withName].
	foreign string
	message string
	// declared reports that the mapping is wrong for any response.
	declared bool
}

// withName adds the unknown name to err, if the text of the program contains it.
func withName(text string, err error) error {
	e, ok := errors.AsType[*pathError](err)
	switch {
	case !ok || e.foreign == "":
		return err
	case strings.Contains(text, e.foreign):
		return &pathError{path: e.path + "." + e.foreign, message: e.message, declared: e.declared}
	}
	return &pathError{path: e.path, message: "the program uses data as a member name: " + e.message, declared: e.declared}
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

// withPath prefixes the path of err; nil for nil.
func withPath(part string, err error) error {
	if e, ok := errors.AsType[*pathError](err); ok {
		return &pathError{path: part + e.path, foreign: e.foreign, message: e.message, declared: e.declared}
	}
	return err
}

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"orderbeat/clients"
	"orderbeat/clients/declared"
	"orderbeat/clients/exchange"
	"orderbeat/jobs"
)

// tryReport is what `orderbeat provider try` tells.
type tryReport struct {
	Provider string        `json:"provider"`
	Account  string        `json:"account"`
	Question jobs.Question `json:"question"`
	// Windows is how many questions the window takes, of which this was the newest.
	Windows   int             `json:"windows"`
	Exchanges []triedExchange `json:"exchanges"`
	Orders    []clients.Order `json:"orders"`
	Problems  []triedProblem  `json:"problems"`
	// Warnings are about orders whose mapped status is not the one that is stored.
	Warnings []string       `json:"warnings"`
	More     bool           `json:"more"`
	Error    *jobs.RunError `json:"error"`
	Sample   *savedSample   `json:"sample,omitempty"`
}

// triedExchange is an exchange, redacted.
type triedExchange struct {
	Op              string              `json:"op"`
	Method          string              `json:"method"`
	URL             string              `json:"url"`
	RequestHeaders  map[string][]string `json:"request_headers"`
	RequestBody     string              `json:"request_body,omitempty"`
	Status          int                 `json:"status"`
	Milliseconds    int64               `json:"duration_ms"`
	ResponseHeaders map[string][]string `json:"response_headers"`
	ResponseBody    string              `json:"response_body,omitempty"`
	ResponseBytes   int64               `json:"response_bytes"`
	Truncated       bool                `json:"truncated"`
}

// triedProblem is what could not be told about an order.
type triedProblem struct {
	OrderID   string `json:"order_id,omitempty"`
	Reference string `json:"reference,omitempty"`
	Code      string `json:"code,omitempty"`
	Message   string `json:"message"`
}

// savedSample is a sample that was added to a declaration.
type savedSample struct {
	File   string `json:"file"`
	Name   string `json:"name"`
	Orders int    `json:"orders"`
}

func questionOf(q clients.Query) jobs.Question {
	return jobs.Question{From: q.From, To: q.To, OrderIDs: q.OrderIDs, References: q.References}
}

func shownExchange(x exchange.Exchange) triedExchange {
	return triedExchange{
		Op: x.Op, Method: x.Method, URL: x.URL, RequestHeaders: x.RequestHeader, RequestBody: x.RequestBody, Status: x.Status,
		Milliseconds: x.Duration.Milliseconds(), ResponseHeaders: x.ResponseHeader, ResponseBody: x.ResponseBody,
		ResponseBytes: x.ResponseBytes, Truncated: x.Truncated,
	}
}

// answer adds what came of the question.
func (r *tryReport) answer(first declared.First, failure error) {
	r.Orders, r.Problems, r.More = append([]clients.Order{}, first.Orders...), []triedProblem{}, first.More
	r.Warnings = append([]string{}, clients.StatusWarnings(first.Orders)...)
	for _, p := range first.Partial {
		r.Problems = append(r.Problems, triedProblem{OrderID: p.OrderID, Reference: p.Reference, Code: p.Code, Message: p.Message})
	}
	if e := clients.AsError(failure); e != nil {
		r.Error = &jobs.RunError{Account: r.Account, Code: e.Code, Message: e.Message, Hint: e.Hint}
	}
}

func (a *app) printTry(r tryReport, asJSON bool) error {
	if asJSON {
		return printJSON(a.stdout, r)
	}
	fmt.Fprintf(a.stdout, "%s, account %s: %s\n", r.Provider, r.Account, r.asks())
	hidden := false
	for _, x := range r.Exchanges {
		x.print(a.stdout)
		hidden = hidden || strings.Contains(x.ResponseBody, "REDACTED")
	}
	if hidden {
		fmt.Fprintln(a.stdout, "\nnote: REDACTED values look like secrets; the mapping sees them, unless redact names them")
	}
	if r.More {
		fmt.Fprintln(a.stdout, "\nnote: there are more pages; a run requests them all")
	}
	if r.Error == nil {
		if err := r.printOrders(a.stdout); err != nil {
			return err
		}
	} else {
		fmt.Fprintln(a.stderr)
		printErrors(a.stderr, []jobs.RunError{*r.Error})
	}
	if s := r.Sample; s != nil {
		fmt.Fprintf(a.stdout, "\nadded sample %q to %s: OK, %s\n", plain(s.Name), s.File, count(s.Orders, "order"))
		fmt.Fprintln(a.stdout, "  Review it before you commit it: secrets are redacted, personal data is not.")
	}
	return nil
}

// asks is the question in words.
func (r tryReport) asks() string {
	if named := slices.Concat(r.Question.OrderIDs, r.Question.References); len(named) > 0 {
		return "order " + plain(named[0])
	}
	days := fmt.Sprintf("orders of %s to %s", r.Question.From, r.Question.To)
	if r.Windows > 1 {
		days += fmt.Sprintf(", the newest of %d windows", r.Windows)
	}
	return days
}

// dull are headers of answers that tell nothing of orders.
var dull = []string{
	"Alt-Svc", "Cache-Control", "Connection", "Content-Encoding", "Content-Length", "Date", "Etag", "Expires", "Keep-Alive", "Pragma",
	"Server", "Set-Cookie", "Strict-Transport-Security", "Transfer-Encoding", "Vary", "Via", "X-Content-Type-Options", "X-Frame-Options",
}

func (x triedExchange) print(w io.Writer) {
	fmt.Fprintf(w, "\n> %s %s\n", x.Method, plain(x.URL))
	printHeaders(w, "> ", x.RequestHeaders)
	printBody(w, x.RequestBody)
	if x.Status == 0 {
		fmt.Fprintln(w, "\n< no response")
		return
	}
	fmt.Fprintf(w, "\n< %d %s, %d bytes in %d ms\n", x.Status, http.StatusText(x.Status), x.ResponseBytes, x.Milliseconds)
	telling := maps.Clone(x.ResponseHeaders)
	for _, name := range dull {
		delete(telling, name)
	}
	printHeaders(w, "< ", telling)
	printBody(w, x.ResponseBody)
	switch {
	case x.Truncated:
		fmt.Fprintln(w, "  … (truncated)")
	case x.ResponseBody == "" && x.ResponseBytes > 0:
		fmt.Fprintln(w, `  (body not shown: exchanges is not "full")`)
	}
}

func printHeaders(w io.Writer, mark string, headers map[string][]string) {
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		for _, value := range headers[name] {
			fmt.Fprintf(w, "%s%s: %s\n", mark, plain(name), plain(value))
		}
	}
}

// printBody writes a body, indented where it is JSON, and cut at a length that can be read.
func printBody(w io.Writer, body string) {
	const most, widest = 120, 400 // lines, and bytes in one
	body = strings.TrimSpace(body)
	if body == "" {
		return
	}
	if body[0] == '{' || body[0] == '[' {
		body = indent(body)
	}
	lines := strings.Split(body, "\n")
	for _, line := range lines[:min(len(lines), most)] {
		if len(line) > widest {
			line = strings.ToValidUTF8(line[:widest], "") + " …"
		}
		fmt.Fprintf(w, "  %s\n", plain(line))
	}
	if len(lines) > most {
		fmt.Fprintf(w, "  … and %s more: see --json\n", count(len(lines)-most, "line"))
	}
}

// indent puts JSON on lines. Unlike [json.Indent] it does with one that ends too early,
// as what is kept of a long answer does.
func indent(text string) string {
	var b strings.Builder
	depth, quoted := 0, false
	turn := func() { b.WriteString("\n" + strings.Repeat("  ", max(0, depth))) }
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case quoted && c == '\\' && i+1 < len(text):
			b.WriteByte(c)
			i++
			c = text[i]
		case c == '"':
			quoted = !quoted
		case quoted:
		case strings.IndexByte(" \t\r\n", c) >= 0:
			continue
		case c == '{' || c == '[':
			rest := strings.TrimLeft(text[i+1:], " \t\r\n")
			if rest != "" && rest[0] == c+2 { // which is } and ] in ASCII
				b.WriteString(text[i:i+1] + rest[:1])
				i = len(text) - len(rest)
				continue
			}
			b.WriteByte(c)
			depth++
			turn()
			continue
		case c == '}' || c == ']':
			depth--
			turn()
		case c == ',':
			b.WriteByte(c)
			turn()
			continue
		case c == ':':
			b.WriteString(": ")
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}

// printOrders lists the orders, and shows the first of them in full.
func (r tryReport) printOrders(w io.Writer) error {
	fmt.Fprintf(w, "\n%s\n", count(len(r.Orders), "order"))
	for _, p := range r.Problems {
		fmt.Fprintf(w, "problem: %s\n", plain(strings.Join(strings.Fields(p.OrderID+" "+p.Reference+" "+p.Code+" "+p.Message), " ")))
	}
	for _, warning := range r.Warnings {
		fmt.Fprintf(w, "warning: %s\n", plain(warning))
	}
	if len(r.Orders) == 0 {
		return nil
	}
	const most = 20
	shown := r.Orders[:min(len(r.Orders), most)]
	rows := make([][]string, len(shown))
	for i, o := range shown {
		rows[i] = []string{
			o.OrderID, orDash(string(o.Reference)), orDash(string(o.OrderedOn)), string(o.Status), o.OrderedQuantity.String(),
			o.ShippedQuantity.String(), o.OpenQuantity.String(), orDash(string(o.PromisedOn)), fmt.Sprint(len(o.Lines)),
		}
	}
	if err := printTable(w, []string{"ORDER", "REFERENCE", "ORDERED ON", "STATUS", "ORDERED", "SHIPPED", "OPEN", "PROMISED", "LINES"}, rows); err != nil {
		return err
	}
	if more := len(r.Orders) - len(shown); more > 0 {
		fmt.Fprintf(w, "… and %s more: see --json\n", count(more, "order"))
	}
	whole, err := json.Marshal(r.Orders[0])
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "\nthe first one:")
	printBody(w, string(whole))
	return nil
}

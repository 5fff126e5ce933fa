package provider

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"orderbeat/clients"
	"orderbeat/clients/declared"
	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/cmd/orderbeat/cli/exchanges"
	"orderbeat/jobs"
)

// tryReport is the result of `orderbeat provider try`.
type tryReport struct {
	Provider string        `json:"provider"`
	Account  string        `json:"account"`
	Question jobs.Question `json:"question"`
	// Windows is the number of requests that the date range needs; only the newest was sent.
	Windows   int              `json:"windows"`
	Exchanges []exchanges.View `json:"exchanges"`
	Orders    []clients.Order  `json:"orders"`
	Problems  []triedProblem   `json:"problems"`
	// Warnings name orders whose stored status differs from the mapped one.
	Warnings []string       `json:"warnings"`
	More     bool           `json:"more"`
	Error    *jobs.RunError `json:"error"`
	Sample   *savedSample   `json:"sample,omitempty"`
}

// triedProblem is something about an order that could not be mapped.
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

// addResult adds the result of the call.
func (r *tryReport) addResult(first declared.First, failure error) {
	r.Orders, r.Problems, r.More = append([]clients.Order{}, first.Orders...), []triedProblem{}, first.More
	r.Warnings = append([]string{}, clients.StatusWarnings(first.Orders)...)
	for _, p := range first.Partial {
		r.Problems = append(r.Problems, triedProblem{OrderID: p.OrderID, Reference: p.Reference, Code: p.Code, Message: p.Message})
	}
	if e := clients.AsError(failure); e != nil {
		r.Error = &jobs.RunError{Account: r.Account, Code: e.Code, Message: e.Message, Hint: e.Hint}
	}
}

func printTry(a *cli.App, r tryReport, asJSON bool) error {
	if asJSON {
		return cli.PrintJSON(a.Stdout, r)
	}
	fmt.Fprintf(a.Stdout, "%s, account %s: %s\n", r.Provider, r.Account, r.request())
	hidden := false
	for _, x := range r.Exchanges {
		x.Print(a.Stdout)
		hidden = hidden || strings.Contains(x.ResponseBody, "REDACTED")
	}
	if hidden {
		fmt.Fprintln(a.Stdout, "\nnote: values that look like secrets are shown as REDACTED; the mapping gets the real ones, unless redact names them")
	}
	if r.More {
		fmt.Fprintln(a.Stdout, "\nnote: there are more pages; a run requests them all")
	}
	if r.Error == nil {
		if err := r.printOrders(a.Stdout); err != nil {
			return err
		}
	} else {
		fmt.Fprintln(a.Stderr)
		cli.PrintErrors(a.Stderr, []jobs.RunError{*r.Error})
	}
	if s := r.Sample; s != nil {
		fmt.Fprintf(a.Stdout, "\nadded sample %q to %s: OK, %s\n", cli.Plain(s.Name), s.File, cli.Count(s.Orders, "order"))
		fmt.Fprintln(a.Stdout, "  Review it before you commit it: secrets are redacted, personal data is not.")
	}
	return nil
}

// request describes the request.
func (r tryReport) request() string {
	if named := slices.Concat(r.Question.OrderIDs, r.Question.References); len(named) > 0 {
		return "order " + cli.Plain(named[0])
	}
	days := fmt.Sprintf("orders of %s to %s", r.Question.From, r.Question.To)
	if r.Windows > 1 {
		days += fmt.Sprintf(", the newest of %d windows", r.Windows)
	}
	return days
}

// printOrders lists the orders and shows the first one in full.
func (r tryReport) printOrders(w io.Writer) error {
	fmt.Fprintf(w, "\n%s\n", cli.Count(len(r.Orders), "order"))
	for _, p := range r.Problems {
		fmt.Fprintf(w, "problem: %s\n", cli.Plain(strings.Join(strings.Fields(p.OrderID+" "+p.Reference+" "+p.Code+" "+p.Message), " ")))
	}
	for _, warning := range r.Warnings {
		fmt.Fprintf(w, "warning: %s\n", cli.Plain(warning))
	}
	if len(r.Orders) == 0 {
		return nil
	}
	const most = 20
	shown := r.Orders[:min(len(r.Orders), most)]
	rows := make([][]string, len(shown))
	for i, o := range shown {
		rows[i] = []string{
			o.OrderID, cli.OrDash(string(o.Reference)), cli.OrDash(string(o.OrderedOn)), string(o.Status), o.OrderedQuantity.String(),
			o.ShippedQuantity.String(), o.OpenQuantity.String(), cli.OrDash(string(o.PromisedOn)), fmt.Sprint(len(o.Lines)),
		}
	}
	if err := cli.PrintTable(w, []string{"ORDER", "REFERENCE", "ORDERED ON", "STATUS", "ORDERED", "SHIPPED", "OPEN", "PROMISED", "LINES"}, rows); err != nil {
		return err
	}
	if more := len(r.Orders) - len(shown); more > 0 {
		fmt.Fprintf(w, "… and %s more: see --json\n", cli.Count(more, "order"))
	}
	whole, err := json.Marshal(r.Orders[0])
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "\nthe first one:")
	exchanges.PrintBody(w, string(whole))
	return nil
}

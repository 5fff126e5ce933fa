package declared

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"orderbeat/clients"
	"orderbeat/clients/section"
)

// checkSamples checks the keys of samples; [Client.CheckSamples] runs them.
func (set *settings) checkSamples(wrong *section.Errors) {
	for i, sm := range set.Samples {
		at := fmt.Sprintf("samples[%d]", i)
		switch sm.Operation {
		case "", "orders":
			if set.Orders.undeclared() {
				wrong.Add(at+".operation", "is \"orders\", which is not declared: declare orders, or write \"fetch\"")
			}
		case "fetch":
			if set.Fetch.undeclared() {
				wrong.Add(at+".operation", "is \"fetch\", which is not declared: declare fetch, or write \"orders\"")
			}
		default:
			wrong.Add(at+".operation", `must be "orders" or "fetch", not %.40q`, sm.Operation)
		}
		if sm.Item != "" && set.eachOf(sm.Operation).Items == "" {
			wrong.Add(at+".item", "has no effect: the operation has no each")
		}
		switch {
		case sm.Orders == "" && sm.Code == "":
			wrong.Add(at+".orders", "is missing: the expected orders, as JSON; or code, the expected failure")
		case sm.Orders != "" && sm.Code != "":
			wrong.Add(at+".code", "cannot be combined with orders: a response is orders or a failure")
		}
		if sm.Code != "" && !slices.Contains(codes, sm.Code) {
			wrong.Add(at+".code", "must be one of %s, not %.40q", strings.Join(codes, ", "), sm.Code)
		}
		for key, text := range map[string]string{"item": sm.Item, "orders": sm.Orders} {
			if text == "" {
				continue
			}
			if _, offset, err := parseJSON(text); err != nil {
				wrong.AddAt(at+"."+key, offset, "is not JSON: %v", err)
			}
		}
	}
}

// eachOf is the key each of a sample's operation.
func (set *settings) eachOf(operation string) each {
	if operation == "fetch" {
		return set.Fetch.Each
	}
	return set.Orders.Each
}

// parseJSON parses one JSON text; offset is the position of an error.
func parseJSON(text string) (v any, offset int, err error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	err = d.Decode(&v)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			return nil, int(d.InputOffset()), errors.New("there is data after it")
		}
		return v, 0, nil
	}
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return nil, max(1, int(e.Offset)), errors.New(strings.TrimPrefix(e.Error(), "json: "))
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, len(text), errors.New("it ends too early")
	}
	return nil, 0, err
}

// CheckSamples maps every sample's response, and compares the result, as it would be stored.
// Differences are joined [*section.ConfigError] values.
func (c *Client) CheckSamples(ctx context.Context) (report clients.SampleReport, err error) {
	var wrong section.Errors
	for i := range c.set.Samples {
		at, name := fmt.Sprintf("samples[%d]", i), c.set.Samples[i].Name
		warnings, key, err := c.checkSample(ctx, &c.set.Samples[i])
		for _, warning := range warnings {
			report.Warnings = append(report.Warnings, fmt.Sprintf("%s: %s", cmp.Or(name, at), warning))
		}
		if err == nil {
			continue
		}
		if name != "" {
			err = fmt.Errorf("%s: %w", name, err)
		}
		wrong.Add(at+"."+key, "%v", err)
	}
	report.Tried = len(c.set.Samples)
	return report, wrong.Err()
}

// checkSample returns the key of the sample that does not match, and why.
func (c *Client) checkSample(ctx context.Context, sm *sample) (warnings []string, key string, err error) {
	got, outcome, err := c.mapSample(ctx, sm)
	if err != nil {
		return nil, "answer", err
	}
	if outcome != sm.Code {
		if sm.Code == "" {
			return nil, "answer", fmt.Errorf("the response is %s, expected orders", outcome)
		}
		if outcome == "" {
			outcome = fmt.Sprintf("%d orders", len(got))
		}
		return nil, "code", fmt.Errorf("the response is %s, expected %s", outcome, sm.Code)
	}
	if sm.Code != "" {
		return nil, "", nil
	}
	want, err := c.readSample(ctx, sm)
	if err == nil {
		err = compareOrders(want, got)
	}
	return clients.StatusWarnings(got), "orders", err
}

// mapSample treats a sample like a response from the provider.
func (c *Client) mapSample(ctx context.Context, sm *sample) (orders []clients.Order, outcome string, err error) {
	q := c.operationOf(sm)
	query := clients.Query{Account: c.account, From: "2026-01-01", To: "2026-01-31"}
	s := scopeOf(query)
	if sm.OrderID != "" {
		s = s.With("order_id", sm.OrderID).With("order_ids", []any{sm.OrderID})
	}
	if sm.Reference != "" {
		s = s.With("reference", sm.Reference).With("references", []any{sm.Reference})
	}
	a := &q.requestSpec
	if sm.Item != "" {
		item, _, err := parseJSON(sm.Item)
		if err != nil {
			return nil, "", fmt.Errorf("item: %w", err)
		}
		s, a = s.With("item", item), &q.each
	}
	status := sm.Status
	if status == 0 {
		status = 200
	}
	p := &page{status: status, body: loose([]byte(sm.Answer))}
	if success := status >= 200 && status <= 299 || slices.Contains(a.accept, status); !success {
		v := a.verdict(ctx, status, []byte(sm.Answer), s)
		switch {
		case v.outcome == "":
			return nil, "", fmt.Errorf("status %d is neither accepted nor covered by failures", status)
		case v.outcome != outcomeNone || a != &q.each:
			return nil, v.outcome, nil
		}
		p.body = nil // the item is mapped anyway
	}
	c.hide(p.body)
	v, err := applyRules(ctx, a.rules, status, p.body, s)
	if err != nil || v.failed() != nil || v.outcome == outcomeNone && a != &q.each {
		return nil, v.outcome, err
	}
	g := c.collector(ctx, nil, q, c.account.Name)
	g.strict = true
	if err := g.mapPage(ctx, p, s); err != nil {
		return nil, "", errors.New(clients.AsError(err).Message)
	}
	answer, err := g.done(ctx)
	return answer.Orders, v.outcome, err
}

// operationOf is the operation of a sample.
func (c *Client) operationOf(sm *sample) *operationSpec {
	if sm.Operation == "fetch" {
		return c.set.fetch
	}
	return c.set.orders
}

// expected is an order of a sample: as written, and as it would be stored.
type expected struct{ written, stored clients.Order }

// readSample reads the expected orders, written as a mapping returns them.
func (c *Client) readSample(ctx context.Context, sm *sample) ([]expected, error) {
	v, _, err := parseJSON(sm.Orders)
	if err != nil {
		return nil, err
	}
	q := c.operationOf(sm)
	g := c.collector(ctx, nil, q, c.account.Name)
	g.strict = true
	list, several := v.([]any)
	if !several {
		list = []any{v}
	}
	for _, v := range list {
		if err := g.add(v); err != nil {
			return nil, withName(sm.Orders, err)
		}
	}
	orders := make([]expected, len(g.orders))
	for i, o := range g.orders {
		written := o.done(q.lines)
		stored := written
		stored.Lines = slices.Clone(written.Lines)
		stored.Normalize()
		orders[i] = expected{written, stored}
	}
	return orders, nil
}

// compareOrders returns the first difference.
func compareOrders(want []expected, got []clients.Order) error {
	if len(want) != len(got) {
		return fmt.Errorf("the program returns %d orders, expected %d", len(got), len(want))
	}
	for i := range want {
		if id := want[i].stored.OrderID; id != got[i].OrderID {
			return fmt.Errorf("orders[%d].order_id: the program returns %q, expected %q", i, got[i].OrderID, id)
		}
		for _, change := range clients.Diff(&want[i].stored, &got[i], nil) {
			return fmt.Errorf("orders[%d].%s: the program returns %s, expected %s", i, change.Path, text(change.After), text(change.Before))
		}
		if change, differs := want[i].firstOverride(); differs {
			return fmt.Errorf("orders[%d].%s: %s is stored, not %s: it follows from the lines", i, change.Path, text(change.After), text(change.Before))
		}
	}
	return nil
}

// firstOverride returns the first value of an order, or of one of its lines, that is stored differently than
// written.
func (e expected) firstOverride() (clients.Change, bool) {
	for i := range e.written.Lines {
		if l := &e.written.Lines[i]; l.LineID == "" {
			l.LineID = strconv.Itoa(i + 1)
		}
	}
	slices.SortStableFunc(e.written.Lines, func(a, b clients.Line) int { return strings.Compare(a.LineID, b.LineID) })
	for _, change := range clients.Diff(&e.written, &e.stored, nil) {
		switch written := change.Before.(type) {
		case string:
			if written != "" {
				return change, true
			}
		case int64:
			return change, true
		}
	}
	return clients.Change{}, false
}

// text is a value as JSON, truncated.
func text(v any) string {
	const most = 200 // bytes
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	if len(b) > most {
		return string(bytes.ToValidUTF8(b[:most], nil)) + "…"
	}
	return string(b)
}

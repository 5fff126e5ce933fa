package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/nats-io/nats.go"

	"orderbeat/clients"
	"orderbeat/clients/exchange"
	"orderbeat/jobs"
)

// maxOutcome bounds an outcome in bytes, uncompressed, for every process.
const maxOutcome = 1 << 30

// outcome is the first line of an encoded [jobs.Outcome]. The orders follow, one per line: they are
// encoded in the format of the database, which is fast, and decoded one by one.
type outcome struct {
	Job         jobs.Job            `json:"job"`
	State       jobs.State          `json:"state"`
	NextAt      time.Time           `json:"next_at,omitzero"`
	Orders      int                 `json:"orders,omitempty"` // the number of lines that follow
	Marks       []marks             `json:"marks,omitempty"`
	Advices     []advice            `json:"advices,omitempty"`
	Invoices    []invoice           `json:"invoices,omitempty"`
	Volatile    []string            `json:"volatile,omitempty"`
	Exchanges   []exchange.Exchange `json:"exchanges,omitempty"`
	Unread      int                 `json:"unread,omitempty"`
	Err         *failure            `json:"error,omitempty"`
	AskedAt     time.Time           `json:"asked_at"`
	FinishedAt  time.Time           `json:"finished_at"`
	Traceparent string              `json:"traceparent,omitempty"`
}

// marks has the fields of an order that are not part of its JSON document. Most orders have none.
type marks struct {
	Order  int                    `json:"order"` // its index
	Unread clients.Unread         `json:"unread,omitempty"`
	Stated clients.Status         `json:"stated,omitempty"`
	Lines  map[int]clients.Unread `json:"lines,omitempty"` // by index
}

type advice struct {
	clients.Advice
	Marks clients.Unread `json:"marks,omitempty"`
}

type invoice struct {
	clients.Invoice
	Marks clients.Unread `json:"marks,omitempty"`
}

// failure is a [clients.Error] without its cause and its exchange, which are not stored.
type failure struct {
	Provider string        `json:"provider,omitempty"`
	Op       string        `json:"op,omitempty"`
	Code     clients.Code  `json:"code"`
	Status   int           `json:"status,omitempty"`
	After    time.Duration `json:"after,omitempty"`
	NotSent  bool          `json:"not_sent,omitempty"`
	Message  string        `json:"message,omitempty"`
	Hint     string        `json:"hint,omitempty"`
}

// EncodeOutcome returns the message of an outcome without its subject. The body is compressed (zstd,
// RFC 8878).
func EncodeOutcome(o *jobs.Outcome) (*nats.Msg, error) {
	head := outcome{
		Job: o.Job, State: o.State, NextAt: o.NextAt, Orders: len(o.Orders), Marks: marksOf(o.Orders), Volatile: o.Volatile,
		Exchanges: o.Exchanges, Unread: o.Unread, AskedAt: o.AskedAt, FinishedAt: o.FinishedAt, Traceparent: o.Traceparent,
	}
	for i := range o.Advices {
		head.Advices = append(head.Advices, advice{o.Advices[i], o.Advices[i].Unread})
	}
	for i := range o.Invoices {
		head.Invoices = append(head.Invoices, invoice{o.Invoices[i], o.Invoices[i].Unread})
	}
	if e := o.Err; e != nil {
		head.Err = &failure{e.Provider, e.Op, e.Code, e.Status, e.After, e.NotSent, e.Message, e.Hint}
	}
	body, err := json.Marshal(&head)
	if err != nil {
		return nil, err
	}
	for i := range o.Orders {
		body = o.Orders[i].AppendJSON(append(body, '\n'))
	}
	if len(body) > maxOutcome {
		return nil, fmt.Errorf("the outcome has %d MB, more than %d", len(body)>>20, maxOutcome>>20)
	}
	return &nats.Msg{Header: header(AttemptOf(&o.Job)), Data: packer().EncodeAll(body, nil)}, nil
}

func marksOf(orders []clients.Order) (list []marks) {
	for i := range orders {
		o := &orders[i]
		m := marks{Order: i, Unread: o.Unread, Stated: o.Stated}
		for n := range o.Lines {
			if unread := o.Lines[n].Unread; unread != 0 {
				if m.Lines == nil {
					m.Lines = map[int]clients.Unread{}
				}
				m.Lines[n] = unread
			}
		}
		if m.Unread != 0 || m.Stated != "" || m.Lines != nil {
			list = append(list, m)
		}
	}
	return list
}

// Size returns the decompressed size of a compressed outcome, as stated by the sender.
// [DecodeOutcome] does not read more than that.
func Size(body []byte) (int64, error) {
	var h zstd.Header
	if err := h.Decode(body); err != nil {
		return 0, fmt.Errorf("not an outcome: %w", err)
	}
	if !h.HasFCS || h.FrameContentSize > maxOutcome {
		return 0, errors.New("not an outcome: its size is missing or too large")
	}
	return int64(h.FrameContentSize), nil //nolint:gosec // at most maxOutcome
}

// DecodeOutcome reads an outcome. The error wraps [ErrVersion] if it has another version.
func DecodeOutcome(h nats.Header, body []byte) (o jobs.Outcome, err error) {
	if err := CheckVersion(h); err != nil {
		return o, err
	}
	size, err := Size(body)
	if err != nil {
		return o, err
	}
	text, err := unpacker().DecodeAll(body, make([]byte, 0, size))
	if err != nil {
		return o, fmt.Errorf("not an outcome: %w", err)
	}
	first, rest, _ := bytes.Cut(text, []byte("\n"))
	var head outcome
	if err := json.Unmarshal(first, &head); err != nil {
		return o, fmt.Errorf("not an outcome: %w", err)
	}
	if head.Orders < 0 || head.Orders > len(rest) {
		return o, errors.New("not an outcome: orders are missing")
	}
	o = jobs.Outcome{
		Job: head.Job, State: head.State, NextAt: head.NextAt, Volatile: head.Volatile, Exchanges: head.Exchanges, Unread: head.Unread,
		AskedAt: head.AskedAt, FinishedAt: head.FinishedAt, Traceparent: head.Traceparent,
	}
	if head.Orders > 0 {
		if o.Orders, err = decodeOrders(rest, head.Orders); err != nil {
			return o, err
		}
	}
	for i := range head.Advices {
		a := head.Advices[i].Advice
		a.Unread = head.Advices[i].Marks
		o.Advices = append(o.Advices, a)
	}
	for i := range head.Invoices {
		v := head.Invoices[i].Invoice
		v.Unread = head.Invoices[i].Marks
		o.Invoices = append(o.Invoices, v)
	}
	if e := head.Err; e != nil {
		o.Err = &clients.Error{Provider: e.Provider, Op: e.Op, Code: e.Code, Status: e.Status, After: e.After, NotSent: e.NotSent, Message: e.Message, Hint: e.Hint}
	}
	return o, mark(o.Orders, head.Marks)
}

func decodeOrders(text []byte, n int) ([]clients.Order, error) {
	orders := make([]clients.Order, 0, min(n, len(text)/100+1))
	for line := range bytes.Lines(text) {
		var o clients.Order
		if err := json.Unmarshal(line, &o); err != nil {
			return nil, fmt.Errorf("not an outcome: order %d: %w", len(orders)+1, err)
		}
		orders = append(orders, o)
	}
	if len(orders) != n {
		return nil, fmt.Errorf("not an outcome: got %d orders, want %d", len(orders), n)
	}
	return orders, nil
}

func mark(orders []clients.Order, list []marks) error {
	for _, m := range list {
		if m.Order < 0 || m.Order >= len(orders) {
			return errors.New("not an outcome: marks refer to a missing order")
		}
		o := &orders[m.Order]
		o.Unread, o.Stated = m.Unread, m.Stated
		for n, unread := range m.Lines {
			if n < 0 || n >= len(o.Lines) {
				return errors.New("not an outcome: marks refer to a missing order line")
			}
			o.Lines[n].Unread = unread
		}
	}
	return nil
}

// packer and unpacker are created on first use: a process without a fleet needs neither.
var packer = sync.OnceValue(func() *zstd.Encoder {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithSingleSegment(true), zstd.WithEncoderCRC(true))
	if err != nil {
		panic(err) // the options are valid
	}
	return e
})

var unpacker = sync.OnceValue(func() *zstd.Decoder {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(maxOutcome))
	if err != nil {
		panic(err) // the options are valid
	}
	return d
})

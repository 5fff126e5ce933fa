package wire_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"orderbeat/clients"
	"orderbeat/clients/exchange"
	"orderbeat/jobs"
	"orderbeat/worker/wire"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 123e6, time.UTC)

func job() jobs.Job {
	return jobs.Job{
		ID: "01J-00001", RunID: "01J", Provider: "acme tyres", Account: "st. paul", Kind: "fetch", Attempt: 2, Tried: 1, FirstAt: noon,
		Question: jobs.Question{From: "2026-11-01", To: "2026-11-20", OrderIDs: []string{"SO1"}, References: []string{"PO <1>"}, Remaps: "x"},
	}
}

func orders(n int) (list []clients.Order) {
	for i := range n {
		o := clients.Order{
			Provider: "acme tyres", Account: "st. paul", OrderID: fmt.Sprintf("SO%d", i), Reference: "PO\n\"1\"", OrderedOn: "2026-11-01", Method: "EDI",
			Unmapped: []string{"lines/0/x: y"},
			Lines: []clients.Line{{
				LineID: "001", ArticleID: "62115", BuyerArticleID: "b", EAN: "352", Description: "tyre < 17\"", RequestedOn: "2026-11-02", Ordered: clients.Pieces(4),
				Schedule: []clients.ScheduleLine{
					{DeliveryOn: "2026-11-25", Ordered: clients.Pieces(3), Amounts: clients.Amounts{Open: clients.Pieces(2), Shipped: clients.Pieces(1)}},
					{Amounts: clients.Amounts{Backordered: clients.Pieces(0)}},
				},
				Despatches: []clients.Despatch{{DespatchedOn: "2026-11-20", AdviceID: "BOL", Quantity: clients.Pieces(1)}},
			}, {LineID: "002"}},
		}
		o.Normalize()
		list = append(list, o)
	}
	return list
}

// TestOutcomesAreComplete sends everything that an outcome can have.
func TestOutcomesAreComplete(t *testing.T) {
	list := orders(3)
	list[1].Unread, list[1].Stated, list[1].Lines[1].Unread = clients.UnreadMethod|clients.UnreadLines, clients.StatusDelivered, clients.UnreadSchedule
	advice := clients.Advice{Provider: "acme", Account: "a", AdviceID: "A1", Tracking: []string{"T"}, Unread: clients.UnreadDates, Lines: []clients.AdviceLine{{OrderID: "SO1", Quantity: clients.Pieces(2)}}}
	invoice := clients.Invoice{Provider: "acme", Account: "a", Number: "I1", TotalAmount: "652.80", Unread: clients.UnreadTerms, Lines: []clients.InvoiceLine{{OrderID: "SO1", UnitPrice: "1.00"}}}
	advice.Normalize()
	invoice.Normalize()
	empty := clients.Advice{AdviceID: "A2"}
	empty.Normalize()
	recorded := exchange.Exchange{
		Op: "orders", Method: "POST", URL: "https://acme.example/orders", Status: 200, StartedAt: noon, Duration: time.Second, RequestHeader: http.Header{"A": {"b", "c"}},
		ResponseHeader: http.Header{"D": {"e"}}, RequestBody: "{}", ResponseGzip: []byte{0, 1, 255}, ResponseBytes: 5, Truncated: true, Detail: exchange.Metadata, Code: "c", Message: "m",
	}
	want := jobs.Outcome{
		Job: job(), State: jobs.Partial, NextAt: noon.Add(time.Minute), Orders: list, Advices: []clients.Advice{advice, empty}, Invoices: []clients.Invoice{invoice},
		Volatile: []string{"lines/description"}, Exchanges: []exchange.Exchange{recorded}, Unread: 2, AskedAt: noon, FinishedAt: noon.Add(time.Second), Traceparent: "00-1",
		Err: &clients.Error{Provider: "acme", Op: "orders", Code: clients.CodeThrottled, Status: 429, After: time.Minute, NotSent: true, Message: "slow", Hint: "wait"},
	}
	m, err := wire.EncodeOutcome(&want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := wire.DecodeOutcome(m.Header, m.Data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for i := range got.Orders {
		if got.Orders[i].Fingerprint(nil) != list[i].Fingerprint(nil) {
			t.Error("an order has another fingerprint")
		}
	}
	if got.Advices[0].Fingerprint() != advice.Fingerprint() || got.Advices[1].Fingerprint() != empty.Fingerprint() || got.Invoices[0].Fingerprint() != invoice.Fingerprint() {
		t.Error("a document has another fingerprint")
	}
	if id, err := wire.ReadAttempt(m.Header); err != nil || id != (wire.Attempt{JobID: "01J-00001", Number: 2}) || m.Header.Get("Nats-Msg-Id") != "01J-00001.2" {
		t.Errorf("got %v, %v and the headers %v", id, err, m.Header)
	}
	none := jobs.Outcome{Job: job(), State: jobs.Succeeded, AskedAt: noon, FinishedAt: noon}
	if m, err = wire.EncodeOutcome(&none); err != nil {
		t.Fatal(err)
	}
	if got, err = wire.DecodeOutcome(m.Header, m.Data); err != nil || cmp.Diff(none, got, cmpopts.EquateEmpty()) != "" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestJobsAreComplete(t *testing.T) {
	want := job()
	m, err := wire.EncodeJob(&want, "", "00-1")
	if err != nil {
		t.Fatal(err)
	}
	got, err := wire.DecodeJob(m.Header, m.Data)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestUnreadableMessagesAreErrors(t *testing.T) {
	out := jobs.Outcome{Job: job(), State: jobs.Succeeded, Orders: orders(2), AskedAt: noon, FinishedAt: noon}
	m, err := wire.EncodeOutcome(&out)
	if err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string][]byte{"cut": m.Data[:len(m.Data)-10], "empty": nil, "text": []byte("hello"), "flipped": append([]byte{}, append(m.Data[:30:30], append([]byte{m.Data[30] ^ 1}, m.Data[31:]...)...)...)} {
		if _, err := wire.DecodeOutcome(m.Header, body); err == nil || errors.Is(err, wire.ErrVersion) {
			t.Errorf("%s: got %v, want an error about the body", name, err)
		}
	}
	m.Header.Set(wire.HeaderVersion, "9")
	if _, err := wire.DecodeOutcome(m.Header, m.Data); !errors.Is(err, wire.ErrVersion) || !strings.Contains(err.Error(), `"9", and this process has 1`) {
		t.Errorf("got %v, want the versions", err)
	}
	if _, err := wire.DecodeJob(m.Header, []byte("{}")); !errors.Is(err, wire.ErrVersion) {
		t.Errorf("got %v, want the versions", err)
	}
}

func FuzzDecodeOutcome(f *testing.F) {
	out := jobs.Outcome{Job: job(), State: jobs.Succeeded, Orders: orders(2), AskedAt: noon, FinishedAt: noon}
	m, err := wire.EncodeOutcome(&out)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(m.Data)
	f.Fuzz(func(_ *testing.T, body []byte) {
		if size, err := wire.Size(body); err != nil || size > 1<<20 {
			return
		}
		_, _ = wire.DecodeOutcome(m.Header, body)
	})
}

func BenchmarkOutcome(b *testing.B) {
	for _, n := range []int{1, 100, 10_000} {
		out := jobs.Outcome{Job: job(), State: jobs.Succeeded, Orders: orders(n), AskedAt: noon, FinishedAt: noon}
		m, err := wire.EncodeOutcome(&out)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("encode/%d", n), func(b *testing.B) {
			for b.Loop() {
				_, _ = wire.EncodeOutcome(&out)
			}
			b.ReportMetric(float64(len(m.Data)), "bytes")
		})
		b.Run(fmt.Sprintf("decode/%d", n), func(b *testing.B) {
			for b.Loop() {
				if _, err := wire.DecodeOutcome(m.Header, m.Data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

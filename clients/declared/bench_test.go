package declared_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients"
	"orderbeat/clients/clienttest"
	"orderbeat/clients/declared"
	"orderbeat/clients/michelin"
)

// ediwheel maps Michelin's answers as package michelin does.
const ediwheel = `
scheme = "none"
[orders]
method = "POST"
path   = "/order/amn/C1_1/status"
json   = { documentID = "C1" }
map = '''
def pieces: .quantityValue? ;
.referencedOrder[] | {
  order_id: .supplierOrderNumber.documentId, reference: .orderReference.documentId, ordered_on: .orderDate, method: .orderingMethod,
  lines: [.orderLine[] | .orderedArticle as $a | {
    line_id: .lineId,
    article_id: $a.articleIdentification.manufacturersArticleId, buyer_article_id: $a.articleIdentification.buyersArticleId,
    ean: $a.articleIdentification.eanuccarticleID, description: $a.articleDescription.articleDescriptionText,
    requested_on: $a.requestedDeliveryDate, ordered: $a.orderedQuantity.quantityValue,
    schedule: [$a.scheduleDetails[] | {
      delivery_on: .deliveryDate, confirmed: (.confirmedQuantity | pieces), backordered: (.backorderedQuantity | pieces), cancelled: (.cancelledQuantity | pieces),
      scheduled: (.scheduledQuantity | pieces), open: (.openQuantity | pieces), shipped: (.shippedDetails.shippedQuantity | pieces)
    }],
    despatches: [$a.scheduleDetails[].shippedDetails.despatchedDetails.scheduledArticleDespatchDetails[]? | {
      despatched_on: .despatchDate, advice_id: .despatchAdviceReference.documentId, quantity: (.despatchedQuantity | pieces)
    }]
  }]
}
'''
`

// thousand is an answer of a thousand orders of five lines each.
func thousand(tb testing.TB) []byte {
	tb.Helper()
	raw, err := os.ReadFile("../michelin/testdata/five-lines.json")
	if err != nil {
		tb.Fatal(err)
	}
	var doc struct {
		Orders []json.RawMessage `json:"referencedOrder"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		tb.Fatal(err)
	}
	var body bytes.Buffer
	body.WriteString(`{"documentID":"C1","variant":"1","errorHead":{"errorCode":"0"},"referencedOrder":[`)
	for i := range 1000 {
		if i > 0 {
			body.WriteByte(',')
		}
		order := bytes.Replace(doc.Orders[0], []byte("SO10000001"), fmt.Appendf(nil, "SO%08d", i), 1)
		if err := json.Compact(&body, order); err != nil {
			tb.Fatal(err)
		}
	}
	body.WriteString("]}")
	return body.Bytes()
}

// asks are the two ways to have one answer read, over the same connection.
func asks(tb testing.TB) map[string]clients.Provider {
	tb.Helper()
	body := thousand(tb)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/idp/v2/b2b/oauth2/token" {
			fmt.Fprint(w, `{"access_token":"sample","token_type":"Bearer"}`)
			return
		}
		_, _ = w.Write(body)
	}))
	tb.Cleanup(server.Close)
	s := clienttest.Section("acme", server.URL)
	s.MaxBody = 32 << 20
	typed, err := michelin.Open(s)
	if err != nil {
		tb.Fatal(err)
	}
	s = writtenSection(tb, server.URL, ediwheel)
	s.MaxBody = 32 << 20
	byJQ, err := declared.Open(s)
	if err != nil {
		tb.Fatal(err)
	}
	return map[string]clients.Provider{"typed": typed, "jq": byJQ}
}

func ask(ctx context.Context, tb testing.TB, p clients.Provider) clients.Answer {
	tb.Helper()
	q := window()
	q.Account.BillTo = "1111111"
	answer, err := p.Orders(ctx, q)
	if err != nil || len(answer.Orders) != 1000 {
		tb.Fatalf("got %d orders and %v, want 1000", len(answer.Orders), err)
	}
	return answer
}

func TestBothMappingsProduceTheSameOrders(t *testing.T) {
	by := asks(t)
	if diff := cmp.Diff(ask(t.Context(), t, by["typed"]).Orders[:3], ask(t.Context(), t, by["jq"]).Orders[:3]); diff != "" {
		t.Errorf("the orders differ (-typed +jq):\n%s", diff)
	}
}

// The whole way of an answer of a thousand orders, from the socket to normalized orders:
// Michelin's typed mapping, and the same mapping in jq.
func BenchmarkThousandOrders(b *testing.B) {
	by := asks(b)
	for _, way := range []string{"typed", "jq"} {
		b.Run(way, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ask(b.Context(), b, by[way])
			}
		})
	}
}

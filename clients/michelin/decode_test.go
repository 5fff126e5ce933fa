package michelin_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients"
)

var update = flag.Bool("update", false, "write the golden files anew")

// The samples are invented answers in the shapes of these documents:
//
//	variant1.json         Michelin North America Order-to-Cash, OpenAPI 1.0.1: texts, mixed casings
//	variant1-pascal.json  the same order in the casing of the OpenAPI's version 1.0.0
//	variant1-camel.json   the same order in the casing of the OpenAPI's order creation, numbers as numbers
//	variant0.json         worldwide EDIWheel order status API 1.2.0, C1.0: despatches in the schedule, one line an entry
//	untidy.json           values that are missing, blank, or cannot be read
func TestSamples(t *testing.T) {
	for _, name := range []string{"variant1", "variant1-pascal", "variant1-camel", "variant0", "untidy"} {
		t.Run(name, func(t *testing.T) {
			a, err := ask(t, 200, string(sample(t, name+".json")))
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.MarshalIndent(a.Orders, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, '\n')
			golden := filepath.Join("testdata", "orders", strings.TrimSuffix(strings.TrimSuffix(name, "-pascal"), "-camel")+".json")
			if *update {
				if err := os.WriteFile(golden, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("orders differ (-want +got):\n%s", diff)
			}
			if unread := name == "untidy"; unread != (len(a.Partial) == 1) || unread && !a.Partial[0].Unread {
				t.Errorf("got problems %+v, want one of an order with values that cannot be read: %t", a.Partial, unread)
			}
		})
	}
}

// schedule asks with one line that has one scheduleDetails, given as JSON members.
func schedule(t *testing.T, members string) clients.Line {
	t.Helper()
	a, err := ask(t, 200, `{"errorHead":{"errorCode":"0"},"referencedOrder":{"supplierOrderNumber":{"documentID":"SO1"},"orderLine":
		{"orderedArticle":{"orderedQuantity":{"quantityValue":"4"},"scheduleDetails":{`+members+`}}}}}`)
	if err != nil {
		t.Fatal(err)
	}
	return a.Orders[0].Lines[0]
}

func TestDespatchesReduceConfirmedQuantities(t *testing.T) {
	despatched := func(n int) string {
		return fmt.Sprintf(`{"despatchDate":"2026-01-18","despatchAdviceReference":{"documentID":"BOL1"},"despatchedQuantity":{"quantityValue":%d}}`, n)
	}
	for name, c := range map[string]struct {
		members            string
		confirmed, shipped clients.Quantity
		status             clients.Status
	}{
		"all of it": {
			`"confirmedQuantity":{"quantityValue":4},"scheduledArticleDespatchDetails":` + despatched(4),
			clients.Pieces(0), clients.Pieces(4), clients.StatusShipped,
		},
		"a part": {
			`"confirmedQuantity":{"quantityValue":4},"scheduledArticleDespatchDetails":[` + despatched(1) + "," + despatched(2) + `]`,
			clients.Pieces(1), clients.Pieces(3), clients.StatusPartiallyShipped,
		},
		"more than that": {
			`"scheduledArticleDespatchDetails":` + despatched(5) + `,"confirmedQuantity":{"quantityValue":4}`,
			clients.Pieces(0), clients.Pieces(5), clients.StatusShipped,
		},
		"none yet": {
			`"confirmedQuantity":{"quantityValue":4},"scheduledArticleDespatchDetails":[]`,
			clients.Pieces(4),
			clients.Quantity{},
			clients.StatusConfirmed,
		},
		"in variant 1 they are apart": {
			`"confirmedQuantity":{"quantityValue":"2"},"shippedDetails":{"shippedQuantity":{"quantityValue":"2"},"despatchedDetails":{"scheduledArticleDespatchDetails":` + despatched(2) + `}}`,
			clients.Pieces(2), clients.Pieces(2), clients.StatusPartiallyShipped,
		},
		"in variant 1 without a shipped quantity": {
			`"confirmedQuantity":null,"shippedDetails":{"despatchedDetails":{"scheduledArticleDespatchDetails":[` + despatched(2) + `]}}`,
			clients.Quantity{},
			clients.Pieces(2), clients.StatusShipped,
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := schedule(t, c.members)
			if l.Confirmed != c.confirmed || l.Shipped != c.shipped || l.Status != c.status {
				t.Errorf("got confirmed %v, shipped %v, %s; want %v, %v, %s", l.Confirmed, l.Shipped, l.Status, c.confirmed, c.shipped, c.status)
			}
		})
	}
}

func TestValues(t *testing.T) {
	quantities := map[string]clients.Quantity{
		`{"quantityValue":"2"}`: clients.Pieces(2), `{"quantityValue":2}`: clients.Pieces(2), `{"QuantityValue":"2.0"}`: clients.Pieces(2),
		`{"quantityValue":2.000}`: clients.Pieces(2), `"2"`: clients.Pieces(2), `{"quantityValue":"0"}`: clients.Pieces(0), `{"quantityValue":" 7 "}`: clients.Pieces(7),
		`null`: {}, `{}`: {}, `{"quantityValue":null}`: {}, `{"quantityValue":""}`: {},
	}
	for wire, want := range quantities {
		if got := schedule(t, `"openQuantity":`+wire).Open; got != want {
			t.Errorf("quantity %s: got %v, want %v", wire, got, want)
		}
	}
	dates := map[string]clients.Date{
		`"2026-01-18"`: "2026-01-18", `"20260118"`: "2026-01-18", `20260118`: "2026-01-18", `"2026-01-18T00:00:00Z"`: "2026-01-18",
		`"2026-01-18 10:00:00"`: "2026-01-18", `"9999-09-09"`: "", `"9999-12-31"`: "", `"29991231"`: "", `""`: "", `null`: "",
	}
	for wire, want := range dates {
		if got := schedule(t, `"openQuantity":"1","deliveryDate":`+wire).PromisedOn; got != want {
			t.Errorf("date %s: got %q, want %q", wire, got, want)
		}
	}
}

func TestUnreadableFieldsAreNamed(t *testing.T) {
	for wire, want := range map[string]string{
		`"deliveryDate":"2026-02-30"`:                                  `orderLine.orderedArticle.scheduleDetails.deliveryDate: 2026-02-30`,
		`"openQuantity":{"quantityValue":"two"}`:                       `orderLine.orderedArticle.scheduleDetails.openQuantity.quantityValue: two`,
		`"openQuantity":{"quantityValue":2.5}`:                         `orderLine.orderedArticle.scheduleDetails.openQuantity.quantityValue: 2.5`,
		`"openQuantity":{"quantityValue":-2}`:                          `orderLine.orderedArticle.scheduleDetails.openQuantity.quantityValue: -2`,
		`"openQuantity":{"quantityValue":9999999999999999}`:            `orderLine.orderedArticle.scheduleDetails.openQuantity.quantityValue: 9999999999999999`,
		`"openQuantity":[2]`:                                           `orderLine.orderedArticle.scheduleDetails.openQuantity: [2]`,
		`"shippedDetails":"` + strings.Repeat("ü", 50) + `"`:           `orderLine.orderedArticle.scheduleDetails.shippedDetails: ` + strings.Repeat("ü", 40),
		`"scheduledArticleDespatchDetails":[{},{"despatchDate":true}]`: `orderLine.orderedArticle.scheduleDetails.scheduledArticleDespatchDetails[1].despatchDate: true`,
	} {
		a, err := ask(t, 200, `{"errorHead":{"errorCode":"0"},"referencedOrder":[{"supplierOrderNumber":{"documentID":"SO1"},"orderLine":
			{"orderedArticle":{"scheduleDetails":{`+wire+`}}}}]}`)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{want}, a.Orders[0].Unmapped); diff != "" {
			t.Errorf("%s: unmapped differs (-want +got):\n%s", wire, diff)
		}
	}
}

func TestMembersInAnyOrder(t *testing.T) {
	a, err := ask(t, 200, `{"REFERENCEDORDER":[{"SUPPLIERORDERNUMBER":{"DOCUMENTID":17}}],"ERRORHEAD":{"ERRORCODE":0},"DOCUMENTID":"C1"}`)
	if err != nil || len(a.Orders) != 1 || a.Orders[0].OrderID != "17" {
		t.Errorf("got %+v and %v, want order 17", a, err)
	}
}

func TestEntriesOfOneOrderAreMerged(t *testing.T) {
	entry := func(line string) string {
		return `{"supplierOrderNumber":{"documentID":"SO1"},"orderReference":{"documentID":" "},"orderLine":` + line + `}`
	}
	a, err := ask(t, 200, `{"errorHead":{"errorCode":"0"},"referencedOrder":[`+
		entry(`{"lineID":"2"}`)+","+entry(`{"lineID":"1"}`)+","+entry(`{"lineID":"1"}`)+","+entry(`[{},null]`)+`]}`)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, l := range a.Orders[0].Lines {
		ids = append(ids, l.LineID)
	}
	if diff := cmp.Diff([]string{"1", "2", "3"}, ids); diff != "" || len(a.Orders) != 1 || a.Orders[0].Reference != "" {
		t.Errorf("got %d orders, reference %q, lines differ (-want +got):\n%s", len(a.Orders), a.Orders[0].Reference, diff)
	}
}

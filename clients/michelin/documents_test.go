package michelin_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients"
	"orderbeat/clients/clienttest"
	"orderbeat/clients/section"
)

const (
	desadvPath   = "/desadv/amn/C1_0/desadv"
	invoicesPath = "/invoice/amn/B3_4/invoices"
	noAdvices    = `{"envelopeHeader":{"documentID":"C1","variant":"0","messageType":"desadv","numberOfMessages":0},"errorHead":{"errorCode":"0"},"desadv":[]}`
	noInvoices   = `{"documentID":"B3","variant":"4","numberOfMessages":0,"errorHead":{"errorCode":"0"},"invoice":[]}`
)

// neighbour is a provider whose orders are documents: what [clienttest.Run] asks of every
// provider holds for them too.
type neighbour struct {
	clients.Provider
	ask func(context.Context, clients.Provider, clients.Query) (clients.Answer, error)
}

func (n neighbour) Orders(ctx context.Context, q clients.Query) (clients.Answer, error) {
	return n.ask(ctx, n.Provider, q)
}

func askAdvices(ctx context.Context, p clients.Provider, q clients.Query) (clients.Answer, error) {
	return p.(clients.DespatchSource).Advices(ctx, q)
}

func askInvoices(ctx context.Context, p clients.Provider, q clients.Query) (clients.Answer, error) {
	return p.(clients.InvoiceSource).Invoices(ctx, q)
}

// documents are what is told beside orders.
var documents = map[string]struct {
	ask        func(context.Context, clients.Provider, clients.Query) (clients.Answer, error)
	path, none string
}{
	"advices":  {askAdvices, desadvPath, noAdvices},
	"invoices": {askInvoices, invoicesPath, noInvoices},
}

func TestProviderOfDocuments(t *testing.T) {
	for name, d := range documents {
		t.Run(name, func(t *testing.T) {
			clienttest.Run(t, func(t *testing.T, baseURL string) clients.Provider {
				t.Helper()
				return neighbour{open(t, baseURL, nil), d.ask}
			}, clienttest.Wire{TokenPath: tokenPath, Grant: grant, Refusal: `{"error":"invalid_client"}`, Query: lastDays, Answer: d.none})
		})
	}
}

// answered asks for documents and is answered with body.
func answered(t *testing.T, name, body string) (clients.Answer, error) {
	t.Helper()
	day := lastDays
	day.To = day.From
	return documents[name].ask(t.Context(), open(t, answering(t, 200, body).URL, nil), day)
}

// The golden files are the examples of the OpenAPI, with the account's numbers and
// without what is not asked.
func TestRequestsForDocuments(t *testing.T) {
	for name, d := range documents {
		for _, request := range []string{"portal", "openapi"} {
			t.Run(name+" "+request, func(t *testing.T) {
				var body []byte
				s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path == tokenPath {
						fmt.Fprint(w, grant("sample!token"))
						return
					}
					if r.Method != http.MethodPost || r.URL.Path != d.path || r.Header.Get("Content-Type") != "application/json" {
						t.Errorf("got %s %s with %v", r.Method, r.URL, r.Header)
					}
					body, _ = io.ReadAll(r.Body)
					fmt.Fprint(w, d.none)
				}))
				defer s.Close()
				p := open(t, s.URL, func(s *section.Section) { s.Decode = clienttest.Decode(map[string]any{"request": request}) })
				if _, err := d.ask(t.Context(), p, lastDays); err != nil {
					t.Fatal(err)
				}
				same(t, filepath.Join("requests", request+"-"+name+".json"), append(body, '\n'))
			})
		}
	}
}

// same compares got with a golden file.
func same(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(filepath.Join("testdata", name), got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(sample(t, name)), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// The samples are invented answers in the shapes of Michelin North America
// Order-to-Cash, OpenAPI 1.0.1; the second of each has its spellings of other documents:
// members that begin with capitals, one thing in place of a list, numbers as texts.
func TestSamplesOfDocuments(t *testing.T) {
	for name := range documents {
		for _, spelling := range []string{"", "-pascal"} {
			t.Run(name+spelling, func(t *testing.T) {
				a, err := answered(t, name, string(sample(t, "documents/"+name+spelling+".json")))
				if err != nil || len(a.Partial) > 0 {
					t.Fatal(err, a.Partial)
				}
				got, err := json.MarshalIndent(map[string]any{"advices": a.Advices, "invoices": a.Invoices}, "", "  ")
				if err != nil {
					t.Fatal(err)
				}
				same(t, "documents/"+name+".golden.json", append(got, '\n'))
			})
		}
	}
}

func TestErrorCodesOfDocuments(t *testing.T) {
	for name := range documents {
		for code, want := range map[string]clients.Code{
			"901": clients.CodeInvalid, "907": clients.CodeInvalid, "915": clients.CodeInvalid, "920": clients.CodeInvalid, "987": clients.CodeInvalid,
			"950": clients.CodeInvalid, "303": clients.CodeUnavailable, "999": clients.CodeUnavailable,
		} {
			_, err := answered(t, name, `{"errorHead":{"errorCode":"`+code+`"}}`)
			if e := clients.AsError(err); err == nil || e.Code != want || !strings.Contains(e.Message, code) {
				t.Errorf("%s %s: got %v, want %s with the code", name, code, err, want)
			}
		}
	}
}

func TestResponseWithAnotherDocumentIsRejected(t *testing.T) {
	for name, bodies := range map[string]map[string]string{
		"advices": {
			"an order status":              noOrders,
			"a list of invoices":           noInvoices,
			"another version":              `{"envelopeHeader":{"documentID":"A2","messageType":"desadv"},"errorHead":{"errorCode":"0"}}`,
			"another message":              `{"envelopeHeader":{"documentID":"C1","messageType":"invoic"},"errorHead":{"errorCode":"0"},"desadv":[]}`,
			"no errorHead":                 `{"envelopeHeader":{"documentID":"C1","messageType":"desadv"},"desadv":[]}`,
			"nothing but an errorHead":     `{"errorHead":{"errorCode":"0"}}`,
			"messages that are not there":  `{"envelopeHeader":{"messageType":"desadv","numberOfMessages":2},"errorHead":{"errorCode":"0"},"desadv":[]}`,
			"advices that are a text":      `{"errorHead":{"errorCode":"0"},"desadv":"none"}`,
			"an advice that is a number":   `{"errorHead":{"errorCode":"0"},"desadv":[7]}`,
			"a list that is cut short":     `{"errorHead":{"errorCode":"0"},"desadv":[{}`,
			"an envelope without messages": `{"envelopeHeader":{"documentID":"C1"},"errorHead":{"errorCode":"0"}}`,
		},
		"invoices": {
			"an order status":             noOrders,
			"despatch advices":            noAdvices,
			"another version":             `{"documentID":"B4","errorHead":{"errorCode":"0"},"invoice":[]}`,
			"no list and no errorHead":    `{"documentID":"B3","numberOfMessages":0}`,
			"a list and nothing else":     `{"invoice":[]}`,
			"nothing but an errorHead":    `{"errorHead":{"errorCode":"0"}}`,
			"messages that are not there": `{"documentID":"B3","numberOfMessages":"2","errorHead":{"errorCode":"0"},"invoice":null}`,
			"invoices that are a number":  `{"documentID":"B3","errorHead":{"errorCode":"0"},"invoice":0}`,
		},
	} {
		for what, body := range bodies {
			a, err := answered(t, name, body)
			if e := clients.AsError(err); err == nil || e.Code != clients.CodeBadResponse {
				t.Errorf("%s: %s: got %+v and %v, want bad_response", name, what, a, err)
			}
		}
	}
}

func TestNoDocuments(t *testing.T) {
	for name, bodies := range map[string][]string{
		"advices": {
			noAdvices, `{"errorHead":{"errorCode":"0"},"desadv":null}`,
			`{"envelopeHeader":{"documentID":"C1","messageType":"DESADV","numberOfMessages":0},"errorHead":{"errorCode":0}}`,
		},
		"invoices": {noInvoices, `{"documentID":"B3","invoice":[]}`, `{"documentID":"B3","errorHead":{"errorCode":"0"}}`, `{"errorHead":{"errorCode":"0"},"invoice":[]}`},
	} {
		for _, body := range bodies {
			if a, err := answered(t, name, body); err != nil || len(a.Advices)+len(a.Invoices)+len(a.Partial) > 0 {
				t.Errorf("%s: %s: got %+v and %v, want none", name, body, a, err)
			}
		}
	}
}

func TestProblemsOfDocuments(t *testing.T) {
	head := `{"errorHead":{"errorCode":"1"},`
	for name, c := range map[string]struct {
		kind, body, ids string
		want            clients.Problem
	}{
		"an advice's own error": {
			"advices", head + `"desadv":{"documentNumber":"BOL1","error":{"errorCode":"953","errorText":"unknown"}}}`, "",
			clients.Problem{Code: "953", Message: "despatch advice BOL1: unknown"},
		},
		"an error beside its lines": {
			"advices", head + `"desadv":{"documentNumber":"BOL1","error":{"errorCode":"953","errorText":"unknown"},"lineLevel":{"lineID":"1"}}}`, "BOL1",
			clients.Problem{Code: "953", Message: "despatch advice BOL1: unknown"},
		},
		"an advice without a number": {"advices", head + `"desadv":{}}`, "", clients.Problem{Message: "despatch advice: it has no number"}},
		"nobody says which":          {"invoices", head + `"invoice":{"documentNumber":"1"}}`, "1", clients.Problem{Code: "1", Message: "at least one item is incorrect"}},
		"an invoice without a number": {
			"invoices", head + `"invoice":{"documentTypeCode":"380"}}`, "",
			clients.Problem{Message: "invoice: it has no number"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := answered(t, c.kind, c.body)
			if err != nil {
				t.Fatal(err)
			}
			ids := ""
			for _, d := range a.Advices {
				ids += d.AdviceID
			}
			for _, d := range a.Invoices {
				ids += d.Number
			}
			if diff := cmp.Diff([]clients.Problem{c.want}, a.Partial); diff != "" || ids != c.ids {
				t.Errorf("got %q, want %q; problems (-want +got):\n%s", ids, c.ids, diff)
			}
		})
	}
}

func TestPartsOfOneDocumentAreMerged(t *testing.T) {
	part := func(id, line string) string {
		return `{"documentNumber":"` + id + `","lineLevel":{"lineID":"` + line + `","orderedArticle":{"tracingInformation":{"tracingID":"T` + line + `"}}}}`
	}
	a, err := answered(t, "advices", `{"errorHead":{"errorCode":"0"},"desadv":[`+part("B1", "2")+","+part("B2", "1")+","+part("B1", "1")+`]}`)
	if err != nil || len(a.Advices) != 2 || len(a.Advices[0].Lines) != 2 || strings.Join(a.Advices[0].Tracking, " ") != "T1 T2" {
		t.Errorf("advices: got %+v and %v, want two, the first of two parts", a.Advices, err)
	}
	a, err = answered(t, "invoices", `{"documentID":"B3","invoice":[`+part("1", "2")+","+part("1", "1")+`]}`)
	if err != nil || len(a.Invoices) != 1 || len(a.Invoices[0].Lines) != 2 {
		t.Errorf("invoices: got %+v and %v, want one of two parts", a.Invoices, err)
	}
}

func TestBillOfLadingIsTheReference(t *testing.T) {
	for name, c := range map[string]struct{ members, id, bill string }{
		"beside a number of the advice's own": {`"documentNumber":"ASN1","references":{"referenceTypeCode":"DQ","documentID":"BOL1"}`, "ASN1", "BOL1"},
		"of a line":                           {`"documentNumber":"ASN1","lineLevel":{"references":[{"referenceTypeCode":"BM","documentID":"BOL1"}]}`, "ASN1", "BOL1"},
		"or the number":                       {`"documentNumber":"BOL1","references":[{"referenceTypeCode":"ACC","documentID":"T1"}]`, "BOL1", "BOL1"},
		"which may be missing":                {`"references":{"referenceTypeCode":"DQ","documentID":"BOL1"}`, "BOL1", "BOL1"},
	} {
		a, err := answered(t, "advices", `{"errorHead":{"errorCode":"0"},"desadv":{`+c.members+`}}`)
		if err != nil || a.Advices[0].AdviceID != c.id || string(a.Advices[0].BillOfLading) != c.bill {
			t.Errorf("%s: got %+v and %v, want advice %s on %s", name, a.Advices, err, c.id, c.bill)
		}
	}
}

func TestUnreadableFieldsOfDocumentsAreNamed(t *testing.T) {
	a, err := answered(t, "invoices", `{"documentID":"B3","invoice":[{"documentNumber":"1","documentTypeCode":"389","issueDate":"soon",
		"summary":{"totalAmount":{"amountValue":"much"}},"lineLevel":[{"invoicedQuantity":{"quantityValue":0.5}},[]]}]}`)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"documentTypeCode: 389", "issueDate: soon", "lineLevel[0].invoicedQuantity.quantityValue: 0.5", "lineLevel[1]: []",
		"summary.totalAmount.amountValue: much",
	}
	if diff := cmp.Diff(want, a.Invoices[0].Unmapped); diff != "" || a.Invoices[0].Type != clients.InvoiceUnknown {
		t.Errorf("type %s, unmapped (-want +got):\n%s", a.Invoices[0].Type, diff)
	}
}

func TestDocumentsRequireAWindow(t *testing.T) {
	p := open(t, "http://127.0.0.1:1", nil)
	for name, d := range documents {
		for _, q := range []clients.Query{{}, {From: "2026-01-01"}, {OrderIDs: []string{"SO1"}}} {
			_, err := d.ask(t.Context(), p, q)
			if e := clients.AsError(err); e.Code != clients.CodeInvalid {
				t.Errorf("%s: got %v, want invalid", name, err)
			}
		}
	}
}

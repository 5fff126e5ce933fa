package michelin_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderbeat/auth/secret"
	"orderbeat/clients"
	"orderbeat/clients/clienttest"
	"orderbeat/clients/michelin"
	"orderbeat/clients/section"
)

const (
	tokenPath  = "/idp/v2/b2b/oauth2/token"
	statusPath = "/order/amn/C1_1/status"
	noOrders   = `{"documentID":"C1","variant":"1","orderStatusIndicator":"2","errorHead":{"errorCode":"0"},"referencedOrder":[]}`
)

// grant is the portal page's token answer, with other values: it has no expires_in.
func grant(token string) string {
	return fmt.Sprintf(`{"access_token":%q,"signature":"c2FtcGxl","scope":"openid api","instance_url":"https://instance.example",
		"id":"https://instance.example/id/1","token_type":"Bearer","issued_at":"1727983572407"}`, token)
}

// open makes a client of the server at baseURL.
func open(t *testing.T, baseURL string, change func(*section.Section)) clients.Provider {
	t.Helper()
	s := clienttest.Section("michelin", baseURL)
	if change != nil {
		change(&s)
	}
	p, err := michelin.Open(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.(io.Closer).Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

var lastDays = clients.Query{
	Account: clients.Account{Name: "detroit", BillTo: "1111111", ShipTo: "1234567"},
	From:    "2024-11-01", To: "2024-12-31",
}

func TestProvider(t *testing.T) {
	plain := func(t *testing.T, baseURL string) clients.Provider {
		t.Helper()
		return open(t, baseURL, nil)
	}
	clienttest.Run(t, plain, clienttest.Wire{
		TokenPath: tokenPath, Grant: grant, Refusal: `{"error":"invalid_client"}`,
		Query: lastDays, Answer: noOrders,
	})
}

func TestProviderWithTheOlderScheme(t *testing.T) {
	basic := func(t *testing.T, baseURL string) clients.Provider {
		t.Helper()
		return open(t, baseURL, olderScheme)
	}
	clienttest.Run(t, basic, clienttest.Wire{
		Query: lastDays, Answer: noOrders, Secrets: []string{"canary-password", "canary-apikey"},
	})
}

func olderScheme(s *section.Section) {
	s.ClientID, s.ClientSecret = secret.Secret{}, secret.Secret{}
	s.Decode = clienttest.Decode(map[string]any{
		"scheme": "basic_apikey", "username": "sample", "password": secret.New("canary-password"), "apikey": secret.New("canary-apikey"),
	})
}

// answering runs a server that grants one token and answers every question with body.
func answering(t *testing.T, status int, body string) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == tokenPath {
			fmt.Fprint(w, grant("sample!token"))
			return
		}
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(s.Close)
	return s
}

// ask asks for lastDays and is answered with body.
func ask(t *testing.T, status int, body string) (clients.Answer, error) {
	t.Helper()
	return open(t, answering(t, status, body).URL, nil).Orders(t.Context(), lastDays)
}

func TestOlderSchemeSendsBasicAndAPIKeyTogether(t *testing.T) {
	got := make(chan http.Header, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got <- r.Header
		fmt.Fprint(w, noOrders)
	}))
	defer s.Close()
	if _, err := open(t, s.URL, olderScheme).Orders(t.Context(), lastDays); err != nil {
		t.Fatal(err)
	}
	h := <-got
	if h.Get("apikey") != "canary-apikey" || !strings.HasPrefix(h.Get("Authorization"), "Basic ") {
		t.Errorf("got apikey %q and Authorization %.6q, want both credentials", h.Get("apikey"), h.Get("Authorization"))
	}
}

// The golden files are the portal page's sample body and the OpenAPI's example, both
// with the account's numbers.
func TestRequests(t *testing.T) {
	byName := clients.Query{Account: lastDays.Account, OrderIDs: []string{"SO12345678"}, References: []string{"PO12345", "PO/6"}}
	byNameInWindow := byName
	byNameInWindow.From, byNameInWindow.To = lastDays.From, lastDays.To
	for name, c := range map[string]struct {
		request string
		query   clients.Query
	}{
		"portal window":          {"portal", lastDays},
		"portal by name":         {"portal", byName},
		"portal by name, dated":  {"portal", byNameInWindow},
		"openapi window":         {"openapi", lastDays},
		"openapi by name":        {"openapi", byName},
		"openapi by name, dated": {"openapi", byNameInWindow},
	} {
		t.Run(name, func(t *testing.T) {
			var body []byte
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.URL.Path == tokenPath:
					fmt.Fprint(w, grant("sample!token"))
				case r.Method != http.MethodPost || r.URL.Path != statusPath || r.Header.Get("Content-Type") != "application/json" ||
					r.Header.Get("User-Agent") != "orderbeat/test":
					t.Errorf("got %s %s with %v", r.Method, r.URL, r.Header)
				default:
					body, _ = io.ReadAll(r.Body)
					fmt.Fprint(w, noOrders)
				}
			}))
			defer s.Close()
			p := open(t, s.URL, func(s *section.Section) { s.Decode = clienttest.Decode(map[string]any{"request": c.request}) })
			if _, err := p.Orders(t.Context(), c.query); err != nil {
				t.Fatal(err)
			}
			file := c.request + "-window.json"
			if c.query.ByReference() {
				file = c.request + "-by-name.json"
			}
			want := strings.TrimSuffix(string(sample(t, "requests/"+file)), "\n")
			if diff := cmp.Diff(want, string(body)); diff != "" {
				t.Errorf("the body differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestQueryWithoutWindowOrOrdersIsNotSent(t *testing.T) {
	p := open(t, "http://127.0.0.1:1", nil)
	_, err := p.Orders(t.Context(), clients.Query{Account: lastDays.Account})
	if e := clients.AsError(err); e.Code != clients.CodeInvalid {
		t.Errorf("got %v, want invalid", err)
	}
}

func TestErrorCodes(t *testing.T) {
	for code, want := range map[string]clients.Code{
		"901": clients.CodeInvalid, "907": clients.CodeInvalid, "915": clients.CodeInvalid, "920": clients.CodeInvalid,
		"925": clients.CodeInvalid, "987": clients.CodeInvalid, "950": clients.CodeInvalid, "E17": clients.CodeInvalid,
		"303": clients.CodeUnavailable, "304": clients.CodeUnavailable, "399": clients.CodeUnavailable,
		"405": clients.CodeUnavailable, "499": clients.CodeUnavailable, "999": clients.CodeUnavailable,
	} {
		t.Run(code+" is "+string(want), func(t *testing.T) {
			_, err := ask(t, 200, `{"documentID":"C1","errorHead":{"errorCode":"`+code+`","errorText":"sample\ntext"}}`)
			e := clients.AsError(err)
			if err == nil || e.Code != want || e.Status != 200 || !strings.Contains(e.Message, code) || !strings.Contains(e.Message, "sample text") {
				t.Errorf("got %+v, want %s with the code and its text", e, want)
			}
			if want == clients.CodeInvalid && e.Hint == "" {
				t.Error("got no hint")
			}
		})
	}
}

func TestFirstErrorHeadWithACodeIsUsed(t *testing.T) {
	for heads, want := range map[string]clients.Code{
		`"errorHead":{"errorCode":"999"},"errorHead":{"errorCode":"0"}`:                                 clients.CodeUnavailable,
		`"errorHead":{"errorCode":"0"},"errorHead":{"errorCode":"999"}`:                                 clients.CodeUnavailable,
		`"errorHead":{"errorCode":"0"},"ErrorHead":{"errorCode":"915"},"errorHead":{"errorCode":"999"}`: clients.CodeInvalid,
		`"errorHead":{"errorCode":"999"},"errorHead":{"errorCode":"0"},"errorHead":{"errorCode":"915"}`: clients.CodeUnavailable,
	} {
		_, err := ask(t, 200, `{"documentID":"C1",`+heads+`}`)
		if e := clients.AsError(err); err == nil || e.Code != want {
			t.Errorf("%s: got %v, want %s", heads, err, want)
		}
	}
}

func TestErrorsNeedNoDocumentID(t *testing.T) {
	for code, want := range map[string]clients.Code{"907": clients.CodeInvalid, "303": clients.CodeUnavailable} {
		_, err := ask(t, 200, `{"errorHead":{"errorCode":"`+code+`"}}`)
		if e := clients.AsError(err); err == nil || e.Code != want {
			t.Errorf("%s: got %v, want %s", code, err, want)
		}
	}
}

func Test403HintNamesTheBillTo(t *testing.T) {
	_, err := ask(t, 403, `{}`) // the portal page's body
	if e := clients.AsError(err); e.Code != clients.CodeForbidden || !strings.Contains(e.Hint, "Bill-to") {
		t.Errorf("got %+v, want forbidden with the bill-to in the hint", e)
	}
}

func TestNoOrders(t *testing.T) {
	for name, members := range map[string]string{
		"empty": `,"referencedOrder":[]`, "null": `,"referencedOrder":null`, "absent": `,"documentID":"C1"`,
	} {
		a, err := ask(t, 200, `{"errorHead":{"errorCode":0}`+members+`}`)
		if err != nil || len(a.Orders)+len(a.Partial) != 0 {
			t.Errorf("%s: got %+v and %v, want no orders", name, a, err)
		}
	}
}

func TestInvalidDocuments(t *testing.T) {
	for name, body := range map[string]string{
		"another message version":         `{"documentID":"A2","errorHead":{"errorCode":"0"}}`,
		"neither documentID nor orders":   `{"errorHead":{"errorCode":"0"}}`,
		"a part of no document":           `{"errorHead":{"errorCode":"1"}}`,
		"a documentID that is null":       `{"documentID":null,"errorHead":{"errorCode":"0"},"referencedOrder":[]}`,
		"a second errorHead with no code": `{"documentID":"C1","errorHead":{"errorCode":"0"},"errorHead":{}}`,
		"a first errorHead with no code":  `{"documentID":"C1","errorHead":{},"errorHead":{"errorCode":"0"}}`,
		"a documentID of another type":    `{"documentID":["C1"],"errorHead":{"errorCode":"0"}}`,
		"no errorHead":                    `{"documentID":"C1","referencedOrder":[]}`,
		"an errorHead without its code":   `{"documentID":"C1","errorHead":{}}`,
		"an errorHead that is null":       `{"documentID":"C1","errorHead":null}`,
		"a code that is no code":          `{"documentID":"C1","errorHead":{"errorCode":{}}}`,
		"orders that are a text":          `{"errorHead":{"errorCode":"0"},"referencedOrder":"none"}`,
		"orders that are a number":        `{"errorHead":{"errorCode":"0"},"referencedOrder":0}`,
		"an order that is a text":         `{"errorHead":{"errorCode":"0"},"referencedOrder":["SO1"]}`,
		"an order that is null":           `{"errorHead":{"errorCode":"0"},"referencedOrder":[null]}`,
		"a list cut short":                `{"errorHead":{"errorCode":"0"},"referencedOrder":[{}`,
		"a member without a value":        `{"errorHead":{"errorCode":"0"},"referencedOrder":}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ask(t, 200, body)
			if e := clients.AsError(err); err == nil || e.Code != clients.CodeBadResponse {
				t.Errorf("got %v, want bad_response", err)
			}
		})
	}
}

func TestPartialResponses(t *testing.T) {
	withLine := `{"supplierOrderNumber":{"documentId":"SO2"},"error":{"errorCode":"953","errorText":" line unknown "},"orderLine":[{"lineId":"1"}]}`
	for name, c := range map[string]struct {
		code, orders string
		ids          []string
		want         []clients.Problem
	}{
		"an order's own error": {
			"1", `{"orderReference":{"documentId":"PO1"},"error":{"errorCode":"953","errorText":"unknown"}}`,
			nil,
			[]clients.Problem{{Reference: "PO1", Code: "953", Message: "unknown"}},
		},
		"an error beside an order's lines": {"1", withLine, []string{"SO2"}, []clients.Problem{{OrderID: "SO2", Code: "953", Message: "line unknown"}}},
		"an error under a head without":    {"0", withLine, []string{"SO2"}, []clients.Problem{{OrderID: "SO2", Code: "953", Message: "line unknown"}}},
		"no order says which": {
			"1", `{"supplierOrderNumber":{"documentId":"SO2"},"error":{"errorCode":"0"}}`,
			[]string{"SO2"},
			[]clients.Problem{{Code: "1", Message: "at least one item is incorrect"}},
		},
		"an order without a number": {
			"0", `{"supplierOrderNumber":null,"orderReference":{"documentId":"PO1"},"orderLine":[{"lineId":"1"}]}`,
			nil,
			[]clients.Problem{{Reference: "PO1", Message: "the order has no supplier order number"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := ask(t, 200, `{"errorHead":{"errorCode":"`+c.code+`"},"referencedOrder":[`+c.orders+`]}`)
			if err != nil {
				t.Fatal(err)
			}
			var ids []string
			for _, o := range a.Orders {
				ids = append(ids, o.OrderID)
			}
			if diff := cmp.Diff(c.want, a.Partial); diff != "" {
				t.Errorf("problems differ (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.ids, ids); diff != "" {
				t.Errorf("orders differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTraits(t *testing.T) {
	got := open(t, "http://127.0.0.1:1", nil).Traits()
	if diff := cmp.Diff(clients.Traits{MaxWindowDays: 90, MaxReferences: 50, MaxDespatchDays: 5, MaxInvoiceDays: 30}, got); diff != "" {
		t.Errorf("traits differ (-want +got):\n%s", diff)
	}
}

func TestManyAskAtOnce(t *testing.T) {
	p := open(t, answering(t, 200, noOrders).URL, nil)
	errs := make(chan error, 20)
	for range cap(errs) {
		go func() {
			_, err := p.Orders(context.WithoutCancel(t.Context()), lastDays)
			errs <- err
		}()
	}
	var all []error
	for range cap(errs) {
		all = append(all, <-errs)
	}
	if err := errors.Join(all...); err != nil {
		t.Error(err)
	}
}

func sample(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

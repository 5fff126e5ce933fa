package declared_test

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"orderbeat/clients"
)

// enquire asks Shell's preset for the cards of a window, and is answered so.
func enquire(t *testing.T, keys string, status int, body string) (clients.Answer, error) {
	t.Helper()
	p, _ := standing(t, "shell", keys, saying(status, body))
	return p.Orders(t.Context(), shellWindow(t))
}

// cards asks likewise, for what comes in the member Data of a success.
func cards(t *testing.T, data string) []string {
	t.Helper()
	answer, err := enquire(t, "", 200, `{"RequestId":"x","Status":"SUCCESS","Data":[`+data+`]}`)
	if err != nil {
		t.Fatal(err)
	}
	return shown(answer)
}

func shellWindow(t *testing.T) clients.Query {
	t.Helper()
	london, err := time.LoadLocation("Europe/London")
	if err != nil {
		t.Fatal(err)
	}
	a := sectionOf(t, "shell", "").Accounts[0]
	a.Location = london
	return clients.Query{Account: a, From: "2026-11-14", To: "2026-11-20"}
}

func TestShellRequestsHaveARequestID(t *testing.T) {
	var ids []string
	p, server := standing(t, "shell", "", func(w http.ResponseWriter, r *http.Request) {
		ids = append(ids, r.Header.Get("RequestId"))
		fmt.Fprint(w, `{"Status":"SUCCESS","Data":[]}`)
	})
	for range 2 {
		if _, err := p.Orders(t.Context(), shellWindow(t)); err != nil {
			t.Fatal(err)
		}
	}
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	if len(ids) != 2 || !form.MatchString(ids[0]) || !form.MatchString(ids[1]) || ids[0] == ids[1] {
		t.Errorf("got RequestIds %q, want a new UUID for each call", ids)
	}
	const call = `POST /card-management/v1/ordercardenquiry {"Filters":{"ColCoCode":32,"FromDate":"20261114","PayerNumber":"GB00000101","ToDate":"20261120"}}`
	sameLines(t, "calls", []string{call, call}, functional(server, "shell"))
}

func TestShellRequestsByNumber(t *testing.T) {
	p, server := standing(t, "shell", "", saying(200, `{"Status":"SUCCESS","Data":[]}`))
	q := clients.Query{Account: sectionOf(t, "shell", "").Accounts[0], OrderIDs: []string{"100001"}, References: []string{"REQ-1"}}
	if _, err := p.Orders(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	const call = `POST /card-management/v1/ordercardenquiry {"Filters":{"ColCoCode":32,`
	sameLines(t, "calls", []string{
		call + `"PayerNumber":"GB00000101","ReferenceNumber":100001,"ReferenceType":1}}`,
		call + `"OrderRequestId":"REQ-1","PayerNumber":"GB00000101"}}`,
	}, functional(server, "shell"))
}

func TestShellRequestsCoverSevenDays(t *testing.T) {
	p, _ := standing(t, "shell", "", saying(200, ""))
	if got := p.Traits(); got.HistoryDays != 7 || got.MaxWindowDays != 7 {
		t.Errorf("got %+v, want windows and a history of 7 days", got)
	}
}

func TestShellStatuses(t *testing.T) {
	want := map[string]clients.Status{
		"P": clients.StatusOpen, "I": clients.StatusConfirmed, "PX": clients.StatusOpen, "R": clients.StatusScheduled,
		"S": clients.StatusShipped, "X": clients.StatusCancelled, "F": clients.StatusCancelled, "Q": clients.StatusUnknown,
	}
	var data, lines []string
	for i, status := range slices.Sorted(maps.Keys(want)) {
		data = append(data, fmt.Sprintf(`{"MainReference":%d,"OrderCardReference":%d,"OrderStatus":%q,"ErrorCode":"0000"}`, i+1, 10*(i+1), status))
		lines = append(lines, fmt.Sprintf("%d   %s; %d %s ", i+1, want[status], 10*(i+1), want[status]))
	}
	sameLines(t, "orders", lines, cards(t, strings.Join(data, ",")))
}

func TestShellCardsOfAnOrderAreItsLines(t *testing.T) {
	sameLines(t, "orders", []string{"7 REQ-1 2026-11-15 partially_shipped; 71 shipped SAMPLE; 72 scheduled SAMPLE"}, cards(t,
		`{"MainReference":7,"OrderCardReference":71,"OrderStatus":"S","OrderRequestId":"REQ-1","CardTypeName":"SAMPLE","SubmittedDate":"20261116 00:10:00"},
		 {"MainReference":7,"OrderCardReference":72,"OrderStatus":"R","OrderRequestId":"REQ-1","CardTypeName":"SAMPLE","SubmittedDate":"20261115 23:50:00"}`))
}

func TestShellTextNullIsNull(t *testing.T) {
	sameLines(t, "orders", []string{"B-1   scheduled; 71 scheduled "}, cards(t,
		`{"MainReference":"null","BCOReference":"B-1","OrderCardReference":71,"OrderStatus":"R","OrderRequestId":"null","CardTypeName":"null","SubmittedDate":"null","ErrorCode":"null","ErrorDescription":"null"}`))
}

func TestShellCardFailureReasons(t *testing.T) {
	sameLines(t, "orders", []string{"7   cancelled; 71 cancelled SAMPLE: Sample failure"}, cards(t,
		`{"MainReference":7,"OrderCardReference":71,"OrderStatus":"F","CardTypeName":"SAMPLE","ErrorCode":"0042","ErrorDescription":"Sample failure"}`))
}

// The customer's local time is taken for what it says: no zone moves it to another day.
func TestShellTimesAreInTheCustomersZone(t *testing.T) {
	sameLines(t, "orders", []string{"7  2026-11-15 open; 71 open ", "8  2026-11-16 open; 81 open "}, cards(t,
		`{"MainReference":7,"OrderCardReference":71,"OrderStatus":"P","SubmittedDate":"20261115 23:59:59"},
		 {"MainReference":8,"OrderCardReference":81,"OrderStatus":"P","SubmittedDate":"20261116 00:00:00"}`))
}

// Not even a mapping that asks for one has a card's number, nor does what is kept of an
// answer that cannot be read.
func TestShellCardNumbersAreNotStored(t *testing.T) {
	const pan = "7077327290223410782"
	const body = `{"Status":"SUCCESS","Data":[{"MainReference":7,"CardPAN":"` + pan + `","Deep":{"pan":` + pan + `}}]`
	answer, err := enquire(t, `map = '.Data[] | {order_id: .MainReference, reference: .CardPAN, method: .Deep.pan}'`, 200, body+"}")
	if err != nil {
		t.Fatal(err)
	}
	if o := answer.Orders[0]; o.Reference != "REDACTED" || o.Method != "REDACTED" {
		t.Errorf("got %q and %q, want REDACTED", o.Reference, o.Method)
	}
	_, err = enquire(t, "", 200, body)
	e := clients.AsError(err)
	if e.Code != clients.CodeBadResponse || e.Exchange == nil || !strings.Contains(e.Exchange.ResponseBody, `"MainReference":7`) {
		t.Fatalf("got %v with %+v, want the answer kept", err, e.Exchange)
	}
	if strings.Contains(e.Exchange.ResponseBody, pan) {
		t.Errorf("the exchange tells the card's number: %s", e.Exchange.ResponseBody)
	}
}

func TestShellErrorsHaveSixFormats(t *testing.T) {
	for _, c := range []struct {
		status int
		body   string
		code   clients.Code
		says   string
	}{
		{200, `{"Status":"FAILED","Errors":[{"Code":"1","Title":"Sample title","Detail":"d"}]}`, clients.CodeInvalid, "Sample title"},
		{200, `{"Status":"FAILED","Errors":[{"Detail":"Sample detail"}]}`, clients.CodeInvalid, "Sample detail"},
		{400, `{"RequestId":"x","Status":"FAILED","Errors":[{"Title":"Sample title"}]}`, clients.CodeInvalid, "Sample title"},
		{400, `{"Error":{"Code":"1","Description":"Sample description"}}`, clients.CodeInvalid, "Sample description"},
		{400, `{"ErrorCode":"x","Error":"Sample error"}`, clients.CodeInvalid, "Sample error"},
		{404, `{"fault":{"faultstring":"Sample fault","detail":{"errorcode":"x"}}}`, clients.CodeInvalid, "Sample fault"},
		{422, `{"errorCode":"x","message":"Sample message","error":{}}`, clients.CodeInvalid, "Sample message"},
		{503, `{"fault":{"faultstring":"Sample fault"}}`, clients.CodeUnavailable, "is unavailable"},
	} {
		_, err := enquire(t, "", c.status, c.body)
		if e := clients.AsError(err); e == nil || e.Code != c.code || !strings.Contains(e.Message, c.says) {
			t.Errorf("%d %s: got %v, want %s with %q", c.status, c.body, err, c.code, c.says)
		}
	}
}

func TestShellSuccessResponses(t *testing.T) {
	for status, problems := range map[string]int{"SUCCESS": 0, "SUCCES": 0, "PARTIAL_SUCCESS": 1} {
		answer, err := enquire(t, "", 200, `{"Status":"`+status+`","Errors":[{"Title":"Sample title"}],"Data":[{"MainReference":7,"OrderCardReference":71,"OrderStatus":"P"}]}`)
		if err != nil || len(answer.Orders) != 1 || len(answer.Partial) != problems {
			t.Errorf("%s: got %d orders, %v and %v, want one order and %d problems", status, len(answer.Orders), answer.Partial, err, problems)
		}
	}
}

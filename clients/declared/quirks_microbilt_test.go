package declared_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"orderbeat/clients"
)

// report asks Microbilt's preset for an archived report, and is answered so.
func report(t *testing.T, status int, body string) (clients.Answer, error) {
	t.Helper()
	p, _ := standing(t, "microbilt", "", saying(status, body))
	return p.Orders(t.Context(), reportsNamed(t, "APP-1"))
}

func reportsNamed(t *testing.T, appIDs ...string) clients.Query {
	t.Helper()
	return clients.Query{Account: sectionOf(t, "microbilt", "").Accounts[0], OrderIDs: appIDs}
}

func TestMicrobiltRequestsAreGetWithABody(t *testing.T) {
	var contentType string
	p, server := standing(t, "microbilt", "", func(w http.ResponseWriter, r *http.Request) {
		contentType = r.Header.Get("Content-Type")
		fmt.Fprint(w, `{"MsgRsHdr":{"RqUID":"RQ-1","Status":{"StatusCode":0,"StatusDesc":"OK"}}}`)
	})
	if _, err := p.Orders(t.Context(), reportsNamed(t, "APP-1", "APP-2")); err != nil {
		t.Fatal(err)
	}
	sameLines(t, "calls", []string{`GET /IBV/GetArchiveReport {"AppId":"APP-1"}`, `GET /IBV/GetArchiveReport {"AppId":"APP-2"}`}, functional(server, "microbilt"))
	if contentType != "application/json" {
		t.Errorf("got Content-Type %q, want JSON", contentType)
	}
}

func TestMicrobiltReportExistsOrNot(t *testing.T) {
	for _, c := range []struct {
		status int
		body   string
		want   []string
	}{
		{200, `{"MsgRsHdr":{"RqUID":"RQ-1","Status":{"StatusDesc":"OK"}},"Subject":[{}]}`, []string{"APP-1 RQ-1  delivered"}},
		{200, `{"MsgRsHdr":{"RqUID":"RQ-1","Status":{"StatusDesc":"NOHIT"}}}`, []string{"APP-1 RQ-1  cancelled"}},
		{202, `{}`, []string{"APP-1   open"}},
		{202, ``, []string{"APP-1   open"}},
		{404, `{}`, nil},
		{404, `<html>`, nil},
	} {
		answer, err := report(t, c.status, c.body)
		if err != nil {
			t.Errorf("%d %s: %v", c.status, c.body, err)
		}
		sameLines(t, fmt.Sprint(c.status, " ", c.body), c.want, shown(answer))
	}
}

func TestMicrobiltErrorsAreClassified(t *testing.T) {
	for body, want := range map[string]clients.Code{
		`{"RESPONSE":{"STATUS":{"error":{"type":"APPLICATION","code":"7"}}}}`: clients.CodeInvalid,
		`{"RESPONSE":{"STATUS":{"error":{"type":"SYSTEM","code":"7"}}}}`:      clients.CodeUnavailable,
		`{"RESPONSE":{}}`: clients.CodeBadResponse,
		`{}`:              clients.CodeBadResponse,
	} {
		if _, err := report(t, 200, body); clients.AsError(err) == nil || clients.AsError(err).Code != want {
			t.Errorf("%s: got %v, want %s", body, err, want)
		}
	}
}

// However it is declared, and wherever an answer leads.
func TestMicrobiltGetReportIsNotSent(t *testing.T) {
	for name, keys := range map[string]string{
		"a path that is computed":    `fetch = { method = "POST", path = '/\($params.product)/\("Get" + "Report")' }`,
		"a step that is computed":    `fetch = { method = "POST", path = '/IBV/GetRep\("ORT")/' }`,
		"another product, with GET":  `fetch = { path = '/\("TransUnion")/\("GetReport")' }`,
		"a link to the next page":    `fetch = { method = "POST", paging = { by = "link" } }`,
		"an item that leads there":   `fetch = { each = { method = "POST", items = '.next', path = '/IBV/\($item)' } }`,
		"a number that is no number": `fetch = { method = "POST", path = '/IBV/\($order_id)' }`,
	} {
		p, server := standing(t, "microbilt", keys, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", `</IBV/GetReport>; rel="next"`)
			fmt.Fprint(w, `{"next":"GetReport","MsgRsHdr":{"Status":{"StatusDesc":"OK"}}}`)
		})
		answer, err := p.Orders(t.Context(), reportsNamed(t, "GetReport"))
		if err == nil || !strings.Contains(err.Error(), "GetReport orders a paid report") || len(answer.Orders) > 0 {
			t.Errorf("%s: got %d orders and %v, want it refused", name, len(answer.Orders), err)
		}
		for _, call := range functional(server, "microbilt") {
			if !strings.Contains(call, "GetArchiveReport") {
				t.Errorf("%s: got the call %s", name, call)
			}
		}
	}
}

func TestIBVGetReportIsSent(t *testing.T) {
	p, server := standing(t, "microbilt", "fetch = { path = '/ibv/GetReport' }", saying(200, `{"MsgRsHdr":{"Status":{"StatusDesc":"OK"}}}`))
	if _, err := p.Orders(t.Context(), reportsNamed(t, "APP-1")); err != nil {
		t.Error(err)
	}
	sameLines(t, "calls", []string{`GET /ibv/GetReport {"AppId":"APP-1"}`}, functional(server, "microbilt"))
}

// Another parameter than the one that clients of others use is a declaration away.
func TestMicrobiltKeyCanBeDeclared(t *testing.T) {
	p, server := standing(t, "microbilt", `fetch = { query = { RqUID = '\($order_id)' }, json = { AppId = '\(null)' } }`, saying(404, ""))
	if _, err := p.Orders(t.Context(), reportsNamed(t, "RQ 1")); err != nil {
		t.Error(err)
	}
	sameLines(t, "calls", []string{"GET /IBV/GetArchiveReport?RqUID=RQ+1 {}"}, functional(server, "microbilt"))
}

// Consumers' data reaches no mapping, and nothing that is kept.
func TestMicrobiltConsumersAreNotStored(t *testing.T) {
	const subject = `"Subject":[{"Name":"canary-consumer"}],"content":"canary-content"`
	p, _ := standing(t, "microbilt", `map = '{order_id: $order_id, reference: .Subject, method: .content}'`, saying(200, "{"+subject+"}"))
	answer, err := p.Orders(t.Context(), reportsNamed(t, "APP-1"))
	if err != nil || answer.Orders[0].Reference != "REDACTED" || answer.Orders[0].Method != "REDACTED" {
		t.Errorf("got %+v and %v, want nothing of it mapped", answer.Orders, err)
	}
	_, err = report(t, 200, `{"MsgRsHdr":{},`+subject+"}")
	e := clients.AsError(err)
	if e == nil || e.Code != clients.CodeBadResponse || e.Exchange == nil || e.Exchange.ResponseBody != "" || e.Exchange.RequestBody != "" || e.Exchange.ResponseBytes == 0 {
		t.Errorf("got %v with %+v, want the exchange without its bodies", err, e.Exchange)
	}
	if strings.Contains(fmt.Sprintf("%v %+v", err, e.Exchange), "canary") {
		t.Error("what is kept tells of the consumer")
	}
}

package sandbox_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients/sandbox"
)

// desadvQuery is a request for despatch advices as the OpenAPI document has it.
func desadvQuery(edits ...object) string {
	return query(object{"documentID": "C1", "variant": "0", "buyerParty": party("1111111")}, edits)
}

// invoiceQuery is a request for invoices; the edits are of its one question.
func invoiceQuery(edits ...object) string {
	question := object{"buyerParty": party("1111111"), "attachment": "1"}
	query(question, edits)
	return query(object{"documentID": "B3", "variant": "4", "invoice": []object{question}}, nil)
}

func despatchedIn(from, to string) object {
	return object{"despatchFromDate": from, "despatchToDate": to}
}

// invoicedFrom is a window that ends on the bench's day.
func invoicedFrom(from string) object {
	return object{"invoiceIssueFromDate": from, "invoiceIssueToDate": "2026-11-20"}
}

func refers(code, id string) object {
	return object{"references": object{"referenceTypeCode": code, "documentID": id}}
}

func TestHeaderCodesOfDocuments(t *testing.T) {
	days5, days30 := despatchedIn("2026-11-16", "2026-11-20"), invoicedFrom("2026-10-22")
	for name, c := range map[string]struct{ path, body, code string }{
		"a window of five days":               {desadvPath, desadvQuery(days5), "0"},
		"a window of six days":                {desadvPath, desadvQuery(despatchedIn("2026-11-15", "2026-11-20")), "999"},
		"a reversed window":                   {desadvPath, desadvQuery(despatchedIn("2026-11-20", "2026-11-19")), "999"},
		"neither window nor reference":        {desadvPath, desadvQuery(), "999"},
		"a window and a reference":            {desadvPath, desadvQuery(days5, refers("VN", "SO10000000")), "987"},
		"a reference of another type":         {desadvPath, desadvQuery(refers("DQ", "PO12345")), "999"},
		"its own ship-to":                     {desadvPath, desadvQuery(days5, object{"consignee": party("1234567")}), "0"},
		"another ship-to":                     {desadvPath, desadvQuery(days5, object{"consignee": party("2345678")}), "907"},
		"no buyer":                            {desadvPath, desadvQuery(days5, object{"buyerParty": nil}), "915"},
		"another document":                    {desadvPath, desadvQuery(days5, object{"documentID": "B3"}), "901"},
		"the variant of order status":         {desadvPath, desadvQuery(days5, object{"variant": "1"}), "999"},
		"invoices: a window of 30 days":       {invoicesPath, invoiceQuery(days30), "0"},
		"invoices: a window of 31 days":       {invoicesPath, invoiceQuery(invoicedFrom("2026-10-21")), "999"},
		"invoices: a window and a reference":  {invoicesPath, invoiceQuery(days30, refers("ON", "PO-1")), "987"},
		"invoices: no attachment is asked":    {invoicesPath, invoiceQuery(days30, object{"attachment": nil}), "999"},
		"invoices: another ship-to":           {invoicesPath, invoiceQuery(days30, object{"consignee": party("2345678")}), "907"},
		"invoices: credit notes, of which no": {invoicesPath, invoiceQuery(days30, object{"documentTypeCode": "381"}), "0"},
		"invoices: no question":               {invoicesPath, `{"documentID":"B3","variant":"4"}`, "999"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			a := b.send(t, http.MethodPost, c.path, c.body, asJSON, bearer(b.token(t)))
			got := decode(t, a.body)
			if diff := cmp.Diff(any(object{"errorCode": c.code}), got["errorHead"]); diff != "" || a.status != http.StatusOK {
				t.Errorf("status %d, errorHead (-want +got):\n%s", a.status, diff)
			}
			if refused := b.Stats().Refused == 1; refused == (c.code == "0") {
				t.Errorf("counted as refused: %v, with code %s", refused, c.code)
			}
		})
	}
}

func TestDocumentsRequireCredentials(t *testing.T) {
	b := newBench(t)
	token := b.token(t)
	for _, path := range []string{desadvPath, invoicesPath} {
		if a := b.send(t, http.MethodPost, path, "{}", asJSON); a.status != http.StatusUnauthorized || a.body != "" {
			t.Errorf("%s without a token: got %d %q", path, a.status, a.body)
		}
		if a := b.send(t, http.MethodPost, path, "<xml/>", asJSON, bearer(token)); a.status != http.StatusBadRequest {
			t.Errorf("%s with what is not JSON: got %d", path, a.status)
		}
	}
	other := object{"buyerParty": party("9999999")}
	for path, body := range map[string]string{desadvPath: desadvQuery(other), invoicesPath: invoiceQuery(other)} {
		if a := b.send(t, http.MethodPost, path, body, asJSON, bearer(token)); a.status != http.StatusForbidden {
			t.Errorf("%s of somebody else's account: got %d", path, a.status)
		}
	}
}

func TestFaultsOfDocuments(t *testing.T) {
	b := newBench(t)
	token := b.token(t)
	b.Fail(sandbox.Fault{Op: sandbox.OpDesadv, Account: "2222222", Status: 503})
	b.Fail(sandbox.Fault{Op: sandbox.OpDesadv, Account: "1111111", ErrorCode: "920"})
	b.Fail(sandbox.Fault{Op: sandbox.OpInvoices, Account: "1111111", Status: 503})
	days := despatchedIn("2026-11-20", "2026-11-20")
	a := b.send(t, http.MethodPost, desadvPath, desadvQuery(days), asJSON, bearer(token))
	if got := decode(t, a.body); a.status != 200 || got["desadv"] != nil || cmp.Diff(any(object{"errorCode": "920"}), got["errorHead"]) != "" {
		t.Errorf("got %d %s, want the code and nothing else", a.status, a.body)
	}
	if a := b.send(t, http.MethodPost, desadvPath, desadvQuery(days, object{"buyerParty": party("2222222")}), asJSON, bearer(token)); a.status != 503 {
		t.Errorf("got %d, want the other account's 503", a.status)
	}
	if a := b.send(t, http.MethodPost, invoicesPath, invoiceQuery(), asJSON, bearer(token)); a.status != 503 {
		t.Errorf("got %d, want 503 for invoices", a.status)
	}
}

// TestDocumentsHaveTheMembersOfTheOpenAPI checks the answers against what the schemas of
// OpenAPI 1.0.1 require.
func TestDocumentsHaveTheMembersOfTheOpenAPI(t *testing.T) {
	b := newBench(t)
	token := b.token(t)
	for path, c := range map[string]struct {
		body string
		want []string
	}{
		desadvPath: {desadvQuery(despatchedIn("2026-11-16", "2026-11-20")), []string{
			".envelopeHeader.documentID string", ".envelopeHeader.messageType string", ".envelopeHeader.numberOfMessages number",
			".desadv[].issueDate string", ".desadv[].documentNumber string", ".desadv[].measures.grossWeight.measure number",
			".desadv[].despatchDate string", ".desadv[].arrivalDate string", ".desadv[].references array", ".desadv[].buyerParty.partyID string",
			".desadv[].consignee.partyID string", ".desadv[].consignee.name array", ".desadv[].consignee.address.countryCode string",
			".desadv[].carrierParty.partyID string", ".desadv[].lineLevel[].lineID string", ".desadv[].lineLevel[].references[].referenceTypeCode string",
			".desadv[].lineLevel[].orderedArticle.despatchedQuantity.quantityValue number",
			".desadv[].lineLevel[].orderedArticle.articleIdentification.manufacturersArticleID string",
			".desadv[].lineLevel[].orderedArticle.tracingInformation[].tracingID string",
		}},
		invoicesPath: {invoiceQuery(invoicedFrom("2026-10-22")), []string{
			".documentID string", ".variant string", ".numberOfMessages number", ".invoice[].issueDate string", ".invoice[].documentNumber string",
			".invoice[].documentTypeCode string", ".invoice[].documentCurrency string", ".invoice[].buyerParty.partyID string",
			".invoice[].paymentTerms[].paymentNet[].paymentDueDate string", ".invoice[].summary.totalAmount.amountValue number",
			".invoice[].summary.totalLineItemsAmount.amountValue number", ".invoice[].lineLevel[].lineItemNetAmount.amountValue number",
			".invoice[].lineLevel[].references.deliveryNoteReference.documentID string",
			".invoice[].lineLevel[].references.suppliersOrderReference.documentID string",
			".invoice[].lineLevel[].article.priceDetails.netUnitPrice.priceAmount number",
			".invoice[].lineLevel[].article.invoicedQuantity.quantityValue number",
		}},
	} {
		got := map[string]bool{}
		shape(got, "", decode(t, b.send(t, http.MethodPost, path, c.body, asJSON, bearer(token)).body))
		for _, member := range c.want {
			if !got[member] {
				t.Errorf("%s has no %s", path, member)
			}
		}
	}
}

// TestDocumentsFollowTheOrders watches an account for some sandbox days: what left and
// was invoiced stays as it was told, and never is there more than one answer holds.
func TestDocumentsFollowTheOrders(t *testing.T) {
	b := newBench(t)
	token := b.token(t)
	ask := func(path, list, body string) map[string]string {
		told := map[string]string{}
		documents := decode(t, b.send(t, http.MethodPost, path, body, asJSON, bearer(token)).body)[list].([]any)
		for _, d := range documents {
			told[d.(object)["documentNumber"].(string)] = fmt.Sprint(d)
		}
		if len(told) != len(documents) || len(told) >= 100 && list == "invoice" {
			t.Errorf("%s: got %d documents with %d numbers", path, len(documents), len(told))
		}
		return told
	}
	sent, billed := map[string]string{}, map[string]string{}
	moved := 0
	for range 30 { // sandbox days
		for number, text := range ask(desadvPath, "desadv", desadvQuery(despatchedIn("2026-11-20", "2026-11-20"))) {
			if before, known := sent[number]; known && before != text {
				t.Errorf("advice %s was\n%s\nand is\n%s", number, before, text)
			} else if !known {
				moved++
			}
			sent[number] = text
		}
		for number, text := range ask(invoicesPath, "invoice", invoiceQuery(invoicedFrom("2026-11-20"))) {
			if before, known := billed[number]; known && before != text {
				t.Errorf("invoice %s was\n%s\nand is\n%s", number, before, text)
			} else if !known {
				moved++
			}
			billed[number] = text
		}
		b.advance(20 * time.Second)
	}
	if moved < len(sent)/2 || len(billed) < 30 {
		t.Errorf("got %d advices and %d invoices, %d of them meanwhile", len(sent), len(billed), moved)
	}
}

func TestInvoiceDateIsTheDayAfterTheLastTruck(t *testing.T) {
	b := &bench{}
	b.clock.Store(noon.UnixNano())
	b.Sandbox = sandbox.New(sandbox.Options{Now: b.now, Day: 24 * time.Hour})
	b.listen(t)
	a := b.send(t, http.MethodPost, invoicesPath, invoiceQuery(invoicedFrom("2026-10-22")), asJSON, bearer(b.token(t)))
	invoices := decode(t, a.body)["invoice"].([]any)
	if len(invoices) < 10 {
		t.Fatalf("got %d invoices, want many", len(invoices))
	}
	for _, i := range invoices {
		last := ""
		for _, l := range i.(object)["lineLevel"].([]any) {
			last = max(last, l.(object)["references"].(object)["deliveryNoteReference"].(object)["issueDate"].(string))
		}
		day, err := time.Parse(time.DateOnly, last)
		if want := day.AddDate(0, 0, 1).Format(time.DateOnly); err != nil || i.(object)["issueDate"] != want {
			t.Errorf("got %v, %v, want %s", i.(object)["issueDate"], err, want)
		}
	}
}

func TestDocumentsAreFoundByTheirOrder(t *testing.T) {
	b := newBench(t)
	token := b.token(t)
	ask := func(path, body string) object {
		return decode(t, b.send(t, http.MethodPost, path, body, asJSON, bearer(token)).body)
	}
	invoices := ask(invoicesPath, invoiceQuery(invoicedFrom("2026-11-20")))["invoice"].([]any)
	references := invoices[0].(object)["lineLevel"].([]any)[0].(object)["references"].(object)
	number := references["suppliersOrderReference"].(object)["documentID"].(string)
	if got := ask(invoicesPath, invoiceQuery(refers("VN", number)))["invoice"].([]any); cmp.Diff(invoices[:1], got) != "" {
		t.Errorf("the invoice of %s (-want +got):\n%s", number, cmp.Diff(invoices[:1], got))
	}
	// In the spelling of the OpenAPI document's examples.
	other := object{"References": object{"ReferenceTypeCode": "VN", "DocumentID": number}}
	if got := ask(desadvPath, desadvQuery(other))["desadv"].([]any); len(got) == 0 {
		t.Errorf("there is no advice of %s", number)
	}
	if got := ask(desadvPath, desadvQuery(refers("VN", "SO00000000")))["desadv"].([]any); len(got) != 0 {
		t.Errorf("got %d advices of no order", len(got))
	}
}

package sandbox_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients/sandbox"
)

// object is a JSON object; a query is made of a profile and what it asks for.
type object = map[string]any

func byDate(from, to string) object { return object{"orderDateFrom": from, "orderDateTo": to} }

func bySupplierNumber(numbers ...string) object {
	var refs []object
	for _, n := range numbers {
		refs = append(refs, object{"supplierOrderNumber": object{"documentID": n}})
	}
	return object{"referencedOrder": refs}
}

// openAPI is a query as the OpenAPI document has it; each edit sets members, or
// removes those that it sets to nil.
func openAPI(edits ...object) string {
	return query(object{
		"documentID": "C1", "variant": "1", "orderStatusIndicator": "2",
		"buyerParty": party("1111111"), "consignee": party("1234567"),
	}, edits)
}

// portal is a query as the developer portal's sample has it.
func portal(edits ...object) string {
	return query(object{
		"documentID": "C1", "variant": 0, "orderStatusIndicator": "2",
		"buyerParty": object{"partyID": "1111111", "agencyCode": 91}, "consignee": object{"partyID": "", "agencyCode": 91},
	}, edits)
}

func party(id string) object { return object{"partyID": id, "agencyCode": "91"} }

func query(q object, edits []object) string {
	for _, edit := range edits {
		maps.Copy(q, edit)
	}
	maps.DeleteFunc(q, func(_ string, v any) bool { return v == nil })
	b, err := json.Marshal(q)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func TestHeaderCodes(t *testing.T) {
	window := byDate("2026-08-23", "2026-11-20") // 90 days, counting both ends
	for name, c := range map[string]struct{ body, code string }{
		"a window of 90 days":                 {openAPI(window), "0"},
		"a window of 91 days":                 {openAPI(byDate("2026-08-22", "2026-11-20")), "999"},
		"a window of one day":                 {openAPI(byDate("2026-11-20", "2026-11-20")), "0"},
		"a reversed window":                   {openAPI(byDate("2026-11-20", "2026-11-19")), "999"},
		"a window without an end":             {openAPI(object{"orderDateFrom": "2026-11-20"}), "999"},
		"a date that is none":                 {openAPI(byDate("2026-11-31", "2026-12-01")), "999"},
		"neither window nor reference":        {openAPI(), "999"},
		"window and reference":                {openAPI(window, bySupplierNumber("SO10000000")), "987"},
		"half a window and reference":         {openAPI(object{"orderDateTo": "2026-11-20"}, bySupplierNumber("SO10000000")), "987"},
		"a reference to nothing":              {openAPI(bySupplierNumber("SO10000000", "")), "901"},
		"another document":                    {openAPI(window, object{"documentID": "A2"}), "901"},
		"no document":                         {openAPI(window, object{"documentID": nil}), "901"},
		"an unknown variant":                  {openAPI(window, object{"variant": "2"}), "999"},
		"no variant":                          {openAPI(window, object{"variant": nil}), "999"},
		"an unknown indicator":                {openAPI(window, object{"orderStatusIndicator": "3"}), "999"},
		"an indicator that is a number":       {openAPI(window, object{"orderStatusIndicator": 2}), "0"},
		"no buyer":                            {openAPI(window, object{"buyerParty": nil}), "915"},
		"a blank buyer":                       {openAPI(window, object{"buyerParty": party("")}), "915"},
		"a malformed buyer":                   {openAPI(window, object{"buyerParty": party("xxxxx")}), "915"},
		"a buyer of another agency":           {openAPI(window, object{"buyerParty": object{"partyID": "1111111", "agencyCode": "9"}}), "915"},
		"a buyer in numbers":                  {openAPI(window, object{"buyerParty": object{"partyID": 1111111, "agencyCode": 91}}), "0"},
		"no ship-to":                          {openAPI(window, object{"consignee": nil}), "907"},
		"a blank ship-to":                     {openAPI(window, object{"consignee": party("")}), "907"},
		"another account's ship-to":           {openAPI(window, object{"consignee": party("2345678")}), "907"},
		"portal, a blank ship-to":             {portal(window), "0"},
		"portal, no ship-to":                  {portal(window, object{"consignee": nil}), "0"},
		"portal, its own ship-to":             {portal(window, object{"consignee": party("1234567")}), "0"},
		"portal, another account's ship-to":   {portal(window, object{"consignee": party("2345678")}), "907"},
		"portal, a window of 91 days":         {portal(byDate("2026-08-22", "2026-11-20")), "999"},
		"portal, strings instead of numbers":  {portal(window, object{"variant": "0", "buyerParty": party("1111111")}), "0"},
		"a malformed buyer and a bad window":  {openAPI(object{"buyerParty": party("xxxxx")}), "915"},
		"a wrong ship-to, window, references": {openAPI(window, bySupplierNumber("x"), object{"consignee": party("1")}), "907"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			a := b.ask(t, c.body)
			got := decode(t, a.body)
			if a.status != http.StatusOK {
				t.Fatalf("status %d", a.status)
			}
			if diff := cmp.Diff(any(object{"errorCode": c.code}), got["errorHead"]); diff != "" {
				t.Errorf("errorHead (-want +got):\n%s", diff)
			}
			_, listed := got["referencedOrder"]
			refused := b.Stats().Refused == 1
			if ok := c.code == "0"; listed != ok || refused == ok {
				t.Errorf("orders listed: %v, counted as refused: %v, with code %s", listed, refused, c.code)
			}
		})
	}
}

func TestHTTPErrors(t *testing.T) {
	good := openAPI(byDate("2026-11-20", "2026-11-20"))
	for name, c := range map[string]struct {
		method, body string
		set          func(*http.Request)
		status       int
		want         string
	}{
		"somebody else's account":   {"POST", openAPI(object{"buyerParty": party("9999999")}), asJSON, 403, "{}\n"},
		"the same in numbers":       {"POST", openAPI(object{"buyerParty": object{"partyID": 9999999}}), asJSON, 403, "{}\n"},
		"a body that is not JSON":   {"POST", "<xml/>", asJSON, 400, "{}\n"},
		"no body":                   {"POST", "", asJSON, 400, "{}\n"},
		"JSON of another form":      {"POST", `{"buyerParty":"1111111"}`, asJSON, 400, "{}\n"},
		"a number that is a flag":   {"POST", openAPI(object{"variant": true}), asJSON, 400, "{}\n"},
		"two documents":             {"POST", good + good, asJSON, 400, "{}\n"},
		"a form":                    {"POST", good, asForm, 415, "{}\n"},
		"no content type":           {"POST", good, func(*http.Request) {}, 415, "{}\n"},
		"a content type with a set": {"POST", good, header("Content-Type", "application/json; charset=utf-8"), 200, ""},
		"more than 1 MiB":           {"POST", `{"documentID":"` + strings.Repeat("x", 1<<20) + `"}`, asJSON, 413, "{}\n"},
		"GET":                       {"GET", "", asJSON, 405, "Method Not Allowed\n"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			a := b.send(t, c.method, statusPath, c.body, c.set, bearer(b.token(t)))
			if a.status != c.status || (c.want != "" && a.body != c.want) {
				t.Errorf("got %d %.80q, want %d %q", a.status, a.body, c.status, c.want)
			}
		})
	}
	b := newBench(t)
	if a := b.send(t, http.MethodPost, statusPath, "<xml/>", asForm); a.status != http.StatusUnauthorized || a.body != "" {
		t.Errorf("without credentials: %d %q, want 401 and nothing, whatever else is wrong", a.status, a.body)
	}
	if got, want := b.Stats(), (sandbox.Stats{OrderStatus: 1, Unauthorized: 1}); got != want {
		t.Errorf("counted %+v, want %+v", got, want)
	}
}

// shape lists the members of a document, with their kinds, as "a.b[].c string".
func shape(into map[string]bool, path string, v any) {
	switch v := v.(type) {
	case object:
		for name, member := range v {
			shape(into, path+"."+name, member)
		}
	case []any:
		into[path+" array"] = true
		for _, e := range v {
			shape(into, path+"[]", e)
		}
	case string:
		into[path+" string"] = true
	case float64:
		into[path+" number"] = true
	case nil:
		into[path+" null"] = true
	}
}

const orderPath = ".referencedOrder[]"

// TestVariant1HasTheMembersOfTheOpenAPI checks the answer against what schema
// EDIWheel-C1_1-OrderStatusResponse of OpenAPI 1.0.1 requires and lists.
func TestVariant1HasTheMembersOfTheOpenAPI(t *testing.T) {
	a := newBench(t).ask(t, openAPI(byDate("2026-08-23", "2026-11-20")))
	got := map[string]bool{}
	shape(got, "", decode(t, a.body))
	want := map[string]bool{}
	for member := range strings.FieldsSeq(`documentID variant orderDateFrom orderDateTo orderStatusIndicator errorHead.errorCode
		buyerParty.partyID buyerParty.agencyCode consignee.partyID consignee.partyId consignee.agencyCode`) {
		want["."+member+" string"] = true
	}
	for member := range strings.FieldsSeq(`orderingParty buyerParty.address buyerParty.informationContact
		consignee.address consignee.informationContact`) {
		want["."+member+" null"] = true
	}
	for member := range strings.FieldsSeq("buyerParty.name consignee.name referencedOrder") {
		want["."+member+" array"] = true
	}
	for member := range strings.FieldsSeq("orderDate supplierOrderNumber.documentId orderingMethod orderReference.documentId") {
		want[orderPath+"."+member+" string"] = true
	}
	for member := range strings.FieldsSeq("error pickUp deliveryOption sellerParty supplierParty contract") {
		want[orderPath+"."+member+" null"] = true
	}
	line := orderPath + ".orderLine[]"
	article := line + ".orderedArticle"
	schedule := article + ".scheduleDetails[]"
	despatch := schedule + ".shippedDetails.despatchedDetails.scheduledArticleDespatchDetails[]"
	for path, kind := range map[string]string{
		orderPath + ".orderLine": "array", line + ".lineId": "string", line + ".customerLineItemNumber": "string",
		line + ".additionalCustomerReferenceNumber": "null", line + ".orderedQuantity.quantityValue": "string",
		article + ".articleIdentification.buyersArticleId":        "string",
		article + ".articleIdentification.manufacturersArticleId": "string",
		article + ".articleIdentification.eanuccarticleID":        "string or null",
		article + ".articleDescription.articleDescriptionText":    "string",
		article + ".requestedDeliveryDate":                        "string", article + ".requestedDeliveryTime": "null",
		article + ".articleComment": "null", article + ".scheduleDetails": "array",
		article + ".orderedQuantity.quantityValue": "string",
		schedule + ".deliveryDate":                 "string", schedule + ".deliveryTime": "string",
		schedule + ".shippedDetails": "null", schedule + ".shippedDetails.shippedQuantity.quantityValue": "string",
		strings.TrimSuffix(despatch, "[]"): "array", despatch + ".despatchDate": "string",
		despatch + ".despatchAdviceReference.documentId": "string",
		despatch + ".despatchAdviceReference.lineId":     "string",
		despatch + ".despatchedQuantity.quantityValue":   "string",
		schedule + ".confirmedQuantity.quantityValue":    "string", schedule + ".confirmedQuantity": "null",
		schedule + ".backorderedQuantity.quantityValue": "string", schedule + ".backorderedQuantity": "null",
		schedule + ".cancelledQuantity.quantityValue": "string", schedule + ".cancelledQuantity": "null",
		schedule + ".scheduledQuantity.quantityValue": "string", schedule + ".scheduledQuantity": "null",
		schedule + ".openQuantity.quantityValue": "string", schedule + ".openQuantity": "null",
	} {
		for k := range strings.SplitSeq(kind, " or ") {
			want[path+" "+k] = true
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}
}

func TestVariant0HasTheOlderShape(t *testing.T) {
	a := newBench(t).ask(t, portal(byDate("2026-08-23", "2026-11-20")))
	got := map[string]bool{}
	shape(got, "", decode(t, a.body))
	line := orderPath + ".orderLine[]"
	schedule := line + ".orderedArticle.scheduleDetails[]"
	for _, member := range []string{
		".variant string", orderPath + ".error.errorCode string", line + ".lineID string",
		line + ".orderedArticle.orderedQuantity.quantityValue number",
		schedule + ".openQuantity.quantityValue number", schedule + ".confirmedQuantity.quantityValue number",
		schedule + ".cancelledQuantity.quantityValue number",
		schedule + ".scheduledArticleDespatchDetails[].despatchedQuantity.quantityValue number",
		schedule + ".scheduledArticleDespatchDetails[].despatchAdviceReference.documentID string",
	} {
		if !got[member] {
			t.Errorf("there is no %s", member)
		}
	}
	for member := range got {
		for _, newer := range []string{"backordered", "scheduledQuantity", "shipped"} {
			if strings.Contains(member, newer) {
				t.Errorf("there is %s", member)
			}
		}
	}
}

// pieces sums up whatever quantities a part of an answer tells.
func pieces(v any) (sum float64) {
	switch v := v.(type) {
	case object:
		if n, ok := v["quantityValue"].(float64); ok {
			return n
		}
		for _, member := range v {
			sum += pieces(member)
		}
	case []any:
		for _, e := range v {
			sum += pieces(e)
		}
	}
	return sum
}

func TestVariant0ListsEveryPiece(t *testing.T) {
	b := newBench(t)
	for range 20 { // sandbox days
		for _, o := range decode(t, b.ask(t, portal(days90)).body)["referencedOrder"].([]any) {
			for _, l := range o.(object)["orderLine"].([]any) {
				article := l.(object)["orderedArticle"].(object)
				if got, want := pieces(article["scheduleDetails"]), pieces(article["orderedQuantity"]); got != want || got == 0 {
					t.Errorf("%v: the parts tell %v of %v pieces", o.(object)["supplierOrderNumber"], got, want)
				}
			}
		}
		b.advance(20 * time.Second)
	}
}

func TestDatesAreEchoedOnlyIfSent(t *testing.T) {
	b := newBench(t)
	got := decode(t, b.ask(t, openAPI(bySupplierNumber("SO10000000"))).body)
	for _, member := range []string{"orderDateFrom", "orderDateTo"} {
		if _, ok := got[member]; ok {
			t.Errorf("%s is there", member)
		}
	}
	got = decode(t, b.ask(t, openAPI(byDate("2026-11-01", "2026-11-20"))).body)
	if got["orderDateFrom"] != "2026-11-01" || got["orderDateTo"] != "2026-11-20" {
		t.Errorf("got %v to %v", got["orderDateFrom"], got["orderDateTo"])
	}
}

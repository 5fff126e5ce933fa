package sandbox_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/auth/authtest"
	"orderbeat/clients/sandbox/shell"
)

const anyUUID = "6f1c1e0a-0000-4000-8000-0000000000aB"

var (
	requestID  = header("RequestId", anyUUID)
	payer      = object{"ColCoCode": shell.ColCoCode, "PayerNumber": shell.PayerNumber}
	otherPayer = object{"ColCoCode": "32", "PayerNumber": shell.OtherPayerNumber}
)

// enquiry is the body of an Order Card Enquiry with these filters, the later ones first.
func enquiry(filters ...object) string {
	all := object{}
	for _, f := range filters {
		maps.Copy(all, f)
	}
	b, err := json.Marshal(object{"Filters": all})
	if err != nil {
		panic(err)
	}
	return string(b)
}

// card is one entry of an answer's Data, with every member.
type card = object

func newShell(t *testing.T) *caller {
	t.Helper()
	return newCaller(t, authtest.Shell, asJSON, requestID)
}

func (c *caller) cards(t *testing.T, filters ...object) []card {
	t.Helper()
	var got struct {
		RequestID string `json:"RequestId"`
		Status    string
		Data      []card
	}
	c.read(t, &got, http.MethodPost, enquiryPath, enquiry(filters...))
	if got.RequestID != anyUUID || got.Status != "SUCCESS" || got.Data == nil {
		t.Fatalf("got %+v", got)
	}
	return got.Data
}

func cardReference(c card) string { return fmt.Sprintf("%.0f", c["OrderCardReference"]) }
func mainReference(c card) string { return fmt.Sprintf("%.0f", c["MainReference"]) }

func TestEnquiryReturnsThePayersCards(t *testing.T) {
	c := newShell(t)
	mine, others := c.cards(t, payer), c.cards(t, otherPayer)
	if len(mine) < 24 || len(others) < 24 || cmp.Equal(mine, others) {
		t.Errorf("%d cards, and %d of the other", len(mine), len(others))
	}
	perOrder := map[string]int{}
	for i, got := range mine {
		if got["PayerNumber"] != shell.PayerNumber || got["ColCoCode"] != 32.0 || got["GatewaySyncStatus"] != "S" {
			t.Errorf("got %v", got)
		}
		if i > 0 && mine[i-1]["OrderCardReference"].(float64) >= got["OrderCardReference"].(float64) {
			t.Errorf("%s comes after %s", cardReference(got), cardReference(mine[i-1]))
		}
		perOrder[mainReference(got)]++
		if bulk := got["BCOReference"] != "null"; bulk != slices.ContainsFunc(mine, func(o card) bool {
			return mainReference(o) == mainReference(got) && cardReference(o) != cardReference(got)
		}) {
			t.Errorf("%s: BCOReference %v", cardReference(got), got["BCOReference"])
		}
		for name, value := range got {
			if value == nil || value == "" {
				t.Errorf("%s: %s is %v", cardReference(got), name, value)
			}
		}
	}
	for reference, n := range perOrder {
		if n > 3 {
			t.Errorf("%s has %d cards", reference, n)
		}
	}
	byID := c.cards(t, object{"ColCoId": "14", "PayerId": 1101})
	if diff := cmp.Diff(mine, byID); diff != "" {
		t.Errorf("by id (-by number +by id):\n%s", diff)
	}
	for name, filters := range map[string]object{
		"another payer": {"PayerNumber": "GB99999999"}, "another company": {"ColCoCode": 33}, "another company by id": {"ColCoId": 15},
		"another account": {"AccountNumber": "none"}, "both payers": {"PayerId": "1102"},
	} {
		if got := c.cards(t, payer, filters); len(got) != 0 {
			t.Errorf("%s has %d cards", name, len(got))
		}
	}
}

func TestEnquiriesAreFiltered(t *testing.T) {
	c := newShell(t)
	all := c.cards(t, payer)
	for _, member := range []string{"AccountNumber", "OrderRequestId"} {
		want := slices.DeleteFunc(slices.Clone(all), func(o card) bool { return o[member] != all[0][member] })
		if diff := cmp.Diff(want, c.cards(t, payer, object{member: all[0][member]})); diff != "" || len(want) == len(all) {
			t.Errorf("%s of %d cards (-want +got):\n%s", member, len(all), diff)
		}
	}
}

func TestDatesOfAnEnquiry(t *testing.T) {
	c := newShell(t)
	all := c.cards(t, payer)
	found, days := 0, 0
	for d := -7; d <= 0; d++ {
		day := noon.AddDate(0, 0, d).Format("20060102")
		got := c.cards(t, payer, object{"FromDate": day, "ToDate": day})
		for _, o := range got {
			if !strings.HasPrefix(o["SubmittedDate"].(string), day+" ") {
				t.Errorf("%s: submitted %s", day, o["SubmittedDate"])
			}
		}
		found += len(got)
		if len(got) > 0 {
			days++
		}
	}
	if found != len(all) || days < 3 {
		t.Errorf("%d of %d cards on %d days", found, len(all), days)
	}
}

// The customer's day is what counts: half past midnight in London, the day before in UTC.
func TestWindowIsInLocalTime(t *testing.T) {
	c := newShell(t)
	c.clock.Store(time.Date(2026, 6, 30, 23, 30, 0, 0, time.UTC).UnixNano())
	for dates, want := range map[[2]string]int{
		{"20260624", "20260701"}: http.StatusOK, {"20260623", "20260701"}: http.StatusBadRequest,
		{"20260624", "20260702"}: http.StatusBadRequest, {"20260630", "20260629"}: http.StatusBadRequest,
		{"20260630", ""}: http.StatusOK, {"", "20260624"}: http.StatusOK,
	} {
		a := c.call(t, http.MethodPost, enquiryPath, enquiry(payer, object{"FromDate": dates[0], "ToDate": dates[1]}))
		if a.status != want {
			t.Errorf("%v: status %d want %d: %s", dates, a.status, want, a.body)
		}
	}
}

func TestInvalidEnquiriesAreRejected(t *testing.T) {
	c := newShell(t)
	type set = func(*http.Request)
	for name, r := range map[string]struct {
		body string
		set  set
		want int
		says string
	}{
		"no RequestId":           {enquiry(payer), func(r *http.Request) { r.Header.Del("RequestId") }, 400, "RequestId"},
		"a RequestId of ours":    {enquiry(payer), header("RequestId", "1"), 400, "RequestId"},
		"a form":                 {"Filters=", asForm, 415, "application/json"},
		"no JSON":                {"Filters", requestID, 400, "JSON"},
		"no filters":             {"{}", requestID, 400, "ColCo"},
		"no company":             {enquiry(object{"PayerNumber": "1"}), requestID, 400, "ColCo"},
		"no payer":               {enquiry(object{"ColCoCode": 32}), requestID, 400, "Payer"},
		"a date of the web":      {enquiry(payer, object{"FromDate": "2026-11-20"}), requestID, 400, "yyyyMMdd"},
		"eight days ago":         {enquiry(payer, object{"FromDate": "20261112"}), requestID, 400, "2026-11-13 to 2026-11-20"},
		"tomorrow":               {enquiry(payer, object{"ToDate": "20261121"}), requestID, 400, "2026-11-13 to 2026-11-20"},
		"a reference of no type": {enquiry(object{"ReferenceNumber": "1"}), requestID, 400, "ReferenceType"},
		"another type":           {enquiry(object{"ReferenceNumber": "1", "ReferenceType": 4}), requestID, 400, "ReferenceType"},
	} {
		t.Run(name, func(t *testing.T) {
			a := c.call(t, http.MethodPost, enquiryPath, r.body, r.set)
			got := decode(t, a.body)
			errs, _ := got["Errors"].([]any)
			if a.status != r.want || got["Status"] != "FAILED" || len(errs) != 1 {
				t.Fatalf("got %d %s", a.status, a.body)
			}
			first := errs[0].(object)
			if detail := first["Detail"].(string); !strings.Contains(detail, r.says) || first["Code"] == "" || first["Title"] == "" {
				t.Errorf("got %v want something about %s", first, r.says)
			}
			if _, ok := got["Data"]; ok {
				t.Error("there is Data")
			}
			if echoed := got["RequestId"] == anyUUID; echoed != !strings.Contains(name, "RequestId") {
				t.Errorf("RequestId %v", got["RequestId"])
			}
		})
	}
}

func TestCardsAreFoundByReference(t *testing.T) {
	c := newShell(t)
	all := c.cards(t, payer)
	i := slices.IndexFunc(all, func(o card) bool { return o["BCOReference"] != "null" })
	one := all[i]
	order := slices.DeleteFunc(slices.Clone(all), func(o card) bool { return mainReference(o) != mainReference(one) })
	for name, q := range map[string]struct {
		filters object
		want    []card
	}{
		"by main reference":  {object{"ReferenceNumber": mainReference(one), "ReferenceType": 1}, order},
		"by the card's":      {object{"ReferenceNumber": cardReference(one), "ReferenceType": "2"}, []card{one}},
		"by bulk reference":  {object{"ReferenceNumber": one["BCOReference"], "ReferenceType": 3}, order},
		"whatever the dates": {object{"ReferenceNumber": one["MainReference"], "ReferenceType": 1, "FromDate": "19990101", "ToDate": "x"}, order},
		"of its payer":       {object{"ReferenceNumber": one["MainReference"], "ReferenceType": 1, "PayerNumber": shell.PayerNumber}, order},
		"of another payer":   {object{"ReferenceNumber": one["MainReference"], "ReferenceType": 1, "PayerNumber": shell.OtherPayerNumber}, []card{}},
		"by a reference of a card that there is not": {object{"ReferenceNumber": one["BCOReference"], "ReferenceType": 2}, []card{}},
		"by the wrong type":                          {object{"ReferenceNumber": cardReference(one), "ReferenceType": 1}, []card{}},
		"by no number":                               {object{"ReferenceNumber": "null", "ReferenceType": 3}, []card{}},
	} {
		if diff := cmp.Diff(q.want, c.cards(t, q.filters)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	c.advance(89 * 24 * time.Hour)
	if got := c.cards(t, object{"ReferenceNumber": mainReference(one), "ReferenceType": 1}); len(got) != len(order) {
		t.Errorf("89 days later %d cards want %d", len(got), len(order))
	}
	c.advance(2 * 24 * time.Hour)
	if got := c.cards(t, object{"ReferenceNumber": mainReference(one), "ReferenceType": 1}); len(got) != 0 {
		t.Errorf("91 days later %d cards", len(got))
	}
}

var next = map[string]string{
	"": "P I PX R S F X", "P": "P I", "I": "I PX R F", "PX": "PX R X", "R": "R S", "S": "S", "F": "F", "X": "X",
}

func TestCardsAdvance(t *testing.T) {
	c := newShell(t)
	before := map[string]card{}
	states := map[string]bool{}
	for day := range 60 {
		changed := false
		for _, o := range c.cards(t, payer) {
			old, _ := before[cardReference(o)]["OrderStatus"].(string)
			state := o["OrderStatus"].(string)
			states[state] = true
			if !slices.Contains(strings.Fields(next[old]), state) {
				t.Errorf("%s goes from %q to %q", cardReference(o), old, state)
			}
			changed = changed || old != state
			checkCard(t, o, state)
			if old, known := before[cardReference(o)]; known && (old["SubmittedDate"] != o["SubmittedDate"] || old["OrderStatus"] == o["OrderStatus"] && !maps.Equal(old, o)) {
				t.Errorf("%s changes (-before +now):\n%s", cardReference(o), cmp.Diff(old, o))
			}
			before[cardReference(o)] = o
		}
		if !changed {
			t.Errorf("nothing happens on day %d", day)
		}
		c.advance(sandboxDay)
	}
	if len(states) != len(next)-1 {
		t.Errorf("only %v were seen", states)
	}
}

var panForm = regexp.MustCompile(`^7077327\d{12}$`)

// checkCard checks what a state brings with it.
func checkCard(t *testing.T, o card, state string) {
	t.Helper()
	told := func(member string) bool { return o[member] != "null" }
	processed := state == "R" || state == "S" || state == "F" || state == "X"
	failed := state == "PX" || state == "F" || state == "X"
	if told("ProcessedDate") != processed || told("CardPAN") != (state == "S") || told("ExpiryDate") != (state == "S") {
		t.Errorf("%s: got %v", state, o)
	}
	if (o["ErrorCode"] != "0000") != failed || told("ErrorDescription") != failed || o["StatusDescription"] == "" {
		t.Errorf("%s: got %v", state, o)
	}
	if state == "S" && (!panForm.MatchString(o["CardPAN"].(string)) || !luhn(o["CardPAN"].(string))) {
		t.Errorf("CardPAN %v", o["CardPAN"])
	}
	submitted, err := time.Parse("20060102 15:04:05", o["SubmittedDate"].(string))
	if err != nil {
		t.Error(err)
	}
	if processed {
		done, err := time.Parse("20060102 15:04:05", o["ProcessedDate"].(string))
		if err != nil || done.Before(submitted) {
			t.Errorf("submitted %s, processed %s: %v", submitted, done, err)
		}
	}
}

// luhn reports whether a card number's digits add up, as ISO/IEC 7812-1 wants it.
func luhn(number string) bool {
	sum := 0
	for i := range number {
		d := int(number[len(number)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

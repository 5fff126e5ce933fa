package michelin_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients"
)

// unreadIn are the messages of the problems about values that could not be read.
func unreadIn(t *testing.T, a clients.Answer) string {
	t.Helper()
	var all []string
	for _, p := range a.Partial {
		if !p.Unread {
			t.Errorf("the problem %+v is not about what could not be read", p)
		}
		all = append(all, p.Message)
	}
	return strings.Join(all, "\n")
}

func TestOddNumbersAreRead(t *testing.T) {
	for wire, want := range map[string]int64{
		`4.0e0`: 4, `4E0`: 4, `40e-1`: 4, `"4.0e0"`: 4, `0.4e1`: 4, `12e2`: 1200, `4.000`: 4, `"+4"`: 4,
		`"1,200"`: 1200, `"12,000"`: 12000, `"1,234,567"`: 1234567, `"1,200.00"`: 1200, `"1.200,00"`: 1200, `"1.200.000"`: 1200000,
		`"1 200"`: 1200, `"1\u00a0200"`: 1200, `"1\u202f200"`: 1200, `"1'200"`: 1200, `"4,0"`: 4, `"0-"`: 0, `-0`: 0, `"004"`: 4,
	} {
		for _, in := range []string{wire, `{"quantityValue":` + wire + `}`} {
			if got := schedule(t, `"openQuantity":`+in).Open; got != clients.Pieces(want) {
				t.Errorf("%s: got %v, want %d", in, got, want)
			}
		}
	}
	for wire, want := range map[string]clients.Amount{
		`652.8`: "652.80", `"1,200.50"`: "1200.50", `"1.200,50"`: "1200.50", `"652,80"`: "652.80", `"16.32-"`: "-16.32", `"- 16.32"`: "-16.32",
		`"1,200-"`: "-1200.00", `6.528e2`: "652.80", `"\u221216.32"`: "-16.32", `"-1 234,5"`: "-1234.50", `-1.632E1`: "-16.32",
	} {
		a, err := answered(t, "invoices", `{"documentID":"B3","invoice":{"documentNumber":"1","summary":{"totalAmount":{"amountValue":`+wire+`}}}}`)
		if err != nil || a.Invoices[0].TotalAmount != want {
			t.Errorf("%s: got %+v and %v, want %s", wire, a.Invoices, err, want)
		}
	}
	for wire, want := range map[string]int64{`-4`: -4, `"4-"`: -4, `"4.0-"`: -4, `"-1,200"`: -1200, `-40e-1`: -4, `"(4)"`: -4} {
		a, err := answered(t, "invoices", `{"documentID":"B3","invoice":{"documentNumber":"1","lineLevel":{"invoicedQuantity":{"quantityValue":`+wire+`}}}}`)
		if err != nil || len(a.Partial) > 0 || a.Invoices[0].Lines[0].Quantity != clients.Pieces(want) {
			t.Errorf("credited %s: got %+v and %v, want %d", wire, a, err, want)
		}
	}
}

func TestOddDatesAreRead(t *testing.T) {
	for wire, want := range map[string]clients.Date{
		`"2026-12-01Z"`: "2026-12-01", `"2026-12-01+01:00"`: "2026-12-01", `"2026-12-01-05:00"`: "2026-12-01", `"2026-12-01z"`: "2026-12-01",
		`"2026-12-01T10:00:00+01:00"`: "2026-12-01", `"2026-12-01T24:00:00"`: "2026-12-02", `"20261201Z"`: "2026-12-01", `"20261201103000"`: "2026-12-01",
		`"2026/12/01"`: "2026-12-01", `"2026.12.01"`: "2026-12-01", `20261201.0`: "2026-12-01", `"2026-12-1"`: "2026-12-01",
		`"0000-00-00"`: "", `"00000000"`: "", `0`: "", `"0000-00-00T00:00:00"`: "", `"0000-00-00Z"`: "", `"00.00.0000"`: "", `"99999999"`: "", `"9999-99-99"`: "",
		`"0001-01-01"`: "", `"0001-01-01T00:00:00Z"`: "", `"1900-01-01"`: "", `"19000101"`: "", `"1970-01-01"`: "", `"1899-12-30"`: "", `"1989-12-31"`: "",
		`"1990-01-01"`: "1990-01-01", `"9999-12-31Z"`: "", `"2999-12-31"`: "",
	} {
		a, err := ask(t, 200, `{"errorHead":{"errorCode":"0"},"referencedOrder":{"supplierOrderNumber":"SO1","orderDate":`+wire+`}}`)
		if err != nil || unreadIn(t, a) != "" || a.Orders[0].OrderedOn != want {
			t.Errorf("%s: got %+v and %v, want %q", wire, a, err, want)
		}
	}
}

func TestUnreadableFieldsMakeTheJobPartial(t *testing.T) {
	const day, pieces = "orderDate", "orderLine[0].orderedArticle.orderedQuantity.quantityValue"
	for _, c := range []struct{ path, wire, value, why string }{
		{pieces, `-4`, "-4", "is negative"},
		{pieces, `"4-"`, "4-", "is negative"},
		{pieces, `"-1,200"`, "-1,200", "is negative"},
		{pieces, `4.5`, "4.5", "is not a whole number of pieces"},
		{pieces, `"1.200"`, "1.200", "is not a whole number of pieces"},
		{pieces, `45e-1`, "45e-1", "is not a whole number of pieces"},
		{pieces, `"1,20,0"`, "1,20,0", "is not a whole number of pieces"},
		{pieces, `"0,500"`, "0,500", "is not a whole number of pieces"},
		{pieces, `"4--"`, "4--", "is not a whole number of pieces"},
		{pieces, `"-4-"`, "-4-", "is not a whole number of pieces"},
		{pieces, `"1,200e0"`, "1,200e0", "is not a whole number of pieces"},
		{pieces, `"four"`, "four", "is not a whole number of pieces"},
		{pieces, `1e300`, "1e300", "is not a whole number of pieces"},
		{pieces, `10000000000`, "10000000000", "is more than 1000000000 pieces"},
		{pieces, `true`, "true", "is not a string or a number"},
		{pieces, `["4"]`, `["4"]`, "is not a string or a number"},
		{day, `"2026-02-30"`, "2026-02-30", "is not a date"},
		{day, `"12/01/2026"`, "12/01/2026", "is not a date"},
		{day, `"2026-12-01+CET"`, "2026-12-01+CET", "is not a date"},
		{day, `"tomorrow"`, "tomorrow", "is not a date"},
		{day, `{}`, "{}", "is not a string or a number"},
	} {
		values := map[string]string{day: `"2026-01-15"`, pieces: `"4"`}
		values[c.path] = c.wire
		a, err := ask(t, 200, `{"errorHead":{"errorCode":"0"},"referencedOrder":[{"supplierOrderNumber":{"documentID":"SO0"}},{"supplierOrderNumber":{"documentID":"SO1"},"orderDate":`+
			values[day]+`,"orderLine":[{"lineId":"1","orderedArticle":{"orderedQuantity":{"quantityValue":`+values[pieces]+`}}}]}]}`)
		if err != nil || len(a.Orders) != 2 {
			t.Fatal(a, err)
		}
		if diff := cmp.Diff([]string{c.path + ": " + c.value}, a.Orders[1].Unmapped); diff != "" {
			t.Errorf("%s: unmapped (-want +got):\n%s", c.wire, diff)
		}
		want := []clients.Problem{{OrderID: "SO1", Unread: true, Message: fmt.Sprintf("referencedOrder[1].%s: %q %s", c.path, c.value, c.why)}}
		if diff := cmp.Diff(want, a.Partial); diff != "" {
			t.Errorf("%s: problems (-want +got):\n%s", c.wire, diff)
		}
	}
}

func TestUnreadableFieldsOfDocumentsMakeTheJobPartial(t *testing.T) {
	for _, c := range []struct{ name, body, want string }{
		{
			"advices", `{"errorHead":{"errorCode":"0"},"desadv":[{"documentNumber":"B1","arrivalDate":"soon","totalQuantity":4.5}]}`,
			"despatch advice B1: desadv[0].arrivalDate: \"soon\" is not a date; desadv[0].totalQuantity: \"4.5\" is not a whole number of pieces",
		},
		{
			"advices", `{"errorHead":{"errorCode":"0"},"desadv":[{"documentNumber":"B1","lineLevel":[{"orderedArticle":{"despatchedQuantity":-4}}]}]}`,
			"despatch advice B1: desadv[0].lineLevel[0].orderedArticle.despatchedQuantity: \"-4\" is negative",
		},
		{
			"advices", `{"errorHead":{"errorCode":"0"},"numberOfMessages":"some","desadv":[]}`, `numberOfMessages: "\"some\"" is not a number of messages`,
		},
		{
			"invoices", `{"documentID":"B3","invoice":[{"documentNumber":"1","issueDate":"2026-13-01"}]}`,
			"invoice 1: invoice[0].issueDate: \"2026-13-01\" is not a date",
		},
		{
			"invoices", `{"documentID":"B3","invoice":[{"documentNumber":"1","lineLevel":[{"article":{"lineItemNetAmount":{"amountValue":"1,20,0"}}}]}]}`,
			"invoice 1: invoice[0].lineLevel[0].article.lineItemNetAmount.amountValue: \"1,20,0\" is not a number",
		},
		{
			"invoices", `{"documentID":"B3","numberOfMessages":-1,"invoice":[]}`, `numberOfMessages: "-1" is not a number of messages`,
		},
	} {
		a, err := answered(t, c.name, c.body)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, unreadIn(t, a)); diff != "" {
			t.Errorf("%s: problems (-want +got):\n%s", c.body, diff)
		}
	}
}

func TestFirstProblemsOfAnOrderAreNamed(t *testing.T) {
	a, err := ask(t, 200, `{"errorHead":{"errorCode":"0"},"referencedOrder":{"supplierOrderNumber":{"documentID":"SO1"},"orderLine":[`+
		strings.Repeat(`{"lineId":{}},`, 29)+`7]}}`)
	if err != nil || len(a.Partial) != 1 || len(a.Orders[0].Unmapped) != 20 || !strings.HasSuffix(a.Partial[0].Message, "; and 27 more") {
		t.Errorf("got %+v and %v, want 20 values named, and 27 beside the first three", a, err)
	}
}

// ordered is a line of an order in JSON, without an id if that is "".
func ordered(id, article string, pieces int) string {
	if id != "" {
		id = `"lineId":"` + id + `",`
	}
	return fmt.Sprintf(`{%s"orderedArticle":{"articleIdentification":{"manufacturersArticleId":"%s"},"orderedQuantity":{"quantityValue":%d},
		"scheduleDetails":[{"deliveryDate":"2026-01-20","openQuantity":%d},{"deliveryDate":"2026-01-21","openQuantity":0}]}}`, id, article, pieces, pieces)
}

func TestRepeatedEntriesCountOnce(t *testing.T) {
	entry := func(lines ...string) string {
		return `{"supplierOrderNumber":{"documentID":"SO1"},"orderDate":"2026-01-15","orderLine":[` + strings.Join(lines, ",") + `]}`
	}
	const again = "is repeated with different contents: the last counts"
	reversed := strings.Replace(ordered("1", "A", 8), `{"deliveryDate":"2026-01-20","openQuantity":8},{"deliveryDate":"2026-01-21","openQuantity":0}`,
		`{"deliveryDate":"2026-01-21","openQuantity":0},{"deliveryDate":"2026-01-20","openQuantity":8}`, 1)
	for name, c := range map[string]struct {
		entries []string
		lines   string // id:ordered
		partial string
	}{
		"an order twice":                             {[]string{entry(ordered("1", "A", 8)), entry(ordered("1", "A", 8))}, "1:8", ""},
		"an order three times":                       {slices.Repeat([]string{entry(ordered("1", "A", 8), ordered("2", "B", 4))}, 3), "1:8 2:4", ""},
		"an order twice, its schedule reversed":      {[]string{entry(ordered("1", "A", 8)), entry(reversed)}, "1:8", ""},
		"an order twice without line ids":            {[]string{entry(ordered("", "A", 8)), entry(ordered("", "A", 8))}, "1:8", ""},
		"an order twice, several lines without ids":  {slices.Repeat([]string{entry(ordered("", "A", 8), ordered("", "A", 6), ordered("", "B", 1))}, 2), "1:8 2:6 3:1", ""},
		"a line twice in an entry":                   {[]string{entry(ordered("1", "A", 8), ordered("1", "A", 8))}, "1:8", ""},
		"equal lines without ids in an entry":        {[]string{entry(ordered("", "A", 8), ordered("", "A", 8))}, "1:8", ""},
		"different lines without ids in an entry":    {[]string{entry(ordered("", "A", 8), ordered("", "A", 6))}, "1:8 2:6", ""},
		"an entry for each line":                     {[]string{entry(ordered("2", "A", 8)), entry(ordered("1", "A", 8))}, "1:8 2:8", ""},
		"an entry for each line, without ids":        {[]string{entry(ordered("", "A", 8)), entry(ordered("", "B", 8))}, "1:8 2:8", ""},
		"one id, two contents":                       {[]string{entry(ordered("1", "A", 8), ordered("1", "A", 6))}, "1:6", `referencedOrder[0].orderLine[1] ` + again},
		"one id, three contents":                     {[]string{entry(ordered("1", "A", 8), ordered("1", "B", 6), ordered("2", "A", 1), ordered("1", "A", 8))}, "1:8 2:1", `referencedOrder[0].orderLine[1] ` + again + `; referencedOrder[0].orderLine[3] ` + again},
		"one id, two contents, two entries":          {[]string{entry(ordered("1", "A", 8)), entry(ordered("2", "A", 8), ordered("1", "A", 6))}, "1:6 2:8", `referencedOrder[1].orderLine[1] ` + again},
		"no ids, two contents, two entries":          {[]string{entry(ordered("", "A", 8)), entry(ordered("", "A", 6))}, "1:6", `referencedOrder[1].orderLine[0] ` + again},
		"no ids, one line of several differs":        {[]string{entry(ordered("", "A", 8), ordered("", "A", 6)), entry(ordered("", "A", 8), ordered("", "A", 7))}, "1:8 2:7", `referencedOrder[1].orderLine[0] ` + again},
		"another date of the order, and later blank": {[]string{entry(ordered("1", "A", 8)), strings.Replace(entry(), "2026-01-15", "2026-01-16", 1), strings.Replace(entry(), "2026-01-15", "", 1)}, "1:8", `referencedOrder[1].orderDate: "2026-01-16" differs from an earlier entry: the last counts`},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := ask(t, 200, `{"errorHead":{"errorCode":"0"},"referencedOrder":[`+strings.Join(c.entries, ",")+`]}`)
			if err != nil || len(a.Orders) != 1 {
				t.Fatal(a, err)
			}
			var lines []string
			var sum int64
			for _, l := range a.Orders[0].Lines {
				lines = append(lines, l.LineID+":"+l.Ordered.String())
				sum += l.Ordered.N
			}
			if diff := cmp.Diff(c.lines, strings.Join(lines, " ")); diff != "" || a.Orders[0].OrderedQuantity.N != sum {
				t.Errorf("ordered %v, lines (-want +got):\n%s", a.Orders[0].OrderedQuantity, diff)
			}
			if diff := cmp.Diff(c.partial, unreadIn(t, a)); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRepeatedDocumentsCountOnce(t *testing.T) {
	line := func(id, order string, pieces int) string {
		return fmt.Sprintf(`{"lineID":"%s","references":[{"referenceTypeCode":"VN","documentID":"%s"}],"orderedArticle":{"despatchedQuantity":%d},"invoicedQuantity":%d}`, id, order, pieces, pieces)
	}
	part := func(number string, lines ...string) string {
		return `{"documentNumber":"` + number + `","lineLevel":[` + strings.Join(lines, ",") + `]}`
	}
	for name, c := range map[string]struct {
		parts   []string
		want    string
		partial bool
	}{
		"a document twice":                  {[]string{part("1", line("1", "S", 4)), part("1", line("1", "S", 4))}, "4", false},
		"a document twice without line ids": {[]string{part("1", line("", "S", 4), line("", "T", 4)), part("1", line("", "S", 4), line("", "T", 4))}, "4 4", false},
		"one line id for two orders":        {[]string{part("1", line("1", "S", 4), line("1", "T", 4))}, "4 4", false},
		"one line id with two contents":     {[]string{part("1", line("1", "S", 4), line("1", "S", 6))}, "6", true},
		"two parts that contradict":         {[]string{part("1", line("1", "S", 4)), part("1", line("1", "S", 6))}, "6", true},
	} {
		t.Run(name, func(t *testing.T) {
			list := strings.Join(c.parts, ",")
			advices, err := answered(t, "advices", `{"errorHead":{"errorCode":"0"},"desadv":[`+list+`]}`)
			if err != nil {
				t.Fatal(err)
			}
			invoices, err := answered(t, "invoices", `{"documentID":"B3","invoice":[`+list+`]}`)
			if err != nil {
				t.Fatal(err)
			}
			var got, billed []string
			for _, l := range advices.Advices[0].Lines {
				got = append(got, l.Quantity.String())
			}
			for _, l := range invoices.Invoices[0].Lines {
				billed = append(billed, l.Quantity.String())
			}
			if diff := cmp.Diff([]string{c.want, c.want}, []string{strings.Join(got, " "), strings.Join(billed, " ")}); diff != "" {
				t.Errorf("quantities (-want +got):\n%s", diff)
			}
			for _, a := range []clients.Answer{advices, invoices} {
				if unread := unreadIn(t, a); c.partial != strings.Contains(unread, "is repeated") {
					t.Errorf("got the problems %q, want a contradiction: %t", unread, c.partial)
				}
			}
		})
	}
}

// Invoices that move between the halves of a window while these are requested.
func TestInvoiceInBothHalvesIsTheLaterOne(t *testing.T) {
	invoice := func(number, total string) string {
		return fmt.Sprintf(`{"documentNumber":"%s","summary":{"totalAmount":%s},"lineLevel":[{"invoicedQuantity":4}]}`, number, total)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == tokenPath {
			fmt.Fprint(w, grant("sample!token"))
			return
		}
		var q struct {
			Invoice []struct{ InvoiceIssueFromDate, InvoiceIssueToDate clients.Date }
		}
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
			t.Error(err)
		}
		switch window := q.Invoice[0]; {
		case window.InvoiceIssueFromDate == "2026-01-01" && window.InvoiceIssueToDate == "2026-01-08":
			fmt.Fprint(w, `{"documentID":"B3","numberOfMessages":100,"invoice":[{"documentNumber":"1"}]}`)
		case window.InvoiceIssueFromDate == "2026-01-01":
			fmt.Fprintf(w, `{"documentID":"B3","invoice":[%s,%s]}`, invoice("1", "10"), invoice("2", "20"))
		default:
			fmt.Fprintf(w, `{"documentID":"B3","invoice":[%s,%s]}`, invoice("3", "30"), invoice("1", "11"))
		}
	}))
	defer s.Close()
	a, err := askInvoices(t.Context(), open(t, s.URL, nil), clients.Query{Account: lastDays.Account, From: "2026-01-01", To: "2026-01-08"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, i := range a.Invoices {
		got = append(got, fmt.Sprintf("%s:%s:%d", i.Number, i.TotalAmount, len(i.Lines)))
	}
	if diff := cmp.Diff("1:11.00:1 2:20.00:1 3:30.00:1", strings.Join(got, " ")); diff != "" || len(a.Partial) > 0 {
		t.Errorf("problems %v, invoices (-want +got):\n%s", a.Partial, diff)
	}
}

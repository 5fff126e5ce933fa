package michelin_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients"
)

// invoiced runs a server that has so many invoices of each day of January 2026, answers
// with a hundred at most, and notes the windows that it is asked for.
func invoiced(t *testing.T, perDay map[int]int, asked *[]string) string {
	t.Helper()
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
		from, to := q.Invoice[0].InvoiceIssueFromDate, q.Invoice[0].InvoiceIssueToDate
		*asked = append(*asked, string(from[8:]+"-"+to[8:]))
		var list []string
		for day := from.Time().Day(); day <= to.Time().Day(); day++ {
			for n := range perDay[day] {
				list = append(list, fmt.Sprintf(`{"documentNumber":"%02d%03d"}`, day, n))
			}
		}
		list = list[:min(len(list), 100)]
		fmt.Fprintf(w, `{"documentID":"B3","numberOfMessages":%d,"invoice":[%s]}`, len(list), strings.Join(list, ","))
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestWindowWithTooManyInvoicesIsSplit(t *testing.T) {
	for name, c := range map[string]struct {
		perDay map[int]int
		asked  string
		want   int
		full   []string
	}{
		"99 fit":                    {map[int]int{1: 99}, "01-08", 99, nil},
		"100 may be a part":         {map[int]int{1: 50, 8: 50}, "01-08 01-04 05-08", 100, nil},
		"a day that just fits":      {map[int]int{3: 99, 4: 99}, "01-08 01-04 01-02 03-04 03-03 04-04 05-08", 198, nil},
		"a day that is full itself": {map[int]int{2: 130, 7: 1}, "01-08 01-04 01-02 01-01 02-02 03-04 05-08", 101, []string{"2026-01-02"}},
	} {
		t.Run(name, func(t *testing.T) {
			var asked []string
			p := open(t, invoiced(t, c.perDay, &asked), nil)
			a, err := askInvoices(t.Context(), p, clients.Query{Account: lastDays.Account, From: "2026-01-01", To: "2026-01-08"})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.asked, strings.Join(asked, " ")); diff != "" {
				t.Errorf("asked (-want +got):\n%s", diff)
			}
			numbers := map[string]bool{}
			for _, i := range a.Invoices {
				numbers[i.Number] = true
			}
			if len(a.Invoices) != c.want || len(numbers) != c.want || len(a.Partial) != len(c.full) {
				t.Fatalf("got %d invoices, %d of them different, and problems %v, want %d and %d", len(a.Invoices), len(numbers), a.Partial, c.want, len(c.full))
			}
			for i, day := range c.full {
				if p := a.Partial[i].Message; !strings.Contains(p, day) || !strings.Contains(p, "100 invoices") || !strings.Contains(p, "ship_to") {
					t.Errorf("got the problem %q, want the day and what to do", p)
				}
			}
		})
	}
}

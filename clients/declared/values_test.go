package declared_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDatesAndNumbersAreReadInEveryFormat(t *testing.T) {
	for program, want := range map[string]string{
		// day reads no day that there is not.
		`"31.02.2026" | day("%d.%m.%Y")`:                            "error",
		`"29.02.2026" | day("%d.%m.%Y")`:                            "error",
		`"29.02.2028" | day("%d.%m.%Y")`:                            "2028-02-29",
		`"31.4.26" | day("%d.%m.%y")`:                               "error",
		`"1.3.26" | day("%d.%m.%y")`:                                "2026-03-01",
		`"20260631" | day("%Y%m%d")`:                                "error",
		`"20260301" | day("%Y%m%d")`:                                "2026-03-01",
		`"2026-11-31" | day("%F")`:                                  "error",
		`"2026-12-01" | day("%F")`:                                  "2026-12-01",
		`" 3-Mar-2026" | day("%v")`:                                 "2026-03-03",
		`"30-Feb-2026" | day("%v")`:                                 "error",
		`"02/30/26" | day("%D")`:                                    "error",
		`"100% 02.03.2026" | day("100%% %d.%m.%Y")`:                 "2026-03-02",
		`"%d 31.02.2026" | day("%%d %d.%m.%Y")`:                     "error",
		`"2026-366" | day("%Y-%j")`:                                 "error",
		`"2028-366" | day("%Y-%j")`:                                 "2028-12-31",
		`"2026-365" | day("%Y-%j")`:                                 "2026-12-31",
		`"2026-001" | day("%Y-%j")`:                                 "2026-01-01",
		`"2025-W53-1" | day("%G-W%V-%u")`:                           "error",
		`"2026-W53-1" | day("%G-W%V-%u")`:                           "2026-12-28",
		`"2026-W01-4" | day("%G-W%V-%u")`:                           "2026-01-01",
		`"01.03.2026 23:59:59 +0100" | day("%d.%m.%Y %H:%M:%S %z")`: "2026-03-01",
		// date
		`"2026-01-31" | date`:                            "2026-01-31",
		`"20260131" | date`:                              "2026-01-31",
		`20260131 | date`:                                "2026-01-31",
		`"2026-01-31T24:00:00" | date`:                   "2026-01-31",
		`"2026-12-01Z" | date`:                           "2026-12-01",
		`"2026-12-01+01:00" | date`:                      "2026-12-01",
		`"2026-12-01T10:00:00.000+0000" | date`:          "2026-12-01",
		`"2026-12-01 10:00" | date`:                      "2026-12-01",
		`"/Date(1769817600000)/" | date`:                 "2026-01-31",
		`"\\/Date(1769817600000)\\/" | date`:             "2026-01-31",
		`"/Date(1769814000000+0100)/" | date`:            "2026-01-31",
		`"/Date(-62135596800000)/" | date`:               "0001-01-01",
		`1769817600 | date`:                              "2026-01-31",
		`1769817600000 | date`:                           "2026-01-31",
		`"2026/1/5" | date`:                              "2026-01-05",
		`"31.01.2026" | date`:                            "2026-01-31",
		`"31.01.2026 12:30" | date`:                      "2026-01-31",
		`"31-JAN-2026" | date`:                           "2026-01-31",
		`"Jan 31, 2026 4:05:06 PM" | date`:               "2026-01-31",
		`"Sat, 31 Jan 2026 12:00:00 GMT" | date`:         "2026-01-31",
		`"0000-00-00" | date | tostring`:                 "null",
		`"00.00.0000" | date | tostring`:                 "null",
		`null | date | tostring`:                         "null",
		`"  " | date | tostring`:                         "null",
		`"31.12.2099" | date(["2099-12-31"]) | tostring`: "null",
		`"TBD" | date(["tbd"]) | tostring`:               "null",
		`99999999 | date([99999999]) | tostring`:         "null",
		`"2026-02-30" | date`:                            "error",
		`"01/02/2026" | date`:                            "error",
		`"31.02.2026" | date`:                            "error",
		`"soon" | date`:                                  "error",
		`46053 | date`:                                   "error",
		`{} | date`:                                      "error",
		`"x" | date("y")`:                                "error",
		`def date: "own"; "x" | date`:                    "own",
		// local_day
		`"2026-01-31T24:00:00Z" | local_day("UTC")`:                   "2026-02-01",
		`"2026-01-31T23:30:00+0000" | local_day("Europe/Paris")`:      "2026-02-01",
		`"2026-01-31 23:30:00 UTC" | local_day("Europe/Paris")`:       "2026-02-01",
		`"20260131T233000Z" | local_day("Europe/Paris")`:              "2026-02-01",
		`"2026-01-31T18:30:00,5-05" | local_day("Europe/Paris")`:      "2026-02-01",
		`"/Date(1769900400000)/" | local_day("Europe/Paris")`:         "2026-02-01",
		`"/Date(1769900400000-0500)/" | local_day("America/Detroit")`: "2026-01-31",
		`"0000-00-00T00:00:00Z" | local_day("UTC") | tostring`:        "null",
		`"2026-01-31T24:01:00Z" | local_day("UTC")`:                   "error",
		`"2026-02-30T10:00:00Z" | local_day("UTC")`:                   "error",
		`"2026-01-31T10:00:00" | local_day("UTC")`:                    "error",
		// number
		`4.0e0 | number | tostring`:               "4",
		`"4e2" | number | tostring`:               "400",
		`"1,200" | number | tostring`:             "1200",
		`"1,200.00" | number | tostring`:          "1200",
		`"1.200,00" | number | tostring`:          "1200",
		`"1.200.000" | number | tostring`:         "1200000",
		`"1 200" | number | tostring`:             "1200",
		`"1'200.50" | number | tostring`:          "1200.5",
		`"1.200" | number([]; ",") | tostring`:    "1200",
		`"12,5" | number([]; ",") | tostring`:     "12.5",
		`1.5 | number([]; ",") | tostring`:        "1.5",
		`"4-" | number | tostring`:                "-4",
		`"(4)" | number | tostring`:               "-4",
		`"\u22124" | number | tostring`:           "-4",
		`" +4 " | number | tostring`:              "4",
		`"" | number | tostring`:                  "null",
		`-1 | number([-1]) | tostring`:            "null",
		`"-1.0" | number([-1]) | tostring`:        "null",
		`"n/a" | number(["N/A", "?"]) | tostring`: "null",
		`"1,20" | number`:                         "error",
		`"1,2000" | number`:                       "error",
		`"12,34,567" | number`:                    "error",
		`"1,2" | number`:                          "error",
		`"0x10" | number`:                         "error",
		`"NaN" | number`:                          "error",
		`"4 pcs" | number`:                        "error",
		`"--4" | number`:                          "error",
		`"1e9999" | number`:                       "error",
		`"-" | number`:                            "error",
		`true | number`:                           "error",
		`4 | number(-1)`:                          "error",
	} {
		answer, err := mappedBy(t, `{order_id: (`+program+`)}`)
		got := "error"
		if err == nil {
			got = answer.Orders[0].OrderID
		}
		if got != want {
			t.Errorf("%s: got %q (%v), want %q", program, got, err, want)
		}
	}
}

// Days that stand for none are none, wherever they stand.
func TestPlaceholderDatesAreEmpty(t *testing.T) {
	const order = `{"id":"a","on":"0001-01-01","lines":[
		{"n":1,"due":"1900-01-01","at":"1989-12-31"},{"n":2,"due":"2049-12-31","at":"2026-01-31"},
		{"n":3,"due":"1990-01-01","schedule":[{"due":"2049-12-31","open":1}]},{"n":4,"due":"1753-01-01T00:00:00"}]}`
	server := answering(t, saying(200, order))
	p := written(t, server.URL, "scheme = \"none\"\nno_date = [\"2049-12-31\"]\n[orders]\npath = \"/\"\n"+
		"map = '{order_id: .id, ordered_on: .on, lines: [.lines[] | {line_id: .n, promised_on: .due, requested_on: .at, schedule: [.schedule[]? | {delivery_on: .due, open}]}]}'\n")
	answer, err := p.Orders(t.Context(), window())
	if err != nil {
		t.Fatal(err)
	}
	o := answer.Orders[0]
	got := []string{string(o.OrderedOn), string(o.PromisedOn)}
	for _, l := range o.Lines {
		got = append(got, strings.Join([]string{string(l.PromisedOn), string(l.RequestedOn)}, "/"))
	}
	got = append(got, string(o.Lines[2].Schedule[0].DeliveryOn))
	if diff := cmp.Diff([]string{"", "", "/", "/2026-01-31", "/", "/", ""}, got); diff != "" {
		t.Errorf("dates differ (-want +got):\n%s", diff)
	}
}

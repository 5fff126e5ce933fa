package declared_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"orderbeat/clients"
	"orderbeat/clients/declared"
)

const (
	whole = `canary4711\u001b \"x\") cannot be applied to: (canary, error: canary and string (canary`
	data  = `{"blob": "` + whole + `", "card": "4111 1111 1111 1111 canary", "o": {"canary_name": "canary", "n": 1}, "list": ["canary", "canary2"], "n": 4711001100, "none": null, "orders": []}`
)

// failing are programs whose errors would quote the answer, and what is kept of each.
var failing = map[string]string{
	`.blob|tonumber`:                         "tonumber cannot be applied to this string",
	`.blob|fromjson`:                         "fromjson: the text is not JSON",
	`.blob|toboolean`:                        "toboolean cannot be applied to this string",
	`.blob|strptime("%Y")`:                   "strptime cannot be applied to this string",
	`.blob|strptime("%Y")|mktime`:            "strptime cannot be applied to this string",
	`.blob|fromdateiso8601`:                  "strptime cannot be applied to this string",
	`.blob|fromdate`:                         "strptime cannot be applied to this string",
	`.blob|todate`:                           "cannot be applied to",
	`.o|strftime("%Y")`:                      "strftime cannot be applied to",
	`.blob|mktime`:                           "mktime cannot be applied to",
	`.blob|error`:                            "error was called with a string",
	`.o|error`:                               "error was called with an object",
	`error(.blob)`:                           "error was called with a string",
	`first(error(.blob))`:                    "error was called with a string",
	`error("no lines in " + .blob)`:          "error was called with a string",
	`error("no lines are there")`:            "error: no lines are there",
	`try error(.blob) catch error(.)`:        "error was called with a string",
	`.blob|@base64d`:                         "@base64d cannot be applied to this string",
	`.blob|@urid`:                            "",
	`.o|@csv`:                                "@csv cannot be applied to: object",
	`[.o]|@csv`:                              "@csv cannot format an array including: object",
	`[.o]|@sh`:                               "@sh cannot format an array including: object",
	`format(.blob)`:                          "format not defined",
	`setpath([.blob]; 1)|setpath([0]; 1)`:    "setpath cannot be applied to this object",
	`.list|setpath([.[0]]; 1)`:               "setpath cannot be applied to this array",
	`.blob|setpath(["a"]; 1)`:                "setpath cannot be applied to this string",
	`getpath(["blob", "a"])`:                 "getpath cannot be applied to this object",
	`delpaths([["blob", "a"]])`:              "delpaths cannot be applied to this object",
	`.blob|delpaths(.)`:                      "",
	`.blob.a`:                                "expected an object but got: string",
	`.blob[0]`:                               "",
	`.list[.blob]`:                           "expected an object but got: array",
	`.o[.n]`:                                 "",
	`{(.o): 1}`:                              "expected a string for object key but got: object",
	`{(.n): 1}`:                              "expected a string for object key but got: number",
	`{(.o|tostring): 1}`:                     "there is no such member",
	`{(.blob): 1}`:                           "there is no such member",
	`{order_id: "a", lines: [{(.blob): 1}]}`: "orders[0].lines[0]: the program uses data as a member name: there is no such member",
	`.o|with_entries(.value = 1)`:            "there is no such member",
	`{order_id: "a", oder: .n}`:              "orders[0].oder: there is no such member",
	`.blob|implode`:                          "implode cannot be applied to: string",
	`.list|implode`:                          "implode cannot be applied to: array",
	`.o|explode`:                             "explode cannot be applied to: object",
	`.o|ltrimstr("canary")|ltrim`:            "trim",
	`.n|ltrimstr(1)|ascii_downcase`:          "ltrimstr cannot be applied to: number",
	`.o|ascii_upcase`:                        "ascii_upcase cannot be applied to: object",
	`.blob|test(.)`:                          "invalid regular expression",
	`"x"|test("[canary")`:                    `invalid regular expression "[canary"`,
	`.blob as $b|"x"|test("[" + $b)`:         "invalid regular expression",
	`.blob|match("a"; .)`:                    "unsupported regular expression flag",
	`.o|test("a")`:                           "test cannot be applied to: object",
	`.o|[match("a"; "g")]`:                   "match cannot be applied to: object",
	`.o|sub("a"; "b")`:                       "cannot be applied to: object",
	`.o|capture("a")`:                        "cannot be applied to: object",
	`.o|[splits("a")]`:                       "cannot be applied to: object",
	`.o|split(",")`:                          "split cannot be applied to: object",
	`.blob|split(1)`:                         "split cannot be applied to: string",
	`.blob|join(",")`:                        "",
	`.list|join(1)`:                          "",
	`.o|startswith("a")`:                     "startswith",
	`.blob|startswith(1)`:                    "startswith cannot be applied to: string",
	`.o|ltrim`:                               "ltrim cannot be applied to: object",
	`.blob + .o`:                             "cannot add string and object",
	`.blob - .list`:                          "cannot subtract string and array",
	`.o * .list`:                             "cannot multiply object and array",
	`.n / 0`:                                 "cannot divide number by number",
	`.blob % 2`:                              "cannot modulo string and number",
	`-(.blob)`:                               "cannot negate: string",
	`.blob[]`:                                "cannot iterate over: string",
	`.blob|keys`:                             "keys cannot be applied to: string",
	`.blob|has("a")`:                         "has cannot be applied to: string",
	`.list|has("a")`:                         "has cannot be applied to: array",
	`.n|length|utf8bytelength`:               "utf8bytelength cannot be applied to: number",
	`.blob|sort`:                             "sort cannot be applied to: string",
	`.blob|group_by(.)`:                      "cannot iterate over: string",
	`.blob|min`:                              "min cannot be applied to: string",
	`.blob|flatten`:                          "flatten cannot be applied to: string",
	`.list|flatten(-1)`:                      "flatten depth should not be negative",
	`.blob|to_entries`:                       "keys cannot be applied to: string",
	`.list|from_entries`:                     "expected an object but got: string",
	`.o|transpose`:                           "",
	`.blob|contains(1)`:                      "contains cannot be applied to: string",
	`.list[4711001100] = 1`:                  "too large",
	`.n as $n|.list[-$n] = 1`:                "setpath cannot be applied to this object",
	`.blob * 1e12`:                           "",
	`.list[.blob:]`:                          "expected a number for indexing an array but got: string",
	`path(.blob|tostring|.a)`:                "",
	`path(.blob + "a")`:                      "invalid path against: string",
	`.blob|day("%Y")`:                        `day: the text is not a date like "%Y"`,
	`.blob|day("%Y" + .)`:                    "day: the text is not a date like",
	`.o|day("%Y")`:                           "day: a date cannot be read from an object",
	`.blob|local_day("UTC")`:                 "local_day: the text is not an instant",
	`.blob|local_day(.)`:                     "local_day: the argument must be the name of a time zone",
	`.blob|start_of_day("UTC")`:              "start_of_day: the input is not a day",
	`.blob|halt_error`:                       "the program halts with 5",
	`.o|tojson|ltrimstr("a")|tonumber`:       "tonumber cannot be applied to this string",
	`limit(-1; .blob)`:                       "",
	`.blob|ltrimstr("x")|getpath(["a"])`:     "getpath cannot be applied to this string",
	`{order_id: .o}`:                         "orders[0].order_id: is an object, expected a string",
	`{order_id: "a", ordered_on: .blob}`:     "orders[0].ordered_on: is not a date",
	`{order_id: "a", status: .blob}`:         "orders[0].status: is not a status",
	`{order_id: "a", lines: [{line_id: 1, ordered: .n}]}`: "is not a whole number",
	`{order_id: "a", lines: .blob}`:                       "orders[0].lines: is a string, expected a list",
	`.blob`:                                               "orders[0]: is a string, expected an object",
	`{order_id: (.blob|tostring|.[0:3]|tonumber)}`:        "tonumber cannot be applied to this string",
	`.blob as [$a]|$a`:                                    "",
	`reduce .blob as $x (0; . + $x)`:                      "cannot add number and string",
	`label $f|.blob|break $f`:                             "",
	`.blob|ltrimstr("x")|@json "x\(.a)"`:                  "expected an object but got: string",
	`.list|INDEX(.a)`:                                     "expected an object but got: string",
	`[.blob, .n]|add`:                                     "cannot add string and number",
	`.blob|getpath([{}])`:                                 "getpath cannot be applied to this string",
	`.list|combinations`:                                  "",
	`.list|map(tonumber)|add`:                             "tonumber cannot be applied to this string",
	`.blob|tojson|fromjson|tonumber`:                      "tonumber cannot be applied to this string",
	`.card|@base64d|fromjson`:                             "",
	`.card|strptime("%d.%m.%Y")|strftime("%Y")`:           "strptime cannot be applied to this string",
	`.list|.[0] as $k|{($k): {}}|.[$k].a|tonumber`:        "",
	`.blob|ascii_downcase|tonumber`:                       "tonumber cannot be applied to this string",
}

func TestProgramErrorsHaveNoResponseData(t *testing.T) {
	server := answering(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, data) })
	for _, more := range []string{"", "exchanges = \"metadata\"\n", "hide = [\"blob\", \"o\"]\nredact = [\"card\"]\n"} {
		failed := 0
		for program, want := range failing {
			declaration := more + "scheme = \"none\"\n[orders]\npath = \"/\"\nmap = '''" + program + "'''\n"
			client, err := declared.Open(writtenSection(t, server.URL, declaration))
			if err != nil {
				t.Errorf("%s: %v", program, err)
				continue
			}
			answer, err := client.Orders(t.Context(), window())
			e := clients.AsError(err)
			if e == nil {
				if want != "" {
					t.Errorf("%s: got %d orders, want %q", program, len(answer.Orders), want)
				}
				continue
			}
			failed++
			if text := e.Error() + e.Hint; strings.Contains(strings.ToLower(text), "canary") && !strings.Contains(program, "[canary") || strings.Contains(text, "4711001100") || strings.Contains(text, "1111") {
				t.Errorf("%s: the error repeats the answer: %s", program, text)
			}
			if !strings.Contains(e.Message, want) {
				t.Errorf("%s: got %q, want %q in it", program, e.Message, want)
			}
		}
		if failed < 90 {
			t.Errorf("%q: only %d programs failed", more, failed)
		}
	}
}

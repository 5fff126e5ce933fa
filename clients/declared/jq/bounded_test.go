package jq // inside, to compare a program with what is made of it

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/itchyny/gojq"
)

// harmless are programs over inputBound, each with every kind of thing that bound rewrites.
var harmless = []string{
	`.`, `..`, `[..]`, `.a.b[1]`, `.a["b"][0:2]`, `.a | .b[]?`, `.list[].n`, `[.list[] | {n, m: (.n + 1), ("k\(.n)"): [.n, .n]}]`,
	`.list | map(.n) | add`, `add(.list[].n)`, `[.list[] | .n] | sort, unique, min, max, reverse, (map(-.)|sort)`,
	`.list | sort_by(-.n), group_by(.n % 2), unique_by(.n % 2), min_by(.n), max_by(.n)`,
	`.list | map(select(.n > 1 and .n != 3)) | length`, `[.list[] | .n == 2, .n < 2, .n <= 2, .n >= 2]`, `.a == .a, .a != .list, ([1] < [2])`,
	`.a | to_entries, keys, with_entries(.value |= length), has("b")`, `[.list[] | {key: .s, value: .n}] | from_entries`,
	`"x\(.list[0].n)y\(.a)z"`, `@json "v=\(.a)"`, `.list | @json`, `[.list[0] | .n, .s] | @csv, @tsv, @sh`, `.s | @base64, @uri, @html, @text`, `.s | @base64 | @base64d`,
	`.s / ", "`, `.s | split(", "), split(", *"; null), explode, (explode | implode)`, `.s * 2`, `{"a":{"b":1}} * {"a":{"c":2}}`, `[1,2,3] - [2]`, `7 - 2 * 3 / 2 % 5`,
	`[(1,2) - (10,20)]`, `[(1,2) + (10,20)]`, `[(1,2) * (10,20)]`, `[(2,4) / (1,2)]`, `[(1,2) == (2,1)]`, `.none // "d"`, `(1,null,2) // 3`,
	`.a.b[0] = 9`, `.a.b[] = 9`, `.a.b |= map(. + 1)`, `.a.b[] |= . * 2`, `.list[].n += 10`, `.list[].n -= 1`, `.list[0].n *= 3`, `.list[0].n /= 2`, `.list[0].n %= 2`, `.none //= 3`,
	`.list |= sort_by(-.n)`, `(.a, .b) = 1`, `.a = (1, 2)`, `.a.b |= empty`, `(.list[] | select(.n == 2)) |= empty`, `.list[1:] = ["x"]`, `.["s"] |= ascii_upcase`,
	`.list[(.list | length) - 1].n = 0`, `del(.a)`, `del(.list[0, 2])`, `del(.list[] | select(.n > 1))`, `delpaths([["a"], ["list", 0]])`, `pick(.a.b[1])`, `pick(.list[1].n)`,
	`to_entries`, `paths`, `[paths(type == "number")]`, `path(..)`, `[path(.a | recurse)]`, `[path(.list[] | select(.n > 1))]`, `getpath(["a", "b", 0])`, `setpath(["a", "c"]; 5)`,
	`setpath(["x", 2]; .s)`, `[path(first(.list[]))]`, `[path(last(.list[]))]`, `[path(limit(2; .list[]))]`, `[path(reduce (1, 2) as $i (.; .a))]`, `path(getpath(["a", "b"]))`,
	`[path(if .a then .a else .s end)]`, `[path(.a // .s)]`, `[path(try .a catch .)]`, `[path(.list | .[0, 1])]`, `[limit(4; null | path(recurse(.[0])))]`,
	`reduce .list[] as $l ({}; .[$l.s] += [$l.n])`, `reduce .list[] as {$n, s: $t} (0; . + $n)`, `foreach .list[] as $l (0; . + $l.n; [., $l.s])`, `[foreach .list[] as $l (0; . + $l.n)]`,
	`def f: . + 1; 1 | f | f`, `def f($x; g): $x + g; f(1; 2, 3)`, `def fac: if . <= 1 then 1 else . * (. - 1 | fac) end; 6 | fac`, `def add: "own"; add, (.list | map(.n) | add)`,
	`def tojson: 1; tojson`, `def f(tojson): tojson; f(7)`, `. as {a: {b: [$x, $y]}, $s} | [$x, $y, $s]`, `. as [$x] ?// {a: $x} | $x`,
	`[.list[] | .s] | join("-"), join(1, 2), index("b"), IN(["a", "b", "c"])`, `.s | test("a"), test("A"; "i"), [match("[a-z]"; "g").string], [scan("[a-z]")], sub("a"; "\(.)x"), gsub("(?<c>[a-z])"; "<\(.c)>"), [splits(", ")], (capture("(?<c>b)"))`,
	`[limit(3; repeat(1))]`, `[1 | while(. < 50; . * 2)]`, `1 | until(. > 50; . * 2)`, `[1 | recurse(if . < 4 then . + 1 else empty end)]`, `[2 | recurse(. * .; . < 100)]`, `[range(5)], [range(1; 9; 3)]`,
	`[.list[0] | .n, .s] | tojson, tostring`, `.list | tojson | fromjson`, `"12" | tonumber`, `[1, [2, [3]]] | flatten, flatten(1)`, `[[1, 2], [3]] | transpose`, `[[1, 2], [3, 4]] | [combinations], ([.[0]] | .[0] | [combinations(2)])`,
	`[.a.b | tostream]`, `INDEX(.list[]; .s) | keys`, `.list | INDEX(.n) | keys`, `[JOIN(INDEX(.list[]; .s); .list[]; .s)] | length`, `walk(if type == "number" then . + 1 else . end)`, `.a | contains({b: [1]}), inside({b: [1, 2], c: 3})`,
	`[1, 2, 3] | bsearch(2), indices(2), (.[1:] | first), last, nth(1)`, `.s | ltrimstr("a"), rtrimstr("c"), startswith("a"), endswith("x"), length, utf8bytelength, ascii_downcase, trim`,
	`"2026-11-29T00:00:00Z" | fromdate | todate`, `"2026-11-29" | strptime("%Y-%m-%d") | mktime | strftime("%d.%m.%Y")`, `try error("x") catch .`, `try error({a: 1}) catch .a`, `.list[] | try (if .n == 2 then error else .n end) catch "e"`, `label $out | .list[] | if .n == 2 then break $out else .n end`,
	`any(.list[]; .n == 2), all(.list[]; .n > 0), isempty(.list[]), ([.list[].n] | any, all)`, `.list | first, last, (.[] | objects | .n), (map(.n) | map(numbers))`, `$account, [$params]`, `{$account, a: 1, "b": 2, (.s): 4}`,
	`.a.b as [$x] | {x: $x}`, `.list as [{$n}, {s: $t}] | [$n, $t]`, `[.[] | type]`, `ascii`, `input_line_number`, `.a?`, `[.[]?]`, `.s.x?`, `try (.s.x) catch "no"`, `-.list[0].n`, `-(1 + 2)`, `1e3, 0.1 + 0.2, 100000000000000000000 + 1`, `limit(1; .list[]) | .n`,
}

const inputBound = `{"a":{"b":[1,2,{"c":null}]},"list":[{"n":1,"s":"a"},{"n":2,"s":"b"},{"n":3,"s":"c"}],"s":"a, b, c","t":true}`

// TestLimitedProgramsHaveTheSameResults compares what a program makes with and without its checks.
func TestLimitedProgramsHaveTheSameResults(t *testing.T) {
	read := func() (v any) {
		if err := json.Unmarshal([]byte(inputBound), &v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	vars := NewScope().With("account", "acme")
	for _, text := range harmless {
		query, err := gojq.Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		code, err := gojq.Compile(query, append(functions(), gojq.WithVariables(dollars()))...)
		if err != nil {
			if _, wrong := Compile(text); wrong == nil {
				t.Errorf("%s: got no mistake, want %v", text, err)
			}
			continue
		}
		var want, got []any
		for iter := code.Run(read(), vars...); ; {
			v, ok := iter.Next()
			if err, failed := v.(error); failed {
				v, ok = (&Program{Text: text}).discreet(err).Error(), false
				want = append(want, v)
			}
			if !ok {
				break
			}
			want = append(want, v)
		}
		p, wrong := Compile(text)
		if wrong != nil {
			t.Errorf("%s: %s", text, wrong.Message)
			continue
		}
		if err := p.Each(t.Context(), read(), vars, func(v any) error { got = append(got, v); return nil }); err != nil {
			got = append(got, err.Error())
		}
		if diff := cmp.Diff(asJSON(t, want), asJSON(t, got)); diff != "" {
			t.Errorf("%s: the results differ (-want +got):\n%s", text, diff)
		}
	}
}

// asJSON is a list of results as JSON.
func asJSON(t *testing.T, results []any) string {
	t.Helper()
	text, err := gojq.Marshal(append([]any{}, results...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

package jq // inside, to evaluate programs without a provider

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"orderbeat/clients/memory"
)

// hostile are programs that loop, build or recurse without a bound. What they are given is
// {"n": 3000000, "a": [1,2,3], "s": a text of 100 KB}. ok marks those that have a result.
var hostile = []struct {
	program string
	ok      bool
}{
	// Values as deep as they can be made, and what recurses over them.
	{`reduce range(3000000) as $i (0;[.])|tojson`, false},
	{`reduce range(100000) as $i (0;[.])|tostring`, false},
	{`reduce range(100000) as $i (0;[.])|@json`, false},
	{`reduce range(100000) as $i (0;[.])|@text`, false},
	{`reduce range(100000) as $i (0;[.])|"\(.)"`, false},
	{`reduce range(100000) as $i (0;[.])|@html "x\(.)"`, false},
	{`reduce range(100000) as $i (0;{a:.})|tojson`, false},
	{`reduce range(100000) as $i (0;{a:.})|{order_id:.}`, false},
	{`reduce range(100000) as $i (0;[.])`, false},
	{`[reduce range(100000) as $i (0;[.])]|flatten`, false},
	{`reduce range(100000) as $i (0;[.])|flatten(1000000)`, false},
	{`reduce range(100000) as $i (0;[.])|walk(.)`, false},
	{`[reduce range(100000) as $i (0;[.])]|paths`, false},
	{`reduce range(100000) as $i (0;[.])|[..]|length`, false},
	{`reduce range(100000) as $i (0;[.])|[recurse]|length`, false},
	{`reduce range(100000) as $i (0;[.])|[tostream]|length`, false},
	{`(reduce range(100000) as $i (0;[.])) as $x | $x == ($x|[.]|.[0])`, false},
	{`(reduce range(100000) as $i (0;[.])) as $x | [$x,$x]|sort`, false},
	{`(reduce range(100000) as $i (0;[.])) as $x | [$x,$x]|unique`, false},
	{`(reduce range(100000) as $i (0;[.])) as $x | [$x,$x]|min`, false},
	{`(reduce range(100000) as $i (0;[.])) as $x | [1,2]|group_by($x)`, false},
	{`(reduce range(100000) as $i (0;[.])) as $x | [1,2]|max_by($x)`, false},
	{`(reduce range(100000) as $i (0;[.])) as $x | [$x]|contains([$x])`, false},
	{`(reduce range(100000) as $i (0;[.])) as $x | [$x]|inside([$x])`, false},
	{`(reduce range(100000) as $i (0;[.])) as $x | [$x]|index([$x])`, false},
	{`(reduce range(100000) as $i (0;[.])) as $x | [$x]|bsearch($x)`, false},
	{`(reduce range(100000) as $i (0;[.])) as $x | [$x] - [$x]`, false},
	{`(reduce range(100000) as $i (0;[.])) as $x | $x|IN($x)`, false},
	{`(reduce range(100000) as $i (0;[.])) as $x | [1]|INDEX($x)`, false},
	{`(reduce range(100000) as $i (0;{a:.})) as $x | $x * $x`, false},
	{`(reduce range(100000) as $i (0;[.])) as $x | try error($x) catch tojson`, false},
	{`setpath([range(30000)|0]; 1)`, false},
	{`getpath([range(30000)|"a"])`, false},
	{`delpaths([[range(30000)|0]])`, false},
	{`null | reduce range(100000) as $i (.; .[0]) = 1`, true},
	{`null | until(false; .[0]) |= 1`, false},
	{`null | last(limit(30000; recurse(.[0]))) = 1`, true},
	{`null | del(last(limit(30000; recurse(.[0]))))`, true},
	{`null | pick(last(limit(30000; recurse(.[0]))))`, true},
	{`[limit(3000000; null|path(recurse(.[0])))]|length`, false},
	{`def f: [f]; f`, false},
	{`def f: [f]|tojson; f`, false},
	{`def f($x): f($x+[1]) | .; f([])`, false},
	{`def f: {a: f}; f`, false},
	{`[range(100000)] as $big | def f: ($big+[1]) as $x | f | $x; f`, false},
	{`[range(100000)] as $big | def f: ($big+[1]) | f, .; f|length`, false},
	{`[range(100000)] as $big | def f($x): f($big+[1]), $x; f(1)|length`, false},
	{`[range(100000)] as $big | last([1]|recurse($big+[1]))|length`, false},
	{`def f: 1 + f; f`, false},
	{`def f: def g: f|.; g|.; f`, false},
	{`[recurse([.])]|length`, false},
	{`last(recurse([.]))`, false},
	// A value that holds itself in many places.
	{`reduce range(60) as $i (0;[.,.])|tojson`, false},
	{`reduce range(60) as $i (0;[.,.])`, false},
	{`reduce range(60) as $i (0;[.,.])|flatten`, false},
	{`reduce range(60) as $i (0;[.,.]) | . == .`, false},
	{`reduce range(60) as $i ({}; {a:.,b:.}) | [..]|length`, false},
	// Texts.
	{`reduce range(1e9) as $i ("";.+"xxxxxxxx")`, false},
	{`reduce range(60) as $i ("x"; . + .)`, false},
	{`reduce range(60) as $i ({a:"x"}; .a += .a)`, false},
	{`reduce range(60) as $i ("x"; "\(.)\(.)")`, false},
	{`reduce range(60) as $i ("x"; [.,.]|join(""))`, false},
	{`reduce range(60) as $i ("x"; [.,.]|add)`, false},
	{`reduce range(60) as $i ("x"; add(.,.))`, false},
	{`"x" * 1000000000`, false},
	{`1000000000 * "x"`, false},
	{`{a:"x"} | .a *= 1000000000`, false},
	{`[range(1e6)|"x"*100000]|length`, false},
	{`[range(1e6)|""]|join("x"*1000000)|length`, false},
	{`.s as $s | [range(1e9)|$s+"x"]|length`, false},
	{`.s|[splits("")]|length`, false},
	{`.s[0:4000]|[splits("")]|length`, true},
	{`(.s*100)|[match("";"g")]|length`, false},
	{`(.s*100)|gsub("";"xxxxxxxxxxxxxxxx")|length`, false},
	{`.s[0:20000]|gsub("x";"y"*1000000)|length`, false},
	{`.s|explode|length`, true},
	{`[range(1e6)|("x"*1000|explode)]|length`, false},
	{`(.s*150)|[indices("xxxxxxxxxxxxxxxxx")]|length`, false},
	{`(.s*150) as $t | $t|index($t[0:7000000])`, false},
	{`now|strftime("%1000000000Y")|length`, true},
	{`now|strftime("%c"*1000000)|length`, false},
	// Lists and objects.
	{`[range(1e9)]|length`, false},
	{`[range(1e12) | "x" * 4000]|length`, false},
	{`[range(1e5)|[range(1e5)]]|length`, false},
	{`[limit(1e9;repeat(1))]|length`, false},
	{`[range(1e9)|{a:1}]|length`, false},
	{`{a: [range(1e9)]}`, false},
	{`[1]|map(range(1e9))|length`, false},
	{`[1]|map_values(range(1e9))|length`, true},
	{`[[1]]|walk(.,.,range(1e9))`, false},
	{`reduce range(1e9) as $i ([]; . + [$i])|length`, false},
	{`reduce range(60) as $i ([1]; . + .)|length`, false},
	{`reduce range(1e9) as $i ([]; .[$i] = $i)|length`, false},
	{`reduce range(1e9) as $i ({}; .["k\($i)"] = $i)|length`, false},
	{`reduce range(1e9) as $i ({}; . + {"k\($i)":$i})|length`, false},
	{`reduce range(1000) as $i ({}; .["k\($i)"][999999] = 1)|length`, false},
	{`null|.[500000000] = 1|length`, false},
	{`null|.[500000000] |= 1|length`, false},
	{`null|.[.n // 500000000] += 1|length`, false},
	{`null|setpath([500000000]; 1)|length`, false},
	{`def p: .[500000000]; null|p = 1|length`, false},
	{`null|pick(.[500000000])|length`, false},
	{`foreach range(1e9) as $i ([]; . + [$i, $i]; select(false))`, false},
	{`[[range(1e6)], (range(100000)|[])]|transpose|length`, false},
	{`[1]|combinations(1000000000)`, false},
	{`[range(100000)|[1]]|combinations|length`, false},
	{`[range(200000)] - [range(200000)|.+1000000]|length`, false},
	{`[range(200000)]|contains([range(200000)|.+1000000])`, false},
	{`[range(200000)|0]|indices([range(100000)|0])|length`, false},
	{`[range(1000000)|{key:"k\(.)",value:1}]|from_entries|to_entries|with_entries(.)|length`, false},
	{`[path(.a[] , (.a|getpath([range(1e9)|0])))]`, false},
	// Numbers.
	{`reduce range(100000) as $i (3; .*.)`, false},
	{`reduce range(10000000) as $i (1; .*1000000007)`, false},
	{`("9"*1000000)|tonumber`, false},
	{`("9"*1000000)|fromjson`, false},
	{`jn(1000000000;1)`, false},
	// JSON within JSON.
	{`("["*1000000)|fromjson`, false},
	{`("["+("[],"*3000000)+"1]")|fromjson|length`, false},
	// Loops.
	{`last(range(1e18))`, false},
	{`until(false; .)`, false},
	{`def f: f; f`, false},
	{`last(repeat(1))`, false},
	{`[.[]?|while(true; .)]|length`, false},
	{`try (def f: [f]; f) catch (def g: [g]; g)`, false},
	{`halt`, false},
	{`{}|halt_error`, false},
}

// TestHostilePrograms evaluates each hostile program in a process that has 2 GB of address
// space, none of which ends it.
func TestHostilePrograms(t *testing.T) {
	if os.Getenv("ORDERBEAT_HOSTILE") != "" {
		evaluateHostile(t)
		return
	}
	limit := "ulimit -v 2000000; "
	if raceDetector { // which takes an address space that no limit leaves it
		limit = ""
	}
	child := exec.CommandContext(t.Context(), "sh", "-c", limit+`exec "$0" -test.run='^TestHostilePrograms$' -test.timeout=10m`, os.Args[0])
	child.Env = append(os.Environ(), "ORDERBEAT_HOSTILE=1", "GOMEMLIMIT=700MiB", "GOTRACEBACK=single")
	out, err := child.CombinedOutput()
	if err != nil || !strings.Contains(string(out), fmt.Sprintf("evaluated %d programs", len(hostile))) {
		const most = 6000
		t.Errorf("the process of hostile programs ended with %v:\n%s", err, out[:min(len(out), most)])
	}
}

func evaluateHostile(t *testing.T) {
	t.Helper()
	memory := memory.NewPool(0) // the least there is for one attempt
	for _, h := range hostile {
		fmt.Println("evaluating", h.program)
		p, wrong := Compile(h.program)
		if wrong != nil {
			t.Errorf("%s: %s", h.program, wrong.Message)
			continue
		}
		enough := time.Second
		switch {
		case h.ok:
			enough = time.Minute
		case raceDetector: // the address space has no limit that more time could reach
			enough = time.Second / 20
		}
		ctx, cancel := context.WithTimeout(t.Context(), enough)
		ctx, release := memory.Budget(ctx, "acme")
		began := time.Now()
		err := p.Each(ctx, map[string]any{"n": 3_000_000, "a": []any{1, 2, 3}, "s": strings.Repeat("x", 100_000)}, NewScope(), func(any) error { return nil })
		fmt.Println("  ", time.Since(began).Round(time.Millisecond), err)
		if (err == nil) != h.ok {
			t.Errorf("%s: got %v, want it refused: %t", h.program, err, !h.ok)
		}
		if err != nil && errors.Is(err, context.Canceled) {
			t.Errorf("%s: was cancelled", h.program)
		}
		release()
		cancel()
	}
	fmt.Printf("evaluated %d programs\n", len(hostile))
}

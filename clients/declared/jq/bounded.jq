# Bounded definitions of jq's functions and assignments: see bounded.go. Within a definition, its name is
# jq's own function. The checks _ob_… are in allowance.go; each returns its input unchanged. Where a
# function may be used in a path expression, a check is a binding (check as $_ | …), not a step of the path.

# Assignments: the paths of the left side are evaluated, and checked, first.
def _bounded_assign(l; r): (r | _ob_built) as $r | [path(l) | _ob_built] as $at | _ob_paths($at) | getpath($at[]) = $r;
def _bounded_modify(l; f): [path(l) | _ob_built] as $at | _ob_paths($at) | getpath($at[]) |= (f | _ob_built);
def _bounded_update_plus(l; r): r as $r | _bounded_modify(l; _ob_addable($r) + $r);
def _bounded_update_minus(l; r): r as $r | _bounded_modify(l; _ob_each($r) - $r);
def _bounded_update_multiply(l; r): r as $r | _bounded_modify(l; _ob_times($r) * $r);
def _bounded_update_divide(l; r): r as $r | _bounded_modify(l; _ob_each($r) / $r);
def _bounded_update_modulo(l; r): r as $r | _bounded_modify(l; . % $r);
def _bounded_update_alternative(l; r): r as $r | _bounded_modify(l; . // $r);

# Texts and JSON.
def tojson: _ob_whole | tojson | _ob_built;
def tostring: _ob_whole | tostring | _ob_built;
def format(f): _ob_whole | format(f) | _ob_built;
def fromjson: _ob_fromjson;
def tonumber: if type == "string" then _ob_atmost(1000) else . end | tonumber;
def explode: _ob_use(24) | explode;
def implode: implode | _ob_built;
def split(s): _ob_use(24) | split(s);
def join(s): s as $s | _ob_sum($s) | join($s);
def ascii_downcase: ascii_downcase | _ob_built;
def ascii_upcase: ascii_upcase | _ob_built;

# Regular expressions: gojq counts the characters up to each match, which takes time that grows
# with the square of the length.
def _bounded_matched: if type == "string" then _ob_atmost(16384) else . end;
def test(re): _bounded_matched | test(re);
def test(re; flags): _bounded_matched | test(re; flags);
def match(re): _bounded_matched | match(re);
def match(re; flags): _bounded_matched | match(re; flags);
def capture(re): _bounded_matched | capture(re);
def capture(re; flags): _bounded_matched | capture(re; flags);
def scan(re): _bounded_matched | scan(re);
def scan(re; flags): _bounded_matched | scan(re; flags);
def splits(re): _bounded_matched | splits(re);
def splits(re; flags): _bounded_matched | splits(re; flags);
def split(re; flags): _bounded_matched | split(re; flags);
def sub(re; s): _bounded_matched | sub(re; s | _ob_built);
def sub(re; s; flags): _bounded_matched | sub(re; s | _ob_built; flags);
def gsub(re; s): _bounded_matched | gsub(re; s | _ob_built);
def gsub(re; s; flags): _bounded_matched | gsub(re; s | _ob_built; flags);

# Lists and objects.
def add: _ob_sum("") | add | _ob_built;
def add(f): [f | _ob_built] | _ob_sum("") | add | _ob_built;
def flatten: _ob_whole | flatten | _ob_built;
def flatten(depth): _ob_whole | flatten(depth) | _ob_built;
def sort: _ob_whole | sort | _ob_built;
def sort_by(f): sort_by(f | _ob_whole) | _ob_built;
def group_by(f): group_by(f | _ob_whole) | _ob_built;
def unique: _ob_whole | unique | _ob_built;
def unique_by(f): unique_by(f | _ob_whole) | _ob_built;
def min: _ob_whole | min;
def min_by(f): min_by(f | _ob_whole);
def max: _ob_whole | max;
def max_by(f): max_by(f | _ob_whole);
def contains(v): v as $v | _ob_each($v) | contains($v);
def inside(v): v as $v | _ob_each($v) | inside($v);
def bsearch(v): v as $v | _ob_each($v) | bsearch($v);
def indices(v): v as $v | _ob_each($v) | indices($v);
def index(v): v as $v | _ob_each($v) | index($v);
def rindex(v): v as $v | _ob_each($v) | rindex($v);
def IN(s): _ob_whole | IN(s | _ob_whole);
def IN(s; t): IN(s | _ob_whole; t | _ob_whole);
def INDEX(f): INDEX(f | _ob_whole);
def INDEX(s; f): INDEX(s | _ob_built; f | _ob_whole);
def JOIN(i; f): _ob_use(350) | JOIN(i; f);
def JOIN(i; s; f): JOIN(i; s | _ob_built; f);
def JOIN(i; s; f; g): JOIN(i; s | _ob_built; f; g);
def keys: keys | _ob_built;
def reverse: reverse | _ob_built;
def transpose: (length * (map(length) | max // 0) | _ob_atmost(4000000)) as $_ | transpose;
def to_entries: _ob_use(350) | to_entries;
def from_entries: _ob_use(350) | from_entries;
def with_entries(f): _ob_use(350) | with_entries(f | _ob_built);
def combinations: _ob_atmost(1000) | combinations;
def combinations(n): combinations(n | _ob_atmost(1000));
def map(f): map(f | _ob_built);
def map_values(f): map_values(f | _ob_built);
def walk(f): _ob_whole | walk(f | _ob_built);

# Loops.
def recurse: _ob_whole as $_ | recurse;
def recurse(f): recurse(f | _ob_frame as $_ | .);
def recurse(f; cond): recurse(f | _ob_frame as $_ | .; cond);
def while(cond; f): while(cond; f | _ob_step as $_ | .);
def until(cond; f): until(cond; f | _ob_step as $_ | .);
def repeat(f): repeat(f | _ob_step as $_ | .);

# Paths.
def path(f): path(f) | _ob_built;
def paths: _ob_whole | paths;
def paths(f): _ob_whole | paths(f);
def tostream: _ob_whole | tostream;
def truncate_stream(f): truncate_stream(f | _ob_atmost(10000));
def getpath(p): getpath(p | _ob_atmost(10000));
def setpath(p; v): [p] as $at | _ob_paths($at) | setpath($at[]; v | _ob_built);
def delpaths(p): p as $at | _ob_paths($at) | delpaths($at);
def del(f): [path(f) | _ob_built] as $at | _ob_paths($at) | delpaths($at);
def pick(f): [path(f) | _ob_built] as $at | _ob_paths($at) | pick(getpath($at[]));

# Functions whose format or count can make a large result.
def strptime(f): if type == "string" then _ob_atmost(1000) else . end | strptime(f | _ob_atmost(1000));
def strftime(f): strftime(f | _ob_atmost(1000));
def strflocaltime(f): strflocaltime(f | _ob_atmost(1000));
def jn(n; x): jn(n | _ob_atmost(1000); x);
def yn(n; x): yn(n | _ob_atmost(1000); x);

# Orderbeat's function date; jq's own writes an instant.
def date: _ob_day;

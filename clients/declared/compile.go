package declared

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"orderbeat/auth/secret"

	"orderbeat/clients"
	"orderbeat/clients/declared/jq"
	"orderbeat/clients/section"
)

type requestSpec struct {
	op         string // for errors and logs
	method     string
	path       *jq.Template
	query      jq.Table
	headers    jq.Table
	json, form jq.Table // nil for none
	accept     []int
	empty      []int
	idempotent bool
	limiter    *clients.SharedRate
	rules      []rule
}

type operationSpec struct {
	requestSpec
	uses    map[string]bool // the variables that its call depends on
	sound   bool            // all jq of its call compiled
	mapping *jq.Program
	paging  pager
	lines   string      // "" or linesAdd
	items   *jq.Program // the items to request; nil for none
	each    requestSpec
}

// compiler compiles a declaration, and collects its mistakes.
type compiler struct {
	wrong *section.Errors
	// uses has the first key that uses a variable, params the first that uses a custom value of the
	// account.
	uses, params map[string]string
	call         map[string]bool // the variables of the call that is being compiled
	// Shared by all operations.
	headers jq.Table
	shared  map[string]bool // the variables of headers
	rules   []rule
	mapping *jq.Program
	maps    bool     // there is a mapping, valid or not
	broken  int      // number of texts whose jq did not compile
	secrets []string // names whose values are secrets
	rates   []*clients.SharedRate
}

func newCompiler(set *settings, wrong *section.Errors) *compiler {
	c := &compiler{wrong: wrong, uses: map[string]string{}, params: map[string]string{}, maps: set.Map != ""}
	c.call = map[string]bool{}
	c.headers, c.shared = c.headerTable("headers", set.Headers), c.call
	c.call = map[string]bool{}
	c.rules = c.ruleList("failures", set.Failures)
	if set.Map != "" {
		c.mapping = c.program("map", set.Map, jq.CompileMapping)
	}
	return c
}

var methods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch}

// operation compiles an operation; it returns nil if the operation is not declared.
func (c *compiler) operation(key string, o operation) *operationSpec {
	if o.undeclared() {
		return nil
	}
	broken := c.broken
	c.call = maps.Clone(c.shared)
	q := &operationSpec{requestSpec: c.request(key, o.request), uses: c.call}
	c.call = map[string]bool{} // of the operation's other programs
	q.sound = c.broken == broken
	q.rules = append(c.ruleList(key+".failures", o.Failures), c.rules...)
	if q.mapping = c.mapping; o.Map != "" {
		q.mapping = c.program(key+".map", o.Map, jq.CompileMapping)
	} else if !c.maps {
		c.wrong.Add(key+".map", "is missing: a jq program that maps a response to orders")
	}
	q.paging = c.paging(key+".paging", o.Paging)
	if o.Each.Items != "" || o.Each.Path != "" {
		if o.Each.Items == "" {
			c.wrong.Add(key+".each.items", "is missing: a jq program that finds the items to request")
		}
		q.items = c.optional(key+".each.items", o.Each.Items)
		q.each = c.request(key+".each", o.Each.request)
		q.each.rules = append(c.ruleList(key+".each.failures", o.Each.Failures), c.rules...)
	}
	for name, n := range map[string]int{"window_days": o.WindowDays, "history_days": o.HistoryDays} {
		if n < 0 {
			c.wrong.Add(key+"."+name, "must be 0, for no limit, or more")
		}
	}
	if q.lines = o.Lines; o.Lines != "" && o.Lines != linesAdd {
		c.wrong.Add(key+".lines", "must be %q, not %.40q; omit it if equal lines are one line", linesAdd, o.Lines)
	}
	if o.MaxReferences < 1 {
		c.wrong.Add(key+".max_references", "must be 1 or more")
	}
	return q
}

func (o *operation) undeclared() bool { return o.Path == "" && o.Map == "" && o.Method == "" }

func (c *compiler) request(key string, r request) requestSpec {
	a := requestSpec{op: strings.ReplaceAll(key, ".", " "), method: r.Method, accept: r.Accept, empty: r.Empty, idempotent: r.Idempotent, limiter: r.Rate.Shared()}
	c.rates = append(c.rates, a.limiter)
	if a.method == "" {
		a.method = http.MethodGet
	}
	if !slices.Contains(methods, a.method) {
		c.wrong.Add(key+".method", "must be one of %s, not %.40q", strings.Join(methods, ", "), r.Method)
	}
	if a.path = c.template(key+".path", r.Path); r.Path == "" {
		c.wrong.Add(key+".path", `is missing: a path below base_url, like "/orders"`)
	} else if !strings.HasPrefix(r.Path, "/") || strings.HasPrefix(r.Path, "//") || strings.ContainsAny(a.path.Literals(), "?#") {
		c.wrong.Add(key+".path", `must be a path below base_url, like "/orders"; declare query parameters in the table query`)
	}
	a.query = c.table(key+".query", r.Query)
	a.headers = maps.Clone(c.headers)
	maps.Copy(a.headers, c.headerTable(key+".headers", r.Headers))
	if r.JSON != nil {
		a.json = c.table(key+".json", r.JSON)
	}
	if r.Form != nil {
		a.form = c.table(key+".form", r.Form)
	}
	if r.JSON != nil && r.Form != nil {
		c.wrong.Add(key+".form", "cannot be combined with json: a call has one body")
	}
	c.statuses(key+".accept", r.Accept)
	c.statuses(key+".empty", r.Empty)
	return a
}

func (c *compiler) statuses(key string, list []int) {
	for i, s := range list {
		if s < 100 || s > 599 || s == http.StatusUnauthorized {
			c.wrong.Add(fmt.Sprintf("%s[%d]", key, i), "must be an HTTP status, and not 401, which is about the token")
		}
	}
}

const noHeaderName = `is not the name of a header, which has letters, digits and -, like "X-Acme-Org"`

// secretHeaders are the names of headers with secrets.
var secretHeaders = regexp.MustCompile(`(?i)^(authorization|proxy-authorization|cookie|.*(api[-_]?key|secret|password|token))$`)

func (c *compiler) headerTable(key string, values map[string]any) jq.Table {
	for name, value := range values {
		text, ok := value.(string)
		at := key + "." + quoted(name)
		switch {
		case !section.IsHeaderName(name):
			c.wrong.Add(at, "%s", noHeaderName)
		case secretHeaders.MatchString(name) && !isSecret(value):
			c.wrong.Add(at, `is sent with every call by scheme = "api_key", "basic" or "oauth2"; other secrets must be references: write "env:NAME", "file:PATH" or "credential:NAME"`)
		case ok && strings.ContainsFunc(text, unicode.IsControl):
			c.wrong.Add(at, "has a character that is invalid in a header: write it on one line, without tabs")
		}
	}
	return c.table(key, values)
}

// program compiles a program with [jq.Compile] or [jq.CompileMapping].
func (c *compiler) program(key, text string, compile func(string) (*jq.Program, *jq.Mistake)) *jq.Program {
	p, wrong := compile(text)
	if wrong != nil {
		c.wrong.AddAt(key, wrong.Offset, "%s", wrong.Message)
		return nil
	}
	c.used(key, text, p.Uses)
	return p
}

// optional compiles a program; it returns nil for an empty text.
func (c *compiler) optional(key, text string) *jq.Program {
	if text == "" {
		return nil
	}
	return c.program(key, text, jq.Compile)
}

func (c *compiler) template(key, text string) *jq.Template {
	t, wrong := jq.ParseTemplate(text)
	if wrong != nil {
		c.wrong.AddAt(key, wrong.Offset, "%s", wrong.Message)
		c.broken++
		return nil
	}
	c.used(key, text, t.Uses())
	return t
}

func (c *compiler) table(key string, values map[string]any) jq.Table {
	t := jq.Table{}
	for name, value := range values {
		t[name] = c.value(key+"."+quoted(name), name, value)
	}
	return t
}

// value compiles a value of a table; name is its key, or the key of the list that contains it.
func (c *compiler) value(key, name string, value any) any {
	switch v := value.(type) {
	case string:
		if t := c.template(key, v); t != nil {
			return t
		}
		return nil
	case map[string]any:
		return c.table(key, v)
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = c.value(fmt.Sprintf("%s[%d]", key, i), name, v[i])
		}
		return list
	case secret.Secret:
		c.secrets = append(c.secrets, name)
		return jq.Literal(v.Reveal())
	case int64:
		return int(v)
	case bool, float64:
		return v
	default:
		c.wrong.Add(key, "must be a string, a number, true or false; write a date as a string")
		return nil
	}
}

func isSecret(value any) bool { _, ok := value.(secret.Secret); return ok }

// paramOf finds uses of the account's custom values in a program.
var paramOf = regexp.MustCompile(`\$params\.([A-Za-z_][A-Za-z0-9_]*)`)

// used notes the variables that the text of a key uses.
func (c *compiler) used(key, text string, names []string) {
	for _, name := range names {
		c.call[name] = true
		if _, noted := c.uses[name]; !noted {
			c.uses[name] = key
		}
	}
	for _, m := range paramOf.FindAllStringSubmatch(text, -1) {
		if _, noted := c.params[m[1]]; !noted {
			c.params[m[1]] = key
		}
	}
}

// quoted returns a key as it is written in a path of keys.
func quoted(key string) string {
	if key != "" && strings.Trim(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == "" {
		return key
	}
	return fmt.Sprintf("%q", key)
}

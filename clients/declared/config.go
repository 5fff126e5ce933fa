package declared

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"unicode"

	"orderbeat/auth"
	"orderbeat/clients"
	"orderbeat/clients/declared/jq"
	"orderbeat/clients/section"
)

// declaration is a checked section.
type declaration struct {
	settings
	tokenConfig   auth.Config // for the token endpoint
	secrets       []string    // names of parameters and headers whose values are secrets
	orders, fetch *operationSpec
	headers       jq.Table // of a ping
	// accountHeaders reports that the headers depend on the account.
	accountHeaders bool
	// uses and params map the keys that accounts must have to the first key of the declaration that uses them.
	uses, params map[string]string
	rates        []*clients.SharedRate // of single requests
}

// configure reads and checks the whole section, compiles it, and sets what follows from the
// environment.
func configure(s *section.Section) (declaration, error) {
	d := declaration{settings: defaults()}
	var wrong section.Errors
	if s.Decode != nil {
		wrong.Join(s.Decode(&d.settings))
	}
	set := &d.settings
	here := set.place(s.Environment)
	s.Place(set.environments(), &wrong)
	if set.Ping == unsaid {
		set.Ping = here.Ping
	}
	set.checkURLs(s, here, &wrong)
	set.checkScheme(s, &wrong)
	if set.tokens() {
		d.tokenConfig = set.authConfig(&wrong)
	}
	c := newCompiler(set, &wrong)
	d.uses, d.params = c.uses, c.params
	d.orders, d.fetch, d.headers = c.operation("orders", set.Orders), c.operation("fetch", set.Fetch), c.headers
	d.accountHeaders = len(c.shared) > 0
	d.secrets, d.rates = c.secrets, c.rates
	set.checkOperations(d, guardOf(s.Kind, set.Dialect, s.BaseURL), &wrong)
	set.checkAccounts(s.Accounts, c)
	set.checkSamples(&wrong)
	if s.TokenURL == "" && set.tokens() && here.Token != "" { // set after the checks, so that a wrong base_url is reported once
		s.TokenURL = at(s.BaseURL, here.Token)
	}
	if set.AuthorizeURL == "" && set.users() {
		set.AuthorizeURL = at(s.BaseURL, here.Authorize)
	}
	return d, wrong.Err()
}

// at returns the URL of a path below a base URL; an absolute URL is returned unchanged.
func at(base, path string) string {
	if strings.HasPrefix(path, "https://") || strings.HasPrefix(path, "http://") {
		return path
	}
	return base + path
}

// place returns the URLs of an environment. An unknown one is treated as the sandbox, as in
// [section.Section.Place].
func (set *settings) place(environment string) place {
	switch environment {
	case "test":
		return set.Environments.Test
	case "production":
		return set.Environments.Production
	}
	return set.Environments.Sandbox
}

func (set *settings) environments() section.Environments {
	all := section.Environments{}
	for name, p := range map[string]place{"test": set.Environments.Test, "production": set.Environments.Production} {
		if p.BaseURL != "" || p.Host != "" {
			all[name] = section.Environment{BaseURL: p.BaseURL, Host: p.Host}
		}
	}
	return all
}

// checkURLs checks the URLs that only declared providers have; base_url and token_url have been
// checked.
func (set *settings) checkURLs(s *section.Section, here place, wrong *section.Errors) {
	if s.TokenURL == "" && here.Token == "" && set.tokens() && len(set.TokenCommand) == 0 {
		wrong.Add("token_url", "is missing: the provider's documents state none; it comes with the API that you use")
	}
	if set.AuthorizeURL == "" && here.Authorize == "" && set.users() {
		wrong.Add("authorize_url", "is missing: where users grant access")
	}
	if s.TokenURL != "" && !set.tokens() {
		wrong.Add("token_url", "has no effect: scheme = %q has no tokens", set.Scheme)
	}
	for _, e := range []struct{ key, url string }{
		{"authorize_url", set.AuthorizeURL},
		{"introspection_url", set.IntrospectionURL},
		{"revocation_url", set.RevocationURL},
		{"issuer", set.Issuer},
	} {
		if e.url != "" {
			wrong.Join(s.CheckURL(e.key, e.url))
			wrong.Join(s.CheckEnvironment(set.environments(), e.key, e.url))
		}
	}
	if set.RedirectURI != "" && !isRedirect(set.RedirectURI) {
		wrong.Add("redirect_uri", "must be an absolute https:// URL, or http:// on a loopback address, without a fragment")
	}
	if set.Ping != "" && !isPath(set.Ping) {
		wrong.Add("ping", `must be a path below base_url, like "/ping"`)
	}
}

// isRedirect reports whether an authorization server can redirect a browser to this URL with a
// code (RFC 6749 section 3.1.2; RFC 9700 section 2.6 for plain http).
func isRedirect(raw string) bool {
	u, err := url.Parse(raw)
	return err == nil && u.Host != "" && u.User == nil && !strings.Contains(raw, "#") &&
		(u.Scheme == "https" || u.Scheme == "http" && auth.IsLoopback(u.Hostname()))
}

func isPath(s string) bool {
	u, err := url.Parse(s)
	return err == nil && strings.HasPrefix(s, "/") && u.Host == "" && u.Fragment == ""
}

// checkOperations checks the operations as a whole.
func (set *settings) checkOperations(d declaration, g guard, wrong *section.Errors) {
	g.check(set.Ping, d, wrong)
	for key, q := range map[string]*operationSpec{"orders": d.orders, "fetch": d.fetch} {
		if q == nil {
			continue
		}
		if v := q.paging.needs(); v != "" && q.sound && !q.uses[v] {
			wrong.Add(key+".paging.by", "is %q, but the call does not use $%s: every page would be the first", v, v)
		}
	}
	if q := d.fetch; q != nil && q.sound && !q.uses["order_id"] && !q.uses["order_ids"] && !q.uses["reference"] && !q.uses["references"] {
		wrong.Add("fetch", "uses none of $order_id, $order_ids, $reference, $references: every request would be the same")
	}
	if set.Orders.MaxReferences != defaults().Orders.MaxReferences {
		wrong.Add("orders.max_references", "has no effect: it goes with fetch")
	}
	for key, n := range map[string]int{"window_days": set.Fetch.WindowDays, "history_days": set.Fetch.HistoryDays} {
		if n != 0 {
			wrong.Add("fetch."+key, "has no effect: it goes with orders")
		}
	}
	set.CheckExchanges(wrong)
	for i, day := range set.NoDate {
		if _, err := clients.ParseDate(day); err != nil {
			wrong.Add(fmt.Sprintf("no_date[%d]", i), "%v", err)
		}
	}
	if _, err := regexp.Compile(set.OrgPattern); err != nil {
		wrong.Add("org_pattern", "is not a regular expression: %v", err)
	}
}

// checkAccounts checks that each account has what the declaration uses. Where tokens
// belong to users, each account names its own: "Each user must only be able to use it's
// own access token" (Mazda's Access keys for DMS). Several accounts may name one user.
func (set *settings) checkAccounts(accounts []clients.Account, c *compiler) {
	uses, wrong := c.uses, c.wrong
	for i, a := range accounts {
		key := func(name string) string { return fmt.Sprintf("accounts[%d].%s", i, name) }
		user, org := key("user"), key("org")
		switch {
		case a.User == "" && set.users():
			wrong.Add(user, "is missing: tokens belong to users, and the account must name one")
		case a.User != "" && !set.users() && uses["user"] == "":
			wrong.Add(user, "has no effect: this provider's tokens belong to the client")
		case strings.ContainsFunc(a.User, unicode.IsSpace), !printable(a.User):
			wrong.Add(user, "must not contain blanks")
		}
		switch {
		case a.Org == "" && uses["org"] != "":
			wrong.Add(org, "is missing: %s uses it%s", uses["org"], set.orgForm(": "))
		case a.Org != "" && uses["org"] == "":
			wrong.Add(org, "has no effect: the declaration does not use it")
		case a.Org != "" && !set.isOrg(a.Org):
			wrong.Add(org, "must be %s", set.orgForm(""))
		}
	}
}

func (set *settings) isOrg(org string) bool {
	pattern, err := regexp.Compile(set.OrgPattern)
	return printable(org) && (err != nil || pattern.MatchString(org))
}

func (set *settings) orgForm(before string) string {
	switch {
	case set.OrgForm != "":
		return before + set.OrgForm
	case set.OrgPattern != "":
		return before + "like " + set.OrgPattern
	}
	return ""
}

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// guard rejects calls that no job may make, however they are declared. At Microbilt GetReport orders
// a report: a paid inquiry about a consumer, which the Fair Credit Reporting Act regulates. Existing
// reports are fetched with GetArchiveReport; the GetReport of the product IBV also only fetches.
type guard struct {
	microbilt bool
	base      string // the path of the base URL
}

func guardOf(kind, dialect, baseURL string) guard {
	u, err := url.Parse(baseURL)
	theirs := err == nil && (strings.EqualFold(u.Hostname(), "microbilt.com") || strings.HasSuffix(strings.ToLower(u.Hostname()), ".microbilt.com"))
	g := guard{microbilt: theirs || kind == dialectMicrobilt || dialect == dialectMicrobilt}
	if err == nil {
		g.base = u.EscapedPath()
	}
	return g
}

// check reports forbidden calls in the constant parts of a declaration.
func (g guard) check(ping string, d declaration, wrong *section.Errors) {
	if why := g.refuses(http.MethodPost, ""); why != "" {
		wrong.Add("base_url", "%s", why)
		return
	}
	asks := map[string]*requestSpec{"ping": {method: http.MethodGet, path: jq.Literal(ping)}}
	for key, q := range map[string]*operationSpec{"orders": d.orders, "fetch": d.fetch} {
		if q != nil {
			asks[key+".path"], asks[key+".each.path"] = &q.requestSpec, &q.each
		}
	}
	for key, a := range asks {
		if why := g.refuses(a.method, a.path.Literals()); why != "" {
			wrong.Add(key, "%s", why)
		}
	}
}

var (
	ordersReport  = regexp.MustCompile(`(?i)/GetReport([^a-z0-9]|$)`) // the server may ignore what follows
	fetchesReport = regexp.MustCompile(`(?i)^/ibv/GetReport$`)
)

// refuses returns why a call of a path below the base URL is forbidden, "" if it is not.
func (g guard) refuses(method, path string) string {
	path = g.base + path
	if plain, err := url.PathUnescape(path); err == nil {
		path = plain
	}
	if !g.microbilt || !ordersReport.MatchString(path) || method == http.MethodGet && fetchesReport.MatchString(path) {
		return ""
	}
	return "GetReport orders a paid report about a consumer, which no job may do; request GetArchiveReport, or IBV's with GET"
}

package config_test

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients/declared"
	"orderbeat/clients/section"
	"orderbeat/cmd/orderbeat/config"
)

// declaration is a provider's section and its declaration file; want has all reported mistakes,
// one per line.
type declaration struct {
	name string
	// section stands below declaredHead, so that it begins on line 5; one that begins with
	// "[" is the whole configuration. file is acme.toml, which section names when it is "".
	section, file string
	want          string
}

const declaredHead = "[providers.acme]\nkind = \"declared\"\nbase_url = \"https://acme.example\"\naccounts = [{ name = \"main\" }]\n"

// What an operation needs: in the first what follows is line 5 of the file, in the
// second line 4.
const (
	ordersOf = "scheme = \"none\"\n[orders]\npath = \"/orders\"\nmap = '.orders[] | {order_id: .id}'\n"
	fetchOf  = "scheme = \"none\"\nmap = '.'\n[fetch]\n"
)

// reportsOf is a provider with a preset and an operation of its own.
const reportsOf = "[providers.reports]\nkind = \"microbilt\"\nbase_url = \"https://acme.example\"\ntoken_url = \"https://acme.example/token\"\n" +
	"client_id = \"env:SAMPLE\"\nclient_secret = \"env:SAMPLE\"\naccounts = [{ name = \"main\" }]\n[providers.reports.fetch]\n"

var declarations = []declaration{
	// jq.
	{"a program that is wrong in its third line", "", "scheme = \"none\"\n[orders]\npath = \"/orders\"\nmap = '''\n.orders[]\n| {order_id: .id,\n   lines: [.lines[] | {line_id .n}]}\n'''\n", `acme.toml:7:32: orders.map: is not a jq program: ".n" is not expected here`},
	{"a program that ends too early", "", "scheme = \"none\"\n[orders]\npath = \"/orders\"\nmap = '.orders[] | {order_id: .id'\n", `acme.toml:4:33: orders.map: is not a jq program: it ends too early; is a bracket, a quote or an "end" missing?`},
	{"a program that says nothing", "", "scheme = \"none\"\n[orders]\npath = \"/orders\"\nmap = \"  \"\n", `acme.toml:4:1: orders.map: is empty: write a jq program`},
	{"a variable that there is not", "", "scheme = \"none\"\n[fetch]\npath = '/orders/\\($orderid)'\nmap = '.'\n", `acme.toml:3:19: fetch.path: there is no variable $orderid; there are $account, $bill_to, $ship_to, $user, $org, $timezone, $params, $from, $to, $order_id, $order_ids, $reference, $references, $cursor, $page, $offset, $size, $item, $status`},
	{"a function that there is not", "", "scheme = \"none\"\n[orders]\npath = \"/orders\"\nmap = '''\n.[] | {order_id: .id,\n  ordered_on: (.date | localday($timezone))}'''\n", `acme.toml:6:24: orders.map: jq has no function localday with 1 argument; beside jq's own there are day("%d.%m.%Y"), date, number, local_day($timezone), start_of_day($timezone), uuid`},
	{"a function with too few arguments", "", "scheme = \"none\"\n[orders]\npath = \"/orders\"\nmap = '.[] | {order_id: .id, ordered_on: (.date | day)}'\n", `acme.toml:4:51: orders.map: jq has no function day with 0 arguments; beside jq's own there are day("%d.%m.%Y"), date, number, local_day($timezone), start_of_day($timezone), uuid`},
	{"a program with an import", "", "scheme = \"none\"\nmap = 'import \"x\" as x; .'\n[orders]\npath = \"/orders\"\n", `acme.toml:2:1: map: is not a valid jq program: cannot load module: "x"`},
	// Texts with jq in them.
	{"a bracket that is not closed", "", ordersOf + "query = { since = '\\($from' }\n", `acme.toml:5:22: orders.query.since: the jq after \( does not end: a closing bracket is missing`},
	{"jq in a path that is none", "", "scheme = \"none\"\nmap = '.'\n[fetch]\npath = '/orders/\\($order_id | )/x'\n", `acme.toml:4:31: fetch.path: the jq after \( is incomplete at this closing bracket: is something missing, or another bracket?`},
	{"jq in a text with escapes", "", ordersOf + "query = { \"a b\" = \"\\u00e4\\\\($frm)\" }\n", `acme.toml:5:29: orders.query."a b": there is no variable $frm; there are $account, $bill_to, $ship_to, $user, $org, $timezone, $params, $from, $to, $order_id, $order_ids, $reference, $references, $cursor, $page, $offset, $size, $item, $status`},
	{"jq deep in a body", "", ordersOf + "method = \"POST\"\n[orders.json]\nfilters = [{ a = 1 }, { b = ['x', '\\(nothing)'] }]\n", `acme.toml:7:38: orders.json.filters[1].b[1]: jq has no function nothing with 0 arguments; beside jq's own there are day("%d.%m.%Y"), date, number, local_day($timezone), start_of_day($timezone), uuid`},
	// The call.
	{"a method that there is not", "", ordersOf + "method = \"get\"\n", `acme.toml:5:1: orders.method: must be one of GET, POST, PUT, PATCH, not "get"`},
	{"a path with a query", "", "scheme = \"none\"\nmap = '.'\n[orders]\npath = \"/orders?open=1\"\n", `acme.toml:4:1: orders.path: must be a path below base_url, like "/orders"; declare query parameters in the table query`},
	{"a path that is a URL", "", "scheme = \"none\"\nmap = '.'\n[orders]\npath = \"https://acme.example/orders\"\n", `acme.toml:4:1: orders.path: must be a path below base_url, like "/orders"; declare query parameters in the table query`},
	{"no path", "", "scheme = \"none\"\n[orders]\nmap = '.'\n", `acme.toml:2:2: orders.path: is missing: a path below base_url, like "/orders"`},
	{"no mapping", "", "scheme = \"none\"\n[orders]\npath = \"/orders\"\n", `acme.toml:2:2: orders.map: is missing: a jq program that maps a response to orders`},
	{"a secret in a header", "", "headers = { Authorization = \"Basic canary\" }\n" + ordersOf + "headers = { x-api-key = \"canary\" }\n", `acme.toml:1:13: headers.Authorization: is sent with every call by scheme = "api_key", "basic" or "oauth2"; other secrets must be references: write "env:NAME", "file:PATH" or "credential:NAME"
acme.toml:6:13: orders.headers.x-api-key: is sent with every call by scheme = "api_key", "basic" or "oauth2"; other secrets must be references: write "env:NAME", "file:PATH" or "credential:NAME"`},
	{"a header whose name is none", "", ordersOf + "headers = { \"X Acme\" = \"a\" }\n", `acme.toml:5:13: orders.headers."X Acme": is not the name of a header, which has letters, digits and -, like "X-Acme-Org"`},
	{"a header with a line's end", "", ordersOf + "headers = { X-Acme = \"a\\nb\" }\n", `acme.toml:5:13: orders.headers.X-Acme: has a character that is invalid in a header: write it on one line, without tabs`},
	{"two bodies", "", ordersOf + "method = \"POST\"\njson = { a = 1 }\nform = { a = 1 }\n", `acme.toml:7:1: orders.form: cannot be combined with json: a call has one body`},
	{"a date in a query", "", ordersOf + "query = { since = 2026-01-01 }\n", `acme.toml:5:11: orders.query.since: must be a string, a number, true or false; write a date as a string`},
	{"a status that is about the token", "", ordersOf + "accept = [202, 401]\n", `acme.toml:5:16: orders.accept[1]: must be an HTTP status, and not 401, which is about the token`},
	{"a status that is none", "", ordersOf + "empty = [4040]\n", `acme.toml:5:10: orders.empty[0]: must be an HTTP status, and not 401, which is about the token`},
	{"a rate that is none", "", ordersOf + "rate = \"fast\"\n", `acme.toml:5:1: orders.rate: "fast" is not a rate: write calls per second, minute or hour, like "10/s", "600/m" or "1000/h"`},
	{"a window below nothing", "", ordersOf + "window_days = -1\nhistory_days = -1\n", `acme.toml:5:1: orders.window_days: must be 0, for no limit, or more
acme.toml:6:1: orders.history_days: must be 0, for no limit, or more`},
	{"no references at once", "", fetchOf + "path = '/orders/\\($order_id)'\nmax_references = 0\n", `acme.toml:5:1: fetch.max_references: must be 1 or more`},
	{"references at once where none are asked for", "", ordersOf + "max_references = 10\n", `acme.toml:5:1: orders.max_references: has no effect: it goes with fetch`},
	{"a window where none is asked for", "", fetchOf + "path = '/orders/\\($order_id)'\nwindow_days = 7\n", `acme.toml:5:1: fetch.window_days: has no effect: it goes with orders`},
	{"a fetch that asks for nothing in particular", "", fetchOf + "path = \"/orders\"\n", `acme.toml:3:2: fetch: uses none of $order_id, $order_ids, $reference, $references: every request would be the same`},
	{"items that are asked about nowhere", "", ordersOf + "[orders.each]\nitems = '.orders[]'\n", `acme.toml:5:9: orders.each.path: is missing: a path below base_url, like "/orders"`},
	{"a question about no items", "", ordersOf + "[orders.each]\npath = '/orders/\\($item.id)'\n", `acme.toml:5:9: orders.each.items: is missing: a jq program that finds the items to request`},
	// Pages.
	{"a way of paging that there is not", "", ordersOf + "paging = { by = \"token\" }\n", `acme.toml:5:12: orders.paging.by: must be "cursor", "page", "offset" or "link", not "token"; omit it without paging`},
	{"pages without a way", "", ordersOf + "paging = { next = '.next' }\n", `acme.toml:5:1: orders.paging.by: is missing: "cursor", "page", "offset" or "link"`},
	{"a cursor that is told nowhere", "", ordersOf + "query = { c = '\\($cursor)' }\npaging = { by = \"cursor\" }\n", `acme.toml:6:1: orders.paging.next: is missing: a jq program that finds the next cursor in a response; or header, the name of the header with it`},
	{"a cursor that is told twice", "", ordersOf + "query = { c = '\\($cursor)' }\npaging = { by = \"cursor\", next = '.next', header = \"X-Next\" }\n", `acme.toml:6:43: orders.paging.header: cannot be combined with next: the cursor is in one place`},
	{"numbered pages without an end", "", ordersOf + "query = { p = '\\($page)' }\npaging = { by = \"page\" }\n", `acme.toml:6:1: orders.paging: needs pages, more or items: a jq program that detects the last page`},
	{"an offset without a count", "", ordersOf + "query = { o = '\\($offset)' }\npaging = { by = \"offset\" }\n", `acme.toml:6:1: orders.paging.items: is missing: a jq program that counts the items of a page`},
	{"a total of numbered pages", "", ordersOf + "query = { p = '\\($page)' }\npaging = { by = \"page\", pages = '.pages', total = '.total' }\n", `acme.toml:6:43: orders.paging.total: has no effect: it goes with by = "offset"`},
	{"a page number that goes nowhere", "", ordersOf + "query = { page = 1 }\npaging = { by = \"page\", pages = '.pages' }\n", `acme.toml:6:12: orders.paging.by: is "page", but the call does not use $page: every page would be the first`},
	{"pages that cannot be counted", "", ordersOf + "query = { p = '\\($page)' }\npaging = { by = \"page\", pages = '.pages', size = -1, max_pages = 0 }\n", `acme.toml:6:43: orders.paging.size: must be 0, for the provider's own, or more
acme.toml:6:54: orders.paging.max_pages: must be 1 or more`},
	// Failures.
	{"a failure of an unknown code", "", ordersOf + "[[failures]]\nstatus = [409]\ncode = \"conflict\"\n", `acme.toml:7:1: failures[0].code: must be one of invalid, forbidden, throttled, unavailable, bad_response, none, partial, unauthorized, not "conflict"`},
	{"a failure without a code", "", ordersOf + "[[orders.failures]]\nstatus = [409]\n", `acme.toml:5:10: orders.failures[0].code: is missing: one of invalid, forbidden, throttled, unavailable, bad_response, none, partial, unauthorized`},
	{"a failure without a condition", "", ordersOf + "[[orders.failures]]\nstatus = [409]\ncode = \"none\"\n[[orders.failures]]\ncode = \"invalid\"\n", `acme.toml:8:10: orders.failures[1]: needs a status, or a condition in when: otherwise every response would be a failure`},
	{"a failure that is about the token", "", ordersOf + "[[failures]]\nstatus = [403, 401]\ncode = \"forbidden\"\n", `acme.toml:6:16: failures[0].status[1]: must be an HTTP status, and not 401, which is about the token`},
	{"a condition that is no jq", "", ordersOf + "[[failures]]\nwhen = '.status = = \"x\"'\ncode = \"invalid\"\n", `acme.toml:6:19: failures[0].when: is not a jq program: "=" is not expected here`},
	{"a message that is no jq", "", ordersOf + "[[failures]]\nwhen = '.error'\ncode = \"invalid\"\nmessage = 'no: \\(.error.text'\n", `acme.toml:8:18: failures[0].message: the jq after \( does not end: a closing bracket is missing`},
	// Samples.
	{"orders of a sample that are no JSON", "", ordersOf + "[[samples]]\nanswer = '{}'\norders = '''[\n  {\"order_id\": \"a\",},\n]'''\n", `acme.toml:8:20: samples[0].orders: is not JSON: invalid character '}' looking for beginning of object key string`},
	{"orders of a sample that go on", "", ordersOf + "[[samples]]\nanswer = '{}'\norders = '[] []'\n", `acme.toml:7:14: samples[0].orders: is not JSON: there is data after it`},
	{"orders of a sample that end too early", "", ordersOf + "[[samples]]\nanswer = '{}'\norders = '[{\"order_id\": \"a\"}'\n", `acme.toml:7:28: samples[0].orders: is not JSON: it ends too early`},
	{"a sample of what is not declared", "", ordersOf + "[[samples]]\noperation = \"fetch\"\nanswer = '{}'\norders = '[]'\n", `acme.toml:6:1: samples[0].operation: is "fetch", which is not declared: declare fetch, or write "orders"`},
	{"a sample of an unknown operation", "", ordersOf + "[[samples]]\noperation = \"sync\"\nanswer = '{}'\norders = '[]'\n", `acme.toml:6:1: samples[0].operation: must be "orders" or "fetch", not "sync"`},
	{"a sample without an end", "", ordersOf + "[[samples]]\nanswer = '{}'\n[[samples]]\nanswer = '{}'\norders = '[]'\ncode = \"invalid\"\n", `acme.toml:5:3: samples[0].orders: is missing: the expected orders, as JSON; or code, the expected failure
acme.toml:10:1: samples[1].code: cannot be combined with orders: a response is orders or a failure`},
	{"a sample of an unknown failure", "", ordersOf + "[[samples]]\nanswer = '{}'\ncode = \"failed\"\n", `acme.toml:7:1: samples[0].code: must be one of invalid, forbidden, throttled, unavailable, bad_response, none, partial, unauthorized, not "failed"`},
	{"an item where none is asked about", "", ordersOf + "[[samples]]\nitem = '{}'\nanswer = '{}'\norders = '[]'\n", `acme.toml:6:1: samples[0].item: has no effect: the operation has no each`},
	// How calls are signed.
	{"a scheme that there is not", "", "scheme = \"apikey\"\n[orders]\npath = \"/orders\"\nmap = '.'\n", `acme.toml:1:1: scheme: must be one of oauth2, oauth2_user, api_key, basic, none, not "apikey"`},
	{"no key", "", "scheme = \"api_key\"\napi_key_header = \"X Acme\"\n[orders]\npath = \"/orders\"\nmap = '.'\n", `config.toml:1:12: providers.acme.api_key: is missing: scheme "api_key" needs it
acme.toml:2:1: api_key_header: is not the name of a header, which has letters, digits and -, like "X-Acme-Org"`},
	{"a key that is written down", "scheme = \"api_key\"\napi_key = \"canary-key\"\norders = { path = \"/orders\", map = '.' }\n", "", `config.toml:6:1: providers.acme.api_key: secrets must not be in the file: write "env:NAME", "file:PATH" or "credential:NAME" (a systemd credential)`},
	{"a key without its scheme", "", "api_key = \"env:SAMPLE\"\ntoken_url = \"https://acme.example/token\"\n[orders]\npath = \"/orders\"\nmap = '.'\n", `config.toml:1:12: providers.acme.client_id: is missing: scheme "oauth2" needs it
config.toml:1:12: providers.acme.client_secret: is missing: scheme "oauth2" needs it
acme.toml:1:1: api_key: has no effect with scheme = "oauth2": it goes with "api_key"`},
	{"a user with a colon, without a password", "", "scheme = \"basic\"\nusername = \"a:b\"\n[orders]\npath = \"/orders\"\nmap = '.'\n", `config.toml:1:12: providers.acme.password: is missing: scheme "basic" needs it
acme.toml:2:1: username: must not contain a colon: HTTP Basic takes what follows for the password (RFC 7617 section 2)`},
	{"tokens from nowhere", "client_id = \"env:SAMPLE\"\nclient_secret = \"env:SAMPLE\"\norders = { path = \"/orders\", map = '.' }\n", "", `config.toml:1:12: providers.acme.token_url: is missing: the provider's documents state none; it comes with the API that you use`},
	{"tokens without a scheme for them", "token_url = \"https://acme.example/token\"\nscheme = \"none\"\norders = { path = \"/orders\", map = '.' }\n", "", `config.toml:5:1: providers.acme.token_url: has no effect: scheme = "none" has no tokens`},
	{"ways to speak that there are not", "token_url = \"https://acme.example/token\"\nclient_id = \"env:SAMPLE\"\nclient_secret = \"env:SAMPLE\"\nclient_auth = \"header\"\nencoding = \"xml\"\ntoken_ttl = \"-1m\"\norders = { path = \"/orders\", map = '.' }\n", "", `config.toml:8:1: providers.acme.client_auth: must be one of basic, basic_form, body, private_key_jwt, not "header"
config.toml:9:1: providers.acme.encoding: must be one of form, json, multipart, not "xml"
config.toml:10:1: providers.acme.token_ttl: must be more than 0`},
	{"a dialect that there is not", "", "dialect = \"rfc2616\"\nclient_id = \"env:SAMPLE\"\nclient_secret = \"env:SAMPLE\"\n[environments.sandbox]\ntoken = \"/token\"\n[orders]\npath = \"/orders\"\nmap = '.'\n", `acme.toml:1:1: dialect: must be one of mazda, michelin, microbilt, ptv, rfc6749, shell, not "rfc2616"`},
	{"users who have nowhere to grant access", "scheme = \"oauth2_user\"\nclient_id = \"env:SAMPLE\"\nclient_secret = \"env:SAMPLE\"\ntoken_url = \"https://acme.example/token\"\norders = { path = \"/orders\", map = '.' }\n", "", `config.toml:1:12: providers.acme.authorize_url: is missing: where users grant access
config.toml:4:13: providers.acme.accounts[0].user: is missing: tokens belong to users, and the account must name one`},
	// The rest of a declaration.
	{"what may be kept of exchanges", "", "exchanges = \"nothing\"\n" + ordersOf, `acme.toml:1:1: exchanges: must be "full", "metadata" or "off", not "nothing"`},
	{"more kept of exchanges than the file allows", "declaration = \"acme.toml\"\nexchanges = \"full\"\n", "exchanges = \"metadata\"\n" + ordersOf, `config.toml:6:1: providers.acme.exchanges: is "full", but acme.toml allows at most "metadata": remove it`},
	{"more kept of exchanges than the preset allows", strings.Replace(reportsOf, "accounts", "exchanges = \"full\"\naccounts", 1) + "path = '/\\($params.product)/GetArchiveReport'\n", "", `config.toml:7:1: providers.reports.exchanges: is "full", but preset microbilt allows at most "metadata": remove it`},
	{"paths that are none", "declaration = \"acme.toml\"\nhide = [\"orders[0].name\", \"orders.name\"]\n", ordersOf, `config.toml:6:1: providers.acme.hide: "orders[0].name" (number 1) is not a path: write names with dots between them, like "orders.consignee.name"; lists are traversed, * is any name`},
	{"a pattern that is none", "", "org_pattern = '[a-'\n" + ordersOf, "acme.toml:1:1: org_pattern: is not a regular expression: error parsing regexp: missing closing ]: `[a-`"},
	{"a ping that is a URL", "", "ping = \"https://acme.example/ping\"\n" + ordersOf, `acme.toml:1:1: ping: must be a path below base_url, like "/ping"`},
	{"an unknown key of an operation", "", ordersOf + "pagng = { by = \"link\" }\n", `acme.toml:5:1: orders.pagng: unknown key; did you mean "paging"? known: method, path, …`},
	{"an unknown key of an environment", "", ordersOf + "[environments.prod]\nbase_url = \"https://acme.example\"\n", `acme.toml:5:15: environments.prod: unknown key; known: sandbox, test, production`},
	{"a program that is a table", "", "scheme = \"none\"\n[orders]\npath = \"/orders\"\n[orders.map]\norder_id = \".id\"\n", `acme.toml:4:9: orders.map: want a string in quotes, got a table`},
	{"statuses that are no list", "", ordersOf + "accept = 202\n", `acme.toml:5:1: orders.accept: want a list, got the number 202`},
	{"a file that is no TOML", "", "scheme = \"none\"\nmap = '''\n.orders[]\n", `acme.toml:3:10: multiline literal string not terminated by '''`},
	{"an account without what the call uses", "", ordersOf + "headers = { X-Org = '\\($org)' }\n", `config.toml:4:13: providers.acme.accounts[0].org: is missing: orders.headers.X-Org uses it`},
	// The presets.
	{"an order of a report", reportsOf + "method = \"POST\"\npath = '/\\($params.product)/GetReport'\n", "", `config.toml:10:1: providers.reports.fetch.path: GetReport orders a paid report about a consumer, which no job may do; request GetArchiveReport, or IBV's with GET`},
	{"an order of a report, spelled otherwise", reportsOf + "method = \"POST\"\npath = '/\\($params.product)/%47ETREPORT;v=1'\n", "", `config.toml:10:1: providers.reports.fetch.path: GetReport orders a paid report about a consumer, which no job may do; request GetArchiveReport, or IBV's with GET`},
	{"an order of a report, in the base URL", strings.Replace(reportsOf, "example\"", "example/IBV/GetReport\"", 1) + "method = \"POST\"\npath = '/'\n", "", `config.toml:3:1: providers.reports.base_url: GetReport orders a paid report about a consumer, which no job may do; request GetArchiveReport, or IBV's with GET`},
	{"an order of a report by a ping", strings.Replace(reportsOf, "[providers.reports.fetch]", "ping = \"/TransUnion/GetReport\"\n[providers.reports.fetch]", 1) + "path = '/\\($params.product)/GetArchiveReport'\n", "", `config.toml:8:1: providers.reports.ping: GetReport orders a paid report about a consumer, which no job may do; request GetArchiveReport, or IBV's with GET`},
	{"an order of a report at a provider of another name", strings.Replace(declaredHead, "acme.example", "API.microbilt.com", 1) + "environment = \"production\"\nscheme = \"none\"\norders = { path = '/ibv/getreport', method = \"POST\", map = '.' }\n", "", `config.toml:7:12: providers.acme.orders.path: GetReport orders a paid report about a consumer, which no job may do; request GetArchiveReport, or IBV's with GET`},
	{"an order of a report by tokens of theirs", "dialect = \"microbilt\"\ntoken_url = \"https://acme.example/token\"\nclient_id = \"env:SAMPLE\"\nclient_secret = \"env:SAMPLE\"\norders = { path = '/IBV/GetReport/', method = \"POST\", map = '.' }\n", "", `config.toml:9:12: providers.acme.orders.path: GetReport orders a paid report about a consumer, which no job may do; request GetArchiveReport, or IBV's with GET`},
	{"what stands above a preset", strings.Replace(reportsOf, "accounts", "grant_in_query = \"yes\"\naccounts", 1) + "map = '.MsgRsHdr | {order_id: $order_id, reference: .RqUID'\n", "", `config.toml:7:1: providers.reports.grant_in_query: want true or false, got a string
config.toml:10:58: providers.reports.fetch.map: is not a jq program: it ends too early; is a bracket, a quote or an "end" missing?`},
	{"tokens of Mazda's clients", "[providers.dms]\nkind = \"mazda\"\nbase_url = \"https://acme.example\"\nclient_id = \"env:SAMPLE\"\nclient_secret = \"env:SAMPLE\"\nscheme = \"oauth2\"\naccounts = [{ name = \"main\", org = \"10030/MMD\" }]\n", "", `config.toml:6:1: providers.dms.scheme: must be "oauth2_user": this provider issues no tokens to clients, only to users`},
	// Several.
	{"everything at once, in the order of the texts", "declaration = \"acme.toml\"\nrate = \"fast\"\norders = { method = \"FETCH\" }\n", "scheme = \"api_key\"\ntimeot = \"3s\"\n[orders]\npath = \"orders\"\nquery = { page = '\\($pag)' }\npaging = { by = \"page\" }\nmap = '''\n.[]\n| {order_id: .id]'''\n[[failures]]\nstatus = [200]\ncode = \"no\"\n[[samples]]\nanswer = '[]'\norders = '[,]'\n", `config.toml:1:12: providers.acme.api_key: is missing: scheme "api_key" needs it
config.toml:6:1: providers.acme.rate: "fast" is not a rate: write calls per second, minute or hour, like "10/s", "600/m" or "1000/h"
config.toml:7:12: providers.acme.orders.method: must be one of GET, POST, PUT, PATCH, not "FETCH"
acme.toml:2:1: timeot: unknown key; did you mean "timeout"? known: kind, environment, …
acme.toml:4:1: orders.path: must be a path below base_url, like "/orders"; declare query parameters in the table query
acme.toml:5:21: orders.query.page: there is no variable $pag; there are $account, $bill_to, $ship_to, $user, $org, $timezone, $params, $from, $to, $order_id, $order_ids, $reference, $references, $cursor, $page, $offset, $size, $item, $status
acme.toml:6:1: orders.paging: needs pages, more or items: a jq program that detects the last page
acme.toml:9:17: orders.map: is not a jq program: "]" is not expected here
acme.toml:12:1: failures[0].code: must be one of invalid, forbidden, throttled, unavailable, bad_response, none, partial, unauthorized, not "no"
acme.toml:15:12: samples[0].orders: is not JSON: invalid character ',' looking for beginning of value`},
	{"a mistake in the section and none in the file", "declaration = \"acme.toml\"\n[providers.acme.orders]\nmap = \"\"\"\n  .orders[] |\\\n{order_id: .id\"\"\"\n", ordersOf, `config.toml:9:14: providers.acme.orders.map: is not a jq program: it ends too early; is a bracket, a quote or an "end" missing?`},
	{"a file that is not there", "declaration = \"amce.toml\"\n", "", `config.toml:5:1: providers.acme.declaration: cannot read amce.toml: no such file or directory`},
}

// shortened returns the lines of got, truncated where the line of want ends with "…": lists of
// keys grow.
func shortened(want, got string) []string {
	lines := strings.Split(got, "\n")
	for i, line := range strings.Split(want, "\n") {
		begin, short := strings.CutSuffix(line, "…")
		if short && i < len(lines) && strings.HasPrefix(lines[i], begin) {
			lines[i] = line
		}
	}
	return lines
}

func TestDeclarationsMistakes(t *testing.T) {
	kinds := map[string]section.Kind{"declared": {Open: declared.Open, Declaration: &section.Declaration{Name: "declared"}}}
	maps.Copy(kinds, declaredKinds)
	for _, d := range declarations {
		t.Run(d.name, func(t *testing.T) {
			text := declaredHead + "declaration = \"acme.toml\"\n"
			if strings.HasPrefix(d.section, "[") {
				text = d.section
			} else if d.section != "" {
				text = declaredHead + d.section
			}
			path := write(t, text)
			t.Chdir(filepath.Dir(path))
			if err := os.WriteFile("acme.toml", []byte(d.file), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := config.Load("config.toml", kinds, env("SAMPLE", "sample"))
			if err == nil {
				t.Fatal("got no error")
			}
			if diff := cmp.Diff(strings.Split(d.want, "\n"), shortened(d.want, err.Error())); diff != "" {
				t.Errorf("mistakes (-want +got):\n%s", diff)
			}
			if strings.Contains(err.Error(), "canary") {
				t.Errorf("got %v, which repeats a secret", err)
			}
		})
	}
}

package page

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"orderbeat/clients"
	"orderbeat/clients/plain"
	"orderbeat/worker/api"
)

// view is the data of every template.
type view struct {
	Title, Section string
	Base, Version  string
	URL            string // URL of this page without the notice of an action
	User           string
	Operator       bool
	Token          string
	Follows        *follows // nil unless this process is a follower
	NotLeader      error    // why this process is neither leader nor follower, nil if it is one of them
	Notice         string
	Now            time.Time
	Body           any
}

// follows has the leader of this follower, and how far the follower is behind.
type follows struct {
	Leader string // where it runs, "" if it is unknown
	Lag    *api.Lag
}

// pages has the templates by name. Each consists of the layout and its content.
var pages = parse()

func parse() map[string]*template.Template {
	all := map[string]*template.Template{}
	layout := template.Must(template.New("layout.html").Funcs(functions).ParseFS(templateFiles, "templates/layout.html", "templates/parts.html"))
	files, err := templateFiles.ReadDir("templates")
	if err != nil {
		panic(err) // embedded, so it always exists
	}
	for _, f := range files {
		if f.Name() != "layout.html" && f.Name() != "parts.html" {
			all[f.Name()] = template.Must(template.Must(layout.Clone()).ParseFS(templateFiles, "templates/"+f.Name()))
		}
	}
	return all
}

// show writes a page.
func (p *Page) show(rw http.ResponseWriter, r *http.Request, status int, name, section, title string, body any) error {
	user, operator := p.Caller(r)
	v := view{
		Title: title, Section: section, Base: p.base, Version: p.Version, User: user, Operator: operator, Token: p.token,
		NotLeader: p.NotLeader(), Now: time.Now(), Body: body, URL: here(r),
	}
	if leader, lag := p.Following(); lag != nil {
		v.Follows, v.NotLeader = &follows{leader, lag}, nil
	}
	if done, ok := actions[r.URL.Query().Get("done")]; ok && r.Method == http.MethodGet {
		v.Notice = done.done
	}
	var out bytes.Buffer
	if err := pages[name].Execute(plain.NewWriter(&out), v); err != nil {
		return err
	}
	rw.Header().Set("Content-Type", "text/html; charset=utf-8")
	rw.WriteHeader(status)
	_, _ = rw.Write(out.Bytes()) // the browser may have left
	return nil
}

// here returns the address of a page, without the notice of an action.
func here(r *http.Request) string {
	q := r.URL.Query()
	q.Del("done")
	if len(q) == 0 {
		return r.URL.Path
	}
	return r.URL.Path + "?" + q.Encode()
}

func notFound(message string) error {
	return &api.Error{Status: http.StatusNotFound, Code: "not_found", Message: message}
}

func invalid(message string) error {
	return &api.Error{Status: http.StatusBadRequest, Code: "invalid", Message: message}
}

// failed shows an error as a page.
func (p *Page) failed(rw http.ResponseWriter, r *http.Request, err error) {
	e, ok := errors.AsType[*api.Error](err)
	if !ok {
		p.Log.Warn("page failed", "page", r.URL.Path, "err", err)
		e = &api.Error{Status: http.StatusInternalServerError, Code: "internal", Message: "The page could not be loaded.", Hint: "Check the log for the cause."}
	}
	if err := p.show(rw, r, max(e.Status, 400), "error.html", "", http.StatusText(e.Status), e); err != nil {
		p.Log.Error("page failed", "page", r.URL.Path, "err", err)
		http.Error(rw, "failed to render the page", http.StatusInternalServerError)
	}
}

var functions = template.FuncMap{
	"ago": ago, "in": in, "until": until, "span": span, "number": number, "percent": percent, "average": average, "minute": minute, "instant": instant, "dash": dash, "plus": plus,
	"query": query, "words": words, "class": class, "size": size, "amounts": func(a clients.Amounts) string { return dash(api.Quantities(a)) },
	"json": func(v any) (string, error) { text, err := json.Marshal(v); return string(text), err },
	"dict": dict,
}

// dict returns a map of key-value pairs, for templates with several parameters.
func dict(pairs ...any) (map[string]any, error) {
	m := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		key, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("key %v is not a string", pairs[i])
		}
		m[key] = pairs[i+1]
	}
	return m, nil
}

// query returns an address with the parameters that are not empty.
func query(path string, pairs ...any) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if v := fmt.Sprint(pairs[i+1]); v != "" {
			q.Set(fmt.Sprint(pairs[i]), v)
		}
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// timeOf accepts a time or a pointer to one.
func timeOf(v any) (time.Time, bool) {
	switch t := v.(type) {
	case time.Time:
		return t, !t.IsZero()
	case *time.Time:
		if t != nil {
			return *t, true
		}
	}
	return time.Time{}, false
}

func ago(v any) string {
	t, ok := timeOf(v)
	if !ok {
		return "never"
	}
	d := time.Since(t)
	if d < 0 {
		return "in " + span(-d)
	}
	if d < 2*time.Second {
		return "now"
	}
	return span(d) + " ago"
}

func in(v any) string {
	t, ok := timeOf(v)
	if !ok {
		return "–"
	}
	d := time.Until(t)
	if d < time.Second {
		return "now"
	}
	return "in " + span(d)
}

// until is the duration between two times, "" if one is missing.
func until(from, to any) string {
	a, ok := timeOf(from)
	b, too := timeOf(to)
	if !ok || !too {
		return ""
	}
	return span(b.Sub(a))
}

// span formats a duration with its largest unit: "3 s", "12 min", "5 h", "9 d".
func span(v any) string {
	d, ok := v.(time.Duration)
	if seconds, is := v.(float64); is {
		d, ok = time.Duration(seconds*float64(time.Second)), true
	}
	switch {
	case !ok:
		return ""
	case d < time.Second:
		return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
	case d < 2*time.Minute:
		return strconv.Itoa(int(d.Seconds())) + " s"
	case d < 2*time.Hour:
		return strconv.Itoa(int(d.Minutes())) + " min"
	case d < 48*time.Hour:
		return strconv.Itoa(int(d.Hours())) + " h"
	default:
		return strconv.Itoa(int(d.Hours()/24)) + " d"
	}
}

func minute(v any) string  { return formatted(v, "2006-01-02 15:04") }
func instant(v any) string { return formatted(v, time.RFC3339) }

func formatted(v any, layout string) string {
	t, ok := timeOf(v)
	if !ok {
		return "–"
	}
	return t.UTC().Format(layout)
}

// number formats an integer with thin spaces between thousands.
func number(v any) string {
	text := fmt.Sprint(v)
	if _, err := strconv.ParseInt(text, 10, 64); err != nil {
		return dash(v)
	}
	sign := ""
	if strings.HasPrefix(text, "-") {
		sign, text = "−", text[1:]
	}
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "\u202f" + text[i:]
	}
	return sign + text
}

// plus formats a number that was counted up to the limit most.
func plus(n, most int) string {
	if n >= most {
		return number(most) + "+"
	}
	return number(n)
}

func percent(part, whole any) string {
	p, w := toFloat(part), toFloat(whole)
	if w == 0 {
		return "–"
	}
	return strconv.FormatFloat(100*p/w, 'f', 1, 64) + " %"
}

// average returns sum divided by n, with one decimal.
func average(sum, n any) string {
	if toFloat(n) == 0 {
		return "–"
	}
	return strconv.FormatFloat(toFloat(sum)/toFloat(n), 'f', 1, 64)
}

func toFloat(v any) float64 {
	f, _ := strconv.ParseFloat(fmt.Sprint(v), 64) // 0 if v is not a number
	return f
}

func size(n int64) string {
	switch {
	case n < 1000:
		return strconv.FormatInt(n, 10) + " B"
	case n < 1_000_000:
		return strconv.FormatFloat(float64(n)/1e3, 'f', 1, 64) + " kB"
	default:
		return strconv.FormatFloat(float64(n)/1e6, 'f', 1, 64) + " MB"
	}
}

func dash(v any) string {
	if s := fmt.Sprint(v); s != "" && s != "<nil>" && s != "-" {
		return s
	}
	return "–"
}

// words formats a state such as partially_shipped for display.
func words(v any) string { return strings.ReplaceAll(fmt.Sprint(v), "_", " ") }

// class returns the CSS class of a state: good, busy, warn, bad or quiet.
func class(v any) string {
	switch fmt.Sprint(v) {
	case "succeeded", "valid", "closed", "shipped", "delivered", "started", "resolved", "fresh":
		return "good"
	case "running", "queued", "scheduled", "confirmed", "waiting", "half_open", "caught_up":
		return "busy"
	case "partial", "partially_shipped", "backordered", "cooldown", "skipped", "stale", "paused", "late":
		return "warn"
	case "failed", "dead", "rejected", "consent_required", "open!", "missed", "raised", "blocked", "unreadable":
		return "bad"
	default:
		return "quiet"
	}
}

func isNull(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// body returns a body for display, with indented JSON and a bounded size.
func body(text string) string {
	const most = 200_000
	text = strings.TrimSpace(text)
	if text == "" {
		return ""
	}
	cut := ""
	if len(text) > most {
		text, cut = strings.ToValidUTF8(text[:most], ""), "\n… ("+size(int64(len(text)))+" in all: orderbeat exchanges shows the rest)"
	}
	if text[0] == '{' || text[0] == '[' {
		text = plain.Indent(text)
	}
	return text + cut
}

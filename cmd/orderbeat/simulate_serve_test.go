package main // an inside test: a main package cannot be imported

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// serveToken grants tokens, in responses of all kinds.
func (s *simulation) serveToken(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.FormValue("audience") != "api" || r.URL.Query().Get("tenant") != "x" {
		s.t.Errorf("the token request has %v", r.Form)
	}
	if s.faulty && s.random.IntN(12) == 0 {
		s.counted["token 503"]++
		s.cause("pages", "unavailable")
		s.cause("pages", "throttled")
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	s.tokens++
	s.token = fmt.Sprintf("sim-token-%d", s.tokens)
	bom, extra, told := "", "", s.token
	if s.faulty {
		bom = pick(s.random, "", "\ufeff")
		extra = pick(s.random, "", `"error":null,`, `"error":false,`, `"error":"",`, `"error":{},`)
		told = pick(s.random, s.token, "Bearer "+s.token, " "+s.token+"\\n")
		w.Header().Set("Content-Type", pick(s.random, "application/json", "text/plain"))
	}
	w.WriteHeader(pick(s.random, 200, 201, 202))
	fmt.Fprintf(w, `%s{%s"data":{"access_token":"%s","expires_in":%s,"token_type":"%s"}}`, bom, extra, told, pick(s.random, "3600", `"3600"`), pick(s.random, "Bearer", "bearer", "JWT"))
}

// account finds the account of a request, and rejects the request at random.
func (s *simulation) account(w http.ResponseWriter, r *http.Request) *simAccount {
	a := s.accounts[r.PathValue("account")]
	if a == nil {
		w.WriteHeader(http.StatusNotFound)
		return nil
	}
	if a.provider == "pages" && (s.token == "" || r.Header.Get("Authorization") != "Bearer "+s.token) {
		s.counted["token refused"]++
		switch a.random.IntN(3) {
		case 0:
			w.WriteHeader(http.StatusUnauthorized)
		case 1:
			w.Header().Set("WWW-Authenticate", `Bearer realm="x", error="invalid_token"`)
			w.WriteHeader(http.StatusForbidden)
		default:
			w.Header().Set("Location", "/login")
			w.WriteHeader(http.StatusFound)
		}
		return nil
	}
	if s.faulty && a.random.IntN(60) == 0 {
		s.disturb(a.random, false)
	}
	if s.faulty && a.random.IntN(14) == 0 && s.refuse(w, a.random, a.provider, a.fault, a.provider != "pages") {
		return nil
	}
	return a
}

func (a *simAccount) fault(name string) { a.faults[name] = true }

// simLong is an absurd Retry-After; at most 6 hours and a minute are honoured.
const (
	simLong    = "99999999999"
	simLongest = 6*time.Hour + time.Minute
)

// retryAfter returns a wait of one or two seconds, rarely a very long one.
func (s *simulation) retryAfter(r *rand.Rand, provider string) string {
	if r.IntN(12) == 0 {
		s.cause(provider, simLong)
		s.paused = true
		return simLong
	}
	soon := time.Now().Add(2 * time.Second).UTC()
	return pick(r, "1", "0.5", "1.5", "1s", "500ms", "1.5s", `"1"`, strconv.FormatInt(soon.Unix(), 10), strconv.FormatInt(soon.UnixMilli(), 10),
		soon.Format("Mon, 02 Jan 2006 15:04:05 UTC"), soon.Format(http.TimeFormat), soon.Format(time.RFC1123Z), soon.Format(time.RFC3339), "soon", "-1", "")
}

// refuse fails a request to a provider in a random way.
func (s *simulation) refuse(w http.ResponseWriter, r *rand.Rand, provider string, note func(string), login bool) bool {
	kind := pick(r, "429", "429", "503", "500", "reset", "html", "truncated", "bytes", "login")
	s.counted[kind]++
	switch kind {
	case "429":
		s.cause(provider, "throttled")
		w.Header().Set(pick(r, "Retry-After", "RateLimit-Reset", "X-RateLimit-Reset"), s.retryAfter(r, provider))
		w.WriteHeader(http.StatusTooManyRequests)
	case "503":
		s.cause(provider, "unavailable")
		w.Header().Set("Retry-After", s.retryAfter(r, provider))
		w.WriteHeader(http.StatusServiceUnavailable)
	case "500":
		s.cause(provider, "unavailable")
		w.WriteHeader(http.StatusInternalServerError)
	case "reset":
		s.cause(provider, "unavailable")
		panic(http.ErrAbortHandler)
	case "truncated":
		s.cause(provider, "unavailable")
		_, _ = io.WriteString(w, `{"orders":[`)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case "html":
		note("bad_response")
		_, _ = io.WriteString(w, "<html>Maintenance</html>")
	case "bytes":
		note("bad_response")
		w.Header().Set("Content-Type", pick(r, "application/json", "application/json; charset=utf-8"))
		_, _ = io.WriteString(w, "{\"orders\":[{\"no\":\"M\xfcl\"}]}")
	default:
		if !login {
			return false
		}
		note("login")
		w.Header().Set("Location", "/login")
		w.WriteHeader(http.StatusFound)
	}
	return true
}

const simPage = 3

// serveOrders returns a page of orders, or of items to request one by one.
func (s *simulation) serveOrders(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.account(w, r)
	if a == nil {
		return
	}
	a.calls++
	if len(a.orders) == 0 {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	page := 1
	for _, text := range []string{r.URL.Query().Get("page"), strings.TrimPrefix(r.URL.Query().Get("cursor"), "c"), r.URL.Query().Get("p")} {
		if n, err := strconv.Atoi(text); err == nil {
			page = n
		}
	}
	last := (len(a.orders) + simPage - 1) / simPage
	circle := a.paging && last > 1 && page >= last // the last page links to another one
	again := page > last && a.last != nil          // the provider repeats its last page
	if page = min(page, last); circle {
		a.faults["paging"] = true
		s.counted["paging"]++
	}
	begin, end := (page-1)*simPage, min(page*simPage, len(a.orders))
	more, following := circle || page < last, page+1
	if circle {
		following = 1 + a.random.IntN(last)
	} else if page > 1 && begin+1 < end && a.random.IntN(3) == 0 {
		begin-- // rows have moved
		s.counted["shift"]++
	}
	var items []string
	for _, o := range a.orders[begin:end] {
		if a.provider == "items" {
			items = append(items, fmt.Sprintf(`{"no":%q}`, o.id))
			continue
		}
		items = append(items, a.tell(o, s.faulty))
		if a.random.IntN(6) == 0 && !a.bad[o.id] {
			items = append(items, items[len(items)-1])
		}
	}
	if again {
		items = a.last
	} else if page == last {
		a.last = items
	}
	next := "null"
	if more {
		next = fmt.Sprintf(`"c%d"`, following)
	}
	link := fmt.Sprintf("http://orders.internal:8080/items/%s/orders?p=%d", a.name, following)
	if !more {
		link = ""
	}
	s.write(w, a.random, fmt.Sprintf(`{"at":%d,"orders":[%s],"more":%t,"next":%s,"@odata.nextLink":%q}`, time.Now().UnixNano(), strings.Join(items, ","), more, next, link))
}

// serveItem returns one order of the list.
func (s *simulation) serveItem(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.accounts[r.PathValue("account")]
	if a == nil || !a.lists(r.PathValue("id")) {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	o := a.known(r.PathValue("id"))
	if a.bad[o.id] && a.random.IntN(2) == 0 {
		s.counted["item"]++
		switch a.random.IntN(3) {
		case 0:
			w.WriteHeader(http.StatusInternalServerError)
		case 1:
			w.WriteHeader(http.StatusGone)
		default:
			_, _ = io.WriteString(w, "<html>")
		}
		return
	}
	s.write(w, a.random, a.tell(o, s.faulty))
}

// serveNumber returns one order, listed or not.
func (s *simulation) serveNumber(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.account(w, r)
	if a == nil {
		return
	}
	id := r.PathValue("id")
	o := a.known(id)
	if o == nil {
		a.denied[id] = true
		w.WriteHeader(pick(a.random, http.StatusNotFound, http.StatusGone))
		return
	}
	a.told[id] = true
	s.write(w, a.random, a.tell(o, s.faulty))
}

// serveMichelin forwards requests to the sandbox, and distorts its responses.
func (s *simulation) serveMichelin(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	req, err := http.NewRequestWithContext(r.Context(), r.Method, s.outside.url+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		panic(err)
	}
	req.Header = r.Header.Clone()
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer resp.Body.Close()
	body, _ = io.ReadAll(resp.Body)
	if resp.Header.Get("Content-Encoding") == "gzip" {
		if z, err := gzip.NewReader(bytes.NewReader(body)); err == nil {
			body, _ = io.ReadAll(z)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if operation := strings.Split(r.URL.Path, "/")[1]; slices.Contains([]string{"order", "desadv", "invoice"}, operation) && resp.StatusCode == http.StatusOK {
		note := func(fault string) { s.cause("michelin", fault) }
		if !s.faulty || s.random.IntN(8) > 0 || !s.refuse(w, s.random, "michelin", note, false) {
			s.write(w, s.random, string(body))
		}
		return
	}
	w.Header().Set("Content-Type", resp.Header.Get("Content-Type"))
	w.WriteHeader(resp.StatusCode)
	_, _ = w.Write(body)
}

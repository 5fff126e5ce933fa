package mazda

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"

	"orderbeat/clients/sandbox/clock"
	"orderbeat/clients/sandbox/wire"
)

// Organizations in the format of Mazda's documents, for tests. Any other one in that format has orders
// of its own too.
const (
	Org      = "10030/MMD"
	OtherOrg = "10031/MMD"
)

const mazdaPerPage = 5

// mazdaPage is one page of the orders of a date range, oldest first.
type mazdaPage struct {
	Page   int          `json:"page"`
	Pages  int          `json:"pages"` // at least 1
	Orders []mazdaOrder `json:"orders"`
}

// Account returns the organization of a request.
func Account(r *http.Request, _ []byte) string { return r.Header.Get("X-mazda-org") }

// Orders lists the orders placed from..to, both included. An order placed between two page requests
// shifts the later ones, as usual with numbered pages.
func Orders(m clock.Moment, w http.ResponseWriter, r *http.Request) {
	org, ok := orgOf(w, r)
	if !ok {
		return
	}
	q := r.URL.Query()
	from, errFrom := clock.ParseDate(q.Get("from"))
	to, errTo := clock.ParseDate(q.Get("to"))
	page, errPage := 1, error(nil)
	if text := q.Get("page"); text != "" {
		page, errPage = strconv.Atoi(text)
	}
	if errFrom != nil || errTo != nil || errPage != nil || from > to || page < 1 {
		wire.WriteJSON(w, http.StatusBadRequest, map[string]string{"error": "from and to must have the form 2006-01-02, and page must be at least 1"})
		return
	}
	found := slices.DeleteFunc(mazdaOrders(m, org), func(o mazdaOrder) bool { return o.placed < from || o.placed > to })
	begin := min((page-1)*mazdaPerPage, len(found))
	wire.WriteJSON(w, http.StatusOK, mazdaPage{
		Page: page, Pages: max(1, (len(found)+mazdaPerPage-1)/mazdaPerPage),
		Orders: found[begin:min(begin+mazdaPerPage, len(found))],
	})
}

// Order returns one order of the organization.
func Order(m clock.Moment, w http.ResponseWriter, r *http.Request) {
	org, ok := orgOf(w, r)
	if !ok {
		return
	}
	orders := mazdaOrders(m, org)
	i := slices.IndexFunc(orders, func(o mazdaOrder) bool { return o.Number == r.PathValue("number") })
	if i < 0 {
		wire.WriteJSON(w, http.StatusNotFound, struct{}{})
		return
	}
	wire.WriteJSON(w, http.StatusOK, orders[i])
}

// orgForm is "<dealerNumber/marketCode>" (Mazda's Access keys for DMS (OAuth2), High
// level steps to follow, 4).
var orgForm = regexp.MustCompile(`^[^/\s]+/[^/\s]+$`)

// orgOf returns the organization in the header X-mazda-org; without it the response is an error. Mazda
// "attempts to fallback to the user's default organization"; users of the sandbox have none. "When
// [...] the represented user not allowed to call the specific method, the Mazda web service returns
// HTTP 403", without further details.
func orgOf(w http.ResponseWriter, r *http.Request) (org string, ok bool) {
	org = r.Header.Get("X-mazda-org")
	ok = orgForm.MatchString(org)
	if !ok {
		wire.WriteJSON(w, http.StatusForbidden, struct{}{})
	}
	return org, ok
}

// Ping checks a token, for an organization.
func Ping(w http.ResponseWriter, r *http.Request) {
	if _, ok := orgOf(w, r); ok {
		wire.WriteJSON(w, http.StatusOK, struct{}{})
	}
}

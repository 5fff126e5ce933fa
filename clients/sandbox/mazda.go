package sandbox

import (
	"net/http"
	"slices"
	"strconv"
)

// Organizations of Mazda's documents' form, for trying things out. Every other one of
// the form has orders too, of its own.
const (
	MazdaOrg      = "10030/MMD"
	MazdaOtherOrg = "10031/MMD"
)

// mazdaCalls are an example: what Mazda's API offers is not public. They have what such
// calls usually have, a range of dates, pages that are counted, and the header
// X-mazda-org, which Mazda does document.
var mazdaCalls = []call{
	{OpMazdaOrders, "GET /mazda/parts-orders", mazdaOrg, (*Sandbox).mazdaOrders},
	{OpMazdaOrders, "GET /mazda/parts-orders/{number}", mazdaOrg, (*Sandbox).mazdaOrder},
}

const mazdaPerPage = 5

// mazdaPage is one page of the orders of a range of dates, oldest first.
type mazdaPage struct {
	Page   int          `json:"page"`
	Pages  int          `json:"pages"` // 1 at least
	Orders []mazdaOrder `json:"orders"`
}

func mazdaOrg(r *http.Request, _ []byte) string { return r.Header.Get("X-mazda-org") }

// mazdaOrders lists the orders that were placed from..to, both included. An order that
// is placed between two pages moves the later ones, as counted pages do.
func (s *Sandbox) mazdaOrders(w http.ResponseWriter, r *http.Request) {
	org, ok := orgOf(w, r)
	if !ok {
		return
	}
	q := r.URL.Query()
	from, errFrom := parseDate(q.Get("from"))
	to, errTo := parseDate(q.Get("to"))
	page, errPage := 1, error(nil)
	if text := q.Get("page"); text != "" {
		page, errPage = strconv.Atoi(text)
	}
	if errFrom != nil || errTo != nil || errPage != nil || from > to || page < 1 {
		answerJSON(w, http.StatusBadRequest, map[string]string{"error": "want from and to as 2006-01-02, and page from 1"})
		return
	}
	found := slices.DeleteFunc(s.moment().mazdaOrders(org), func(o mazdaOrder) bool { return o.placed < from || o.placed > to })
	begin := min((page-1)*mazdaPerPage, len(found))
	answerJSON(w, http.StatusOK, mazdaPage{
		Page: page, Pages: max(1, (len(found)+mazdaPerPage-1)/mazdaPerPage),
		Orders: found[begin:min(begin+mazdaPerPage, len(found))],
	})
}

// mazdaOrder answers one order, if it is the organization's.
func (s *Sandbox) mazdaOrder(w http.ResponseWriter, r *http.Request) {
	org, ok := orgOf(w, r)
	if !ok {
		return
	}
	orders := s.moment().mazdaOrders(org)
	i := slices.IndexFunc(orders, func(o mazdaOrder) bool { return o.Number == r.PathValue("number") })
	if i < 0 {
		answerJSON(w, http.StatusNotFound, struct{}{})
		return
	}
	answerJSON(w, http.StatusOK, orders[i])
}

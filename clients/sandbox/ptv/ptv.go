package ptv

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"orderbeat/clients/sandbox/clock"
	"orderbeat/clients/sandbox/wire"
)

// Page sizes of plannings.
const (
	ptvDefaultLimit = 100
	ptvMaxLimit     = 1000
)

// ptvError is the response to an invalid query. PTV's format is not public.
type ptvError struct {
	Error string `json:"error"`
}

// ptvPage is a page of plannings, the latest created first.
type ptvPage struct {
	Plannings []planning `json:"plannings"`
	Cursor    ptvCursors `json:"cursor"`
}

// ptvCursors are the cursors of this page and of the previous and next one. Missing pages have none.
type ptvCursors struct {
	Self string `json:"self,omitempty"`
	Prev string `json:"prev,omitempty"`
	Next string `json:"next,omitempty"`
}

// Plannings lists plannings. With released_since it lists only those whose latest release is at or
// after that time, so a planning without a release is left out (the documents do not say so).
func Plannings(m clock.Moment, w http.ResponseWriter, r *http.Request) {
	q, err := readPTVQuery(r.URL.Query())
	if err != nil {
		wire.WriteJSON(w, http.StatusBadRequest, ptvError{err.Error()})
		return
	}
	wire.WriteJSON(w, http.StatusOK, q.page(plannings(m)))
}

// ptvQuery is a request for plannings. A cursor contains a position but not the query, which
// must be sent again with it; the documents do not say how it is.
type ptvQuery struct {
	since  time.Time // zero for any
	cursor *planning // where the page begins; nil for the first page
	limit  int
}

func readPTVQuery(v url.Values) (ptvQuery, error) {
	q := ptvQuery{limit: ptvDefaultLimit}
	var err error
	if text := v.Get("limit"); text != "" {
		q.limit, err = strconv.Atoi(text)
		if err != nil || q.limit < 1 || q.limit > ptvMaxLimit {
			return q, fmt.Errorf("limit: want 1 to %d, got %q", ptvMaxLimit, text)
		}
	}
	if text := v.Get("released_since"); text != "" {
		q.since, err = time.Parse(time.RFC3339, text)
		if err != nil {
			return q, fmt.Errorf("released_since: want a time of RFC 3339, got %q", text)
		}
	}
	if text := v.Get("cursor"); text != "" {
		p, ok := parseCursor(text)
		if !ok {
			return q, fmt.Errorf("cursor: unknown cursor %q", text)
		}
		q.cursor = &p
	}
	return q, nil
}

// page selects a page of all plannings. A cursor stays valid while plannings are created and
// released: it is the position of a planning, not its index.
func (q ptvQuery) page(all []planning) ptvPage {
	listed := slices.DeleteFunc(all, func(p planning) bool {
		return !q.since.IsZero() && (p.ReleasedAt == nil || p.ReleasedAt.Before(q.since))
	})
	begin := 0
	if q.cursor != nil {
		begin, _ = slices.BinarySearchFunc(listed, *q.cursor, latestFirst)
	}
	end := min(begin+q.limit, len(listed))
	page := ptvPage{Plannings: listed[begin:end]}
	if begin < end {
		page.Cursor.Self = listed[begin].cursor()
	}
	if begin > 0 {
		page.Cursor.Prev = listed[max(0, begin-q.limit)].cursor()
	}
	if end < len(listed) {
		page.Cursor.Next = listed[end].cursor()
	}
	return page
}

func (p planning) cursor() string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d %s", p.CreatedAt.UnixNano(), p.ID))
}

func parseCursor(text string) (planning, bool) {
	position, err := base64.RawURLEncoding.DecodeString(text)
	created, id, _ := strings.Cut(string(position), " ")
	nanos, notNumber := strconv.ParseInt(created, 10, 64)
	return planning{ID: id, CreatedAt: time.Unix(0, nanos)}, err == nil && notNumber == nil && id != ""
}

// ptvReleased is a planning's latest release. PTV's format is not public; this one is invented with the
// terms of the documents.
type ptvReleased struct {
	PlanningID string     `json:"planning_id"`
	ReleasedAt time.Time  `json:"released_at"`
	Routes     []ptvRoute `json:"routes"`
}

// Release returns the latest release. Releases are "kept only 2 weeks": after that, or before the first release, it is not
// found.
func Release(m clock.Moment, w http.ResponseWriter, r *http.Request) {
	all := plannings(m)
	i := slices.IndexFunc(all, func(p planning) bool { return p.ID == r.PathValue("id") })
	if i < 0 || all[i].ReleasedAt == nil || m.Now.Sub(*all[i].ReleasedAt) > ptvKept {
		wire.WriteJSON(w, http.StatusNotFound, ptvError{"the planning has no release"})
		return
	}
	wire.WriteJSON(w, http.StatusOK, ptvReleased{all[i].ID, *all[i].ReleasedAt, all[i].routes()})
}

package sandbox_test

import (
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/auth/authtest"
)

// listed is an answer to a request for plannings.
type listed struct {
	Plannings []struct {
		ID         string     `json:"id"`
		CreatedAt  time.Time  `json:"created_at"`
		ReleasedAt *time.Time `json:"released_at"`
	} `json:"plannings"`
	Cursor struct{ Self, Prev, Next string } `json:"cursor"`
}

func (l listed) ids() []string {
	var ids []string
	for _, p := range l.Plannings {
		ids = append(ids, p.ID)
	}
	return ids
}

// release is the latest release of a planning.
type release struct {
	PlanningID string    `json:"planning_id"`
	ReleasedAt time.Time `json:"released_at"`
	Routes     []struct {
		ID    string
		Trips []struct {
			ID    string
			Stops []struct {
				ArrivalAt time.Time `json:"arrival_at"`
				Orders    []struct {
					BusinessID string `json:"business_id"`
				}
			}
		}
	}
}

// orders are the trips of a release's orders.
func (r release) orders() map[string]string {
	found := map[string]string{}
	for _, route := range r.Routes {
		for _, trip := range route.Trips {
			for _, stop := range trip.Stops {
				for _, o := range stop.Orders {
					found[o.BusinessID] = trip.ID
				}
			}
		}
	}
	return found
}

// begin is the release's first arrival.
func (r release) begin() time.Time {
	var first time.Time
	for _, route := range r.Routes {
		for _, trip := range route.Trips {
			if at := trip.Stops[0].ArrivalAt; first.IsZero() || at.Before(first) {
				first = at
			}
		}
	}
	return first
}

func (c *caller) plannings(t *testing.T, query url.Values) listed {
	t.Helper()
	var l listed
	c.read(t, &l, http.MethodGet, planningsPath+"?"+query.Encode(), "")
	return l
}

func (c *caller) released(t *testing.T, id string) release {
	t.Helper()
	var r release
	c.read(t, &r, http.MethodGet, planningsPath+"/"+id+"/releases/latest", "")
	return r
}

func TestPlanningsAreListedLatestFirst(t *testing.T) {
	l := newCaller(t, authtest.PTV).plannings(t, nil)
	var released, waiting, never int
	for i, p := range l.Plannings {
		if i > 0 && p.CreatedAt.After(l.Plannings[i-1].CreatedAt) {
			t.Errorf("%s was created after the one before it", p.ID)
		}
		switch {
		case p.ReleasedAt == nil && noon.Sub(p.CreatedAt) > 45*sandboxDay: // which is longer than one lives
			never++
		case p.ReleasedAt == nil:
			waiting++
		case p.ReleasedAt.Before(p.CreatedAt) || p.ReleasedAt.After(noon):
			t.Errorf("%s: created %s, released %s", p.ID, p.CreatedAt, p.ReleasedAt)
		default:
			released++
		}
		if !regexp.MustCompile(`^[a-zA-Z0-9.~\-_]+$`).MatchString(p.ID) {
			t.Errorf("id %q", p.ID)
		}
	}
	if released < 35 || waiting < 2 || never < 1 || l.Cursor.Next != "" || l.Cursor.Prev != "" {
		t.Errorf("%d released, %d waiting, %d never released, cursor %+v", released, waiting, never, l.Cursor)
	}
}

func TestPagesOfPlanningsAreComplete(t *testing.T) {
	c := newCaller(t, authtest.PTV)
	for _, since := range []string{"", noon.Add(-8 * time.Minute).Format(time.RFC3339)} {
		query := url.Values{"released_since": {since}}
		all := c.plannings(t, query).ids()
		for _, limit := range []int{1, 7, 10, len(all), 1000} {
			query := url.Values{"released_since": {since}, "limit": {strconv.Itoa(limit)}}
			var got []string
			var back string
			pages := 0
			for page := c.plannings(t, query); ; page = c.plannings(t, query) {
				got = append(got, page.ids()...)
				pages++
				if pages > 1 && page.Cursor.Prev == "" || page.Cursor.Self == "" {
					t.Fatalf("page %d: %+v", pages, page.Cursor)
				}
				back = page.Cursor.Prev
				if page.Cursor.Next == "" || pages > len(all) {
					break
				}
				query.Set("cursor", page.Cursor.Next)
			}
			if diff := cmp.Diff(all, got); diff != "" {
				t.Errorf("since %q, limit %d, %d pages (-at once +paged):\n%s", since, limit, pages, diff)
			}
			if want := (len(all) + limit - 1) / limit; pages != want {
				t.Errorf("since %q, limit %d: %d pages want %d", since, limit, pages, want)
			}
			if pages > 1 {
				query.Set("cursor", back)
				if diff := cmp.Diff(all[(pages-2)*limit:(pages-1)*limit], c.plannings(t, query).ids()); diff != "" {
					t.Errorf("the page before the last (-want +got):\n%s", diff)
				}
			}
		}
	}
}

func TestCursorSurvivesNewPlannings(t *testing.T) {
	c := newCaller(t, authtest.PTV)
	query := url.Values{"limit": {"10"}}
	first := c.plannings(t, query)
	query.Set("cursor", first.Cursor.Next)
	before := c.plannings(t, query).ids()
	c.advance(2 * sandboxDay)
	if newest := c.plannings(t, nil).ids()[0]; newest == first.ids()[0] {
		t.Fatal("nothing new was created")
	}
	if diff := cmp.Diff(before[:3], c.plannings(t, query).ids()[:3]); diff != "" {
		t.Errorf("the second page (-before +after):\n%s", diff)
	}
}

func TestReleasedSince(t *testing.T) {
	c := newCaller(t, authtest.PTV)
	want := []string{}
	var latest time.Time
	all := c.plannings(t, nil).Plannings
	for _, p := range all {
		if p.ReleasedAt != nil && p.ReleasedAt.After(latest) {
			latest = *p.ReleasedAt
		}
	}
	for _, p := range all {
		if p.ReleasedAt != nil && p.ReleasedAt.Equal(latest) {
			want = append(want, p.ID)
		}
	}
	amsterdam := latest.In(time.FixedZone("", 3600)).Format(time.RFC3339Nano)
	if diff := cmp.Diff(want, c.plannings(t, url.Values{"released_since": {amsterdam}}).ids()); diff != "" {
		t.Errorf("since the latest release (-want +got):\n%s", diff)
	}
	later := c.plannings(t, url.Values{"released_since": {latest.Add(time.Nanosecond).Format(time.RFC3339Nano)}})
	if len(later.Plannings) != 0 || later.Plannings == nil || later.Cursor.Next != "" {
		t.Errorf("since a moment later: %+v", later)
	}
}

func TestInvalidPlanningRequestsAreRejected(t *testing.T) {
	c := newCaller(t, authtest.PTV)
	good := c.plannings(t, nil).Cursor.Self
	for _, query := range []string{
		"limit=0", "limit=1001", "limit=-1", "limit=ten", "released_since=yesterday", "released_since=2026-11-20",
		"released_since=2026-11-20T10:00:00+01:00", // the plus is a blank
		"cursor=!", "cursor=" + good + "!", "cursor=MTA", "cursor=eCB5", "cursor=MTAg",
	} {
		if a := c.call(t, http.MethodGet, planningsPath+"?"+query, ""); a.status != http.StatusBadRequest {
			t.Errorf("%s: status %d: %s", query, a.status, a.body)
		}
	}
}

func TestReleasesAreKeptTwoWeeks(t *testing.T) {
	c := newCaller(t, authtest.PTV)
	got := map[bool]int{}
	for _, p := range c.plannings(t, nil).Plannings {
		kept := p.ReleasedAt != nil && noon.Sub(*p.ReleasedAt) <= 14*24*time.Hour
		want := http.StatusNotFound
		if kept {
			want = http.StatusOK
		}
		if a := c.call(t, http.MethodGet, planningsPath+"/"+p.ID+"/releases/latest", ""); a.status != want {
			t.Errorf("%s, released %v: status %d want %d", p.ID, p.ReleasedAt, a.status, want)
		}
		got[kept && p.ReleasedAt != nil]++
	}
	if got[true] < 30 || got[false] < 8 {
		t.Errorf("%d releases are kept, %d are not", got[true], got[false])
	}
	for _, id := range []string{"nothing", "PL_00.1", "PL_99.1"} {
		if a := c.call(t, http.MethodGet, planningsPath+"/"+id+"/releases/latest", ""); a.status != http.StatusNotFound {
			t.Errorf("%s: status %d", id, a.status)
		}
	}
}

func TestPlanningsAreReleasedAgainAndTheirOrdersAdvance(t *testing.T) {
	c := newCaller(t, authtest.PTV)
	before := map[string]release{}
	seen := map[string]map[string]bool{} // the plannings of each order
	var first, again, moved, otherHours int
	for range 30 {
		for _, p := range c.plannings(t, url.Values{"released_since": {noon.Add(-5 * time.Minute).Format(time.RFC3339)}}).Plannings {
			r := c.released(t, p.ID)
			old, known := before[p.ID]
			switch {
			case !known:
				first++
			case r.ReleasedAt.After(old.ReleasedAt):
				again++
				if !slices.Equal(slices.Sorted(maps.Keys(old.orders())), slices.Sorted(maps.Keys(r.orders()))) {
					t.Errorf("%s has other orders than before", p.ID)
				}
				if !maps.Equal(old.orders(), r.orders()) {
					moved++
				}
				if !old.begin().Equal(r.begin()) {
					otherHours++
				}
			case !cmp.Equal(old, r):
				t.Errorf("%s changes without a release", p.ID)
			}
			if r.PlanningID != p.ID || !r.ReleasedAt.Equal(*p.ReleasedAt) {
				t.Errorf("%s of %s, released %s not %s", r.PlanningID, p.ID, r.ReleasedAt, p.ReleasedAt)
			}
			before[p.ID] = r
			for o := range r.orders() {
				if seen[o] == nil {
					seen[o] = map[string]bool{}
				}
				seen[o][p.ID] = true
			}
		}
		c.advance(sandboxDay)
	}
	twice := 0
	for o, plannings := range seen {
		if !regexp.MustCompile(`^[a-zA-Z0-9.~\-_]+$`).MatchString(o) {
			t.Errorf("business id %q", o)
		}
		if len(plannings) > 1 {
			twice++
		}
	}
	if first < 10 || again < 15 || moved != again || otherHours < again/2 || twice < 1 || twice > len(seen)/2 {
		t.Errorf("%d plannings, released again %d times, orders moved %d times, hours %d times, %d of %d orders in two plannings", first, again, moved, otherHours, twice, len(seen))
	}
}

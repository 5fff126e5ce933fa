package declared_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"orderbeat/clients"
)

// planned asks PTV's preset for the plannings of a window, at a server that answers with
// a body for each path and cursor, and 404 for others.
func planned(t *testing.T, bodies map[string]string) (clients.Answer, []string) {
	t.Helper()
	p, server := standing(t, "ptv", "", func(w http.ResponseWriter, r *http.Request) {
		body, ok := bodies[strings.TrimSpace(strings.TrimPrefix(r.URL.Path, "/planning/v1/plannings")+" "+r.URL.Query().Get("cursor"))]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
		}
		fmt.Fprint(w, body)
	})
	brussels, err := time.LoadLocation("Europe/Brussels")
	if err != nil {
		t.Fatal(err)
	}
	answer, err := p.Orders(t.Context(), clients.Query{Account: clients.Account{Name: "main", Location: brussels}, From: "2026-11-07", To: "2026-11-20"})
	if err != nil {
		t.Fatal(err)
	}
	return answer, functional(server, "ptv")
}

const released = `"created_at":"2026-11-09T23:30:00Z","released_at":"2026-11-10T07:00:00Z"`

func TestPTVPagesHaveCursors(t *testing.T) {
	answer, calls := planned(t, map[string]string{
		"":   `{"plannings":[{"id":"P1",` + released + `}],"cursor":{"self":"c1","next":"c2"}}`,
		"c2": `{"plannings":[{"id":"P2",` + released + `}],"cursors":{"next":"c3"}}`,
		"c3": `{"plannings":[{"id":"P3",` + released + `}],"cursor":{"self":"c3","prev":"c2"}}`,
	})
	// The day that the planning was made on is that of the account's zone.
	sameLines(t, "orders", []string{"P1  2026-11-10 scheduled", "P2  2026-11-10 scheduled", "P3  2026-11-10 scheduled"}, shown(answer))
	const list = "GET /planning/v1/plannings?"
	const since = "limit=100&released_since=2026-11-06T23%3A00%3A00Z" // midnight in Brussels
	sameLines(t, "calls", []string{
		list + since, "GET /planning/v1/plannings/P1/releases/latest",
		list + "cursor=c2&" + since, "GET /planning/v1/plannings/P2/releases/latest",
		list + "cursor=c3&" + since, "GET /planning/v1/plannings/P3/releases/latest",
	}, calls)
}

func TestPTVReleaseMayBeDeleted(t *testing.T) {
	answer, calls := planned(t, map[string]string{
		"": `{"plannings":[{"id":"old",` + released + `},{"id":"new","created_at":"2026-11-10T09:00:00Z"}],"cursor":{}}`,
	})
	sameLines(t, "orders", []string{"old  2026-11-10 scheduled", "new  2026-11-10 open"}, shown(answer))
	if len(calls) != 3 {
		t.Errorf("got the calls %q, want each planning asked about once", calls)
	}
}

func TestOrderInTwoPTVPlannings(t *testing.T) {
	release := func(id string) string {
		return `{"planning_id":"` + id + `","routes":[
			{"trips":[{"stops":[{"arrival_at":"2026-11-11T09:00:00Z","orders":[{"business_id":"order.A~1"},{"business_id":"` + id + `-only"}]}]}]},
			{"trips":[{"stops":[{"arrival_at":"2026-11-11T10:00:00Z","orders":[{"business_id":"` + id + `-2nd_route"}]}]}]}]}`
	}
	answer, _ := planned(t, map[string]string{
		"":                    `{"plannings":[{"id":"P1",` + released + `},{"id":"P2",` + released + `}]}`,
		"/P1/releases/latest": release("P1"), "/P2/releases/latest": release("P2"),
	})
	line := func(id, at string) string { return "; " + id + " scheduled arrives 2026-11-11T" + at + ":00:00Z" }
	want := func(id string) string {
		return id + "  2026-11-10 scheduled" + line(id+"-2nd_route", "10") + line(id+"-only", "09") + line("order.A~1", "09")
	}
	sameLines(t, "orders", []string{want("P1"), want("P2")}, shown(answer))
}

func TestPTVIDsAreEscapedInPaths(t *testing.T) {
	p, server := standing(t, "ptv", "", saying(http.StatusNotFound, ""))
	answer, err := p.Orders(t.Context(), named("P~1_a-b.c", "P/2"))
	if err != nil || len(answer.Orders) != 0 {
		t.Errorf("got %d orders and %v, want none and no error", len(answer.Orders), err)
	}
	sameLines(t, "calls", []string{"GET /planning/v1/plannings/P~1_a-b.c/releases/latest", "GET /planning/v1/plannings/P%2F2/releases/latest"}, functional(server, "ptv"))
}

func TestPTVKeepsReleasesForTwoWeeks(t *testing.T) {
	p, _ := standing(t, "ptv", "", saying(http.StatusOK, "{}"))
	if got := p.Traits().HistoryDays; got != 14 {
		t.Errorf("got %d days of history, want 14", got)
	}
}

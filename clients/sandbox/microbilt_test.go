package sandbox_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"orderbeat/auth/authtest"
	"orderbeat/clients/sandbox"
	"orderbeat/clients/sandbox/microbilt"
)

// report is an archived report.
type report struct {
	MsgRsHdr struct {
		RqUID      string
		ReportDate time.Time
		Status     struct{ StatusDesc string }
	}
	Subject []struct {
		Name, SSN string
		Score     int
	}
}

var appIDs = []string{"APP-1001", "APP-1002", "APP-1003", "APP-1004", "APP-1005", "APP-1006"}

func newMicrobilt(t *testing.T) *caller {
	t.Helper()
	return newCaller(t, authtest.Microbilt, asJSON)
}

func appID(id string) string { return fmt.Sprintf(`{"AppId":%q}`, id) }

func TestReportsAreCreatedOnce(t *testing.T) {
	c := newMicrobilt(t)
	dates := map[string]time.Time{}
	bodies := map[string]string{}
	made, waits, noHits := map[string]int{}, map[string]int{}, map[string]int{}
	for range 130 {
		for _, id := range appIDs {
			a := c.call(t, http.MethodGet, archivePath, appID(id))
			if a.status == http.StatusAccepted {
				if a.body != "{}\n" {
					t.Errorf("%s is not ready: %s", id, a.body)
				}
				waits[id]++
				continue
			}
			var r report
			c.read(t, &r, http.MethodGet, archivePath, appID(id))
			if r.MsgRsHdr.ReportDate.Equal(dates[id]) && a.body != bodies[id] {
				t.Errorf("%s: the report of %s changes", id, dates[id])
			}
			if r.MsgRsHdr.ReportDate.After(dates[id]) {
				made[id]++
			}
			dates[id], bodies[id] = r.MsgRsHdr.ReportDate, a.body
			switch hit := len(r.Subject) > 0; {
			case hit != (r.MsgRsHdr.Status.StatusDesc == "OK"), hit != strings.Contains(a.body, `"Subject"`):
				t.Errorf("%s: %s", id, a.body)
			case !hit && r.MsgRsHdr.Status.StatusDesc != "NOHIT", r.MsgRsHdr.ReportDate.After(c.now()):
				t.Errorf("%s: %+v", id, r.MsgRsHdr)
			case !hit:
				noHits[id]++
			case r.Subject[0].Name != microbilt.CanaryName || r.Subject[0].SSN != microbilt.CanaryNumber:
				t.Errorf("%s: it is about %s", id, r.Subject[0].Name)
			}
		}
		c.advance(sandboxDay)
	}
	for _, id := range appIDs {
		if made[id] < 2 || waits[id] < 10 || waits[id] > 70 {
			t.Errorf("%s: %d reports, waited %d days", id, made[id], waits[id])
		}
	}
	if noHits["APP-1005"] == 0 || noHits["APP-1001"] != 0 {
		t.Errorf("nobody was found: %v", noHits)
	}
}

// A report that is ready stays so until its generation ends, which a later ReportDate shows.
func TestReportIsNotRemoved(t *testing.T) {
	c := newMicrobilt(t)
	for _, id := range appIDs {
		var runs []int // how many days each answer lasted
		var last int
		for range 130 {
			status := c.call(t, http.MethodGet, archivePath, appID(id)).status
			if status != last {
				runs = append(runs, 0)
			}
			runs[len(runs)-1]++
			last = status
			c.advance(sandboxDay)
		}
		// The ends may be cut; between them waiting takes as long each time, and so does the report.
		for i := 3; i < len(runs)-1; i++ {
			if runs[i] != runs[i-2] && i-2 > 0 {
				t.Errorf("%s: answers last %v days", id, runs)
				break
			}
		}
	}
}

func TestCanaryIsAlwaysPresent(t *testing.T) {
	c := newMicrobilt(t)
	for day := range 20 {
		var all string
		for _, id := range appIDs[:2] {
			all += c.call(t, http.MethodGet, archivePath, appID(id)).body
		}
		if !strings.Contains(all, microbilt.CanaryName) || !strings.Contains(all, microbilt.CanaryNumber) {
			t.Errorf("not on day %d: %s", day, all)
		}
		c.advance(sandboxDay)
	}
}

func TestReportIsSelectedByKeyInAnyForm(t *testing.T) {
	c := newMicrobilt(t)
	want := c.call(t, http.MethodGet, archivePath, appID("APP-1005"))
	if want.status != http.StatusOK {
		t.Fatalf("status %d", want.status)
	}
	text := header("Content-Type", "text/plain")
	for name, q := range map[string]struct {
		path, body string
		set        func(*http.Request)
		status     int
	}{
		"in the query":             {archivePath + "?" + url.Values{"Accept": {"application/json"}, "AppId": {"APP-1005"}}.Encode(), "", text, 200},
		"of another product":       {"/MLAVerify/GetArchiveReport", appID("APP-1005"), asJSON, 200},
		"of no product":            {"/ibv2/GetArchiveReport", appID("APP-1005"), asJSON, 404},
		"that was never ordered":   {archivePath, appID("APP-1007"), asJSON, 404},
		"by nothing":               {archivePath, "", asJSON, 400},
		"by an empty id":           {archivePath, appID(""), asJSON, 400},
		"by no JSON":               {archivePath, "AppId=APP-1005", asJSON, 400},
		"by a body that is a text": {archivePath, appID("APP-1005"), text, 415},
	} {
		a := c.call(t, http.MethodGet, q.path, q.body, q.set)
		body := "{}\n"
		if q.status == http.StatusOK {
			body = want.body
		}
		if a.status != q.status || a.body != body {
			t.Errorf("%s: got %d %s want %d %s", name, a.status, a.body, q.status, body)
		}
	}
}

func TestNewReportsAreCounted(t *testing.T) {
	c := newMicrobilt(t)
	c.call(t, http.MethodGet, archivePath, appID("APP-1001"))
	if n := c.Requests(sandbox.OpMicrobiltGetReport); n != 0 {
		t.Errorf("%d new reports", n)
	}
	for range 2 {
		var r report
		c.read(t, &r, http.MethodPost, "/TransUnion/GetReport", `{"PersonInfo":{}}`)
		if len(r.Subject) != 1 {
			t.Errorf("got %+v", r)
		}
	}
	c.send(t, http.MethodPost, "/IBV/GetReport", "")
	if n := c.Requests(sandbox.OpMicrobiltGetReport); n != 3 {
		t.Errorf("%d new reports want 3, one of them refused", n)
	}
}

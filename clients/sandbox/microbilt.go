package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

// What every consumer in Microbilt's reports is called, and their number in place of a
// social security number (none begins with 000). Where nobody may keep or show such
// data, neither of these is found.
const (
	microbiltCanaryName   = "CANARY-SAMPLE-CONSUMER"
	microbiltCanaryNumber = "000-00-4711"
)

var microbiltProducts = []string{
	"IBV", "iPredict", "BAV", "CriminalSearch", "TransUnion", "Equifax", "Experian", "IDVerify", "MLAVerify", "OFACWatchlistSearch",
}

// Of the archived reports each has a slot. Its first sandbox days are spent waiting for
// the report; the next generation is another report. What becomes of a report of one
// AppId the documents do not say: theirs may well stay as it is for ever.
var microbiltReports = []struct {
	appID string
	slot
	waits int64 // sandbox days
	noHit bool  // nobody is ever found
}{
	// Of the first two, one report at least is there at any time.
	{appID: "APP-1001", slot: slot{life: 8, phase: 0}, waits: 3},
	{appID: "APP-1002", slot: slot{life: 8, phase: 4}, waits: 3},
	{appID: "APP-1003", slot: slot{life: 30, phase: 11}, waits: 10},
	{appID: "APP-1004", slot: slot{life: 45, phase: 29}, waits: 20},
	{appID: "APP-1005", slot: slot{life: 12, phase: 6}, waits: 4, noHit: true},
	{appID: "APP-1006", slot: slot{life: 60, phase: 3}, waits: 5},
}

const microbiltSeed = 0x07dea

func microbiltAppIDs() []string {
	var ids []string
	for _, r := range microbiltReports {
		ids = append(ids, r.appID)
	}
	return ids
}

// microbiltReport is the answer. Subject's members and ReportDate are invented.
type microbiltReport struct {
	MsgRsHdr struct {
		RqUID      string
		ReportDate time.Time
		Status     struct {
			StatusCode int
			StatusDesc string
		}
	}
	Subject []microbiltSubject `json:",omitempty"`
}

type microbiltSubject struct {
	Name   string
	SSN    string
	Score  int
	Trades []microbiltTrade
}

type microbiltTrade struct {
	Creditor string
	Balance  int
}

// microbiltAppID is whose report is asked for: "AppId" in a JSON body, also of a GET, or
// in the query. Which of them a product wants is documented nowhere.
func microbiltAppID(r *http.Request, body []byte) string {
	id, _ := readAppID(r, body)
	return id
}

func readAppID(r *http.Request, body []byte) (string, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return r.URL.Query().Get("AppId"), nil
	}
	var q struct{ AppID text }
	err := json.Unmarshal(body, &q)
	return string(q.AppID), err
}

// archiveReport answers a report that was ordered before: 202 while it is being made,
// 404 when it was never ordered.
func archiveReport(m moment, w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	id, unreadable := readAppID(r, body)
	switch {
	case !slices.Contains(microbiltProducts, r.PathValue("product")):
		answerJSON(w, http.StatusNotFound, struct{}{})
	case len(body) > 0 && contentType(r) != "application/json":
		answerJSON(w, http.StatusUnsupportedMediaType, struct{}{})
	case err != nil || unreadable != nil || id == "":
		answerJSON(w, http.StatusBadRequest, struct{}{})
	default:
		answerReport(m, w, id)
	}
}

func answerReport(m moment, w http.ResponseWriter, id string) {
	i := slices.Index(microbiltAppIDs(), id)
	if i < 0 {
		answerJSON(w, http.StatusNotFound, struct{}{})
		return
	}
	report := microbiltReports[i]
	generation := report.generation(m.today)
	ready := report.birth(generation) + report.waits
	if m.today < ready {
		answerJSON(w, http.StatusAccepted, struct{}{})
		return
	}
	answerJSON(w, http.StatusOK, newReport(i, generation, report.noHit, m.begin(ready)))
}

// newReport writes a report. About every fifth finds nobody.
func newReport(i int, generation int64, noHit bool, date time.Time) microbiltReport {
	dice := newDice(microbiltSeed, i, generation)
	var r microbiltReport
	r.MsgRsHdr.RqUID = fmt.Sprintf("{00000000-0000-4000-8000-%012x}", dice.Uint64N(1<<48))
	r.MsgRsHdr.ReportDate = date.UTC()
	if noHit || i > 1 && dice.IntN(5) == 0 {
		r.MsgRsHdr.Status.StatusDesc = "NOHIT"
		return r
	}
	r.MsgRsHdr.Status.StatusDesc = "OK"
	subject := microbiltSubject{Name: microbiltCanaryName, SSN: microbiltCanaryNumber, Score: 300 + dice.IntN(550)}
	for n := range 1 + dice.IntN(3) {
		subject.Trades = append(subject.Trades, microbiltTrade{fmt.Sprintf("Sample Creditor %d", n+1), 10 * dice.IntN(1000)})
	}
	r.Subject = []microbiltSubject{subject}
	return r
}

// getReport orders a new report, which costs money and is an inquiry about a person; it is
// there so that tests can prove that nobody calls it, and changes nothing.
func getReport(m moment, w http.ResponseWriter, _ *http.Request) {
	answerJSON(w, http.StatusOK, newReport(0, 0, false, m.now))
}

package microbilt

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"orderbeat/clients/sandbox/clock"
	"orderbeat/clients/sandbox/wire"
)

// The name of every consumer in Microbilt's reports, and the number in place of a social security
// number (no real one begins with 000). Tests search for both where such data must not be stored or shown.
const (
	CanaryName   = "CANARY-SAMPLE-CONSUMER"
	CanaryNumber = "000-00-4711"
)

var microbiltProducts = []string{
	"IBV", "iPredict", "BAV", "CriminalSearch", "TransUnion", "Equifax", "Experian", "IDVerify", "MLAVerify", "OFACWatchlistSearch",
}

// Each archived report has a slot. In the first sandbox days of a slot the report is not ready; the next
// generation is a new report. The documents do not say whether the report of an AppId ever changes.
var microbiltReports = []struct {
	appID string
	clock.Slot
	waits int64 // sandbox days
	noHit bool  // its reports never find a consumer
}{
	// At any time at least one of the first two reports is ready.
	{appID: "APP-1001", Slot: clock.Slot{Life: 8, Phase: 0}, waits: 3},
	{appID: "APP-1002", Slot: clock.Slot{Life: 8, Phase: 4}, waits: 3},
	{appID: "APP-1003", Slot: clock.Slot{Life: 30, Phase: 11}, waits: 10},
	{appID: "APP-1004", Slot: clock.Slot{Life: 45, Phase: 29}, waits: 20},
	{appID: "APP-1005", Slot: clock.Slot{Life: 12, Phase: 6}, waits: 4, noHit: true},
	{appID: "APP-1006", Slot: clock.Slot{Life: 60, Phase: 3}, waits: 5},
}

const microbiltSeed = 0x07dea

// AppIDs returns the ids of the archived reports.
func AppIDs() []string {
	var ids []string
	for _, r := range microbiltReports {
		ids = append(ids, r.appID)
	}
	return ids
}

// microbiltReport is the response. Subject's members and ReportDate are invented.
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

// Account returns the id of the requested report: "AppId" in a JSON body, even of a GET, or in the query.
// The documents do not say which of the two a product requires.
func Account(r *http.Request, body []byte) string {
	id, _ := readAppID(r, body)
	return id
}

func readAppID(r *http.Request, body []byte) (string, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return r.URL.Query().Get("AppId"), nil
	}
	var q struct{ AppID wire.Text }
	err := json.Unmarshal(body, &q)
	return string(q.AppID), err
}

// ArchiveReport returns a report that was ordered earlier: 202 while it is not ready, 404 if it was
// never ordered.
func ArchiveReport(m clock.Moment, w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	id, unreadable := readAppID(r, body)
	switch {
	case !slices.Contains(microbiltProducts, r.PathValue("product")):
		wire.WriteJSON(w, http.StatusNotFound, struct{}{})
	case len(body) > 0 && wire.ContentType(r) != "application/json":
		wire.WriteJSON(w, http.StatusUnsupportedMediaType, struct{}{})
	case err != nil || unreadable != nil || id == "":
		wire.WriteJSON(w, http.StatusBadRequest, struct{}{})
	default:
		answerReport(m, w, id)
	}
}

func answerReport(m clock.Moment, w http.ResponseWriter, id string) {
	i := slices.Index(AppIDs(), id)
	if i < 0 {
		wire.WriteJSON(w, http.StatusNotFound, struct{}{})
		return
	}
	report := microbiltReports[i]
	generation := report.Generation(m.Today)
	ready := report.Start(generation) + report.waits
	if m.Today < ready {
		wire.WriteJSON(w, http.StatusAccepted, struct{}{})
		return
	}
	wire.WriteJSON(w, http.StatusOK, newReport(i, generation, report.noHit, m.Begin(ready)))
}

// newReport returns a report. About one report in five finds no consumer.
func newReport(i int, generation int64, noHit bool, date time.Time) microbiltReport {
	dice := clock.NewDice(microbiltSeed, i, generation)
	var r microbiltReport
	r.MsgRsHdr.RqUID = fmt.Sprintf("{00000000-0000-4000-8000-%012x}", dice.Uint64N(1<<48))
	r.MsgRsHdr.ReportDate = date.UTC()
	if noHit || i > 1 && dice.IntN(5) == 0 {
		r.MsgRsHdr.Status.StatusDesc = "NOHIT"
		return r
	}
	r.MsgRsHdr.Status.StatusDesc = "OK"
	subject := microbiltSubject{Name: CanaryName, SSN: CanaryNumber, Score: 300 + dice.IntN(550)}
	for n := range 1 + dice.IntN(3) {
		subject.Trades = append(subject.Trades, microbiltTrade{fmt.Sprintf("Sample Creditor %d", n+1), 10 * dice.IntN(1000)})
	}
	r.Subject = []microbiltSubject{subject}
	return r
}

// GetReport orders a new report, which costs money and is an inquiry about a person; it exists so
// that tests can prove that it is never called, and changes nothing.
func GetReport(m clock.Moment, w http.ResponseWriter, _ *http.Request) {
	wire.WriteJSON(w, http.StatusOK, newReport(0, 0, false, m.Now))
}

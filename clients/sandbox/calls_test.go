package sandbox_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"time"

	"orderbeat/auth/authtest"
	"orderbeat/clients/sandbox"
	"orderbeat/clients/sandbox/mazda"
	"orderbeat/clients/sandbox/shell"
)

const (
	planningsPath = "/planning/v1/plannings"
	enquiryPath   = "/card-management/v1/ordercardenquiry"
	archivePath   = "/IBV/GetArchiveReport"
	mazdaPath     = "/mazda/parts-orders"
)

const sandboxDay = 20 * time.Second

// caller asks a provider's API, with a token that outlives every test.
type caller struct {
	*bench
	token string
	set   []func(*http.Request) // for every request
}

func newCaller(t *testing.T, provider authtest.Dialect, set ...func(*http.Request)) *caller {
	t.Helper()
	b := &bench{}
	b.clock.Store(noon.UnixNano())
	b.Sandbox = sandbox.New(sandbox.Options{Now: b.now, TokenTTL: 10_000 * time.Hour})
	b.listen(t)
	status, got := b.obtain(t, provider, "")
	if status != http.StatusOK {
		t.Fatalf("token: status %d", status)
	}
	return &caller{bench: b, token: got.Access, set: append(set, bearer(got.Access))}
}

func (c *caller) call(t *testing.T, method, path, body string, set ...func(*http.Request)) answer {
	t.Helper()
	return c.send(t, method, path, body, slices.Concat(c.set, set)...)
}

// read is a call that must be answered 200.
func (c *caller) read(t *testing.T, into any, method, path, body string, set ...func(*http.Request)) {
	t.Helper()
	a := c.call(t, method, path, body, set...)
	if a.status != http.StatusOK {
		t.Fatalf("%s %s: status %d: %s", method, path, a.status, a.body)
	}
	if err := json.Unmarshal([]byte(a.body), into); err != nil {
		t.Fatalf("%s %s: %v in %.200q", method, path, err, a.body)
	}
}

func TestCallsRequireATokenAndAreCounted(t *testing.T) {
	for provider, calls := range map[authtest.Dialect][]struct {
		op                 sandbox.Op
		method, path, body string
	}{
		authtest.PTV: {
			{sandbox.OpPTVPlannings, "GET", planningsPath, ""},
			{sandbox.OpPTVRelease, "GET", planningsPath + "/PL_12.20776/releases/latest", ""},
		},
		authtest.Shell: {{sandbox.OpShellOrderCardEnquiry, "POST", enquiryPath, enquiry(payer)}},
		authtest.Microbilt: {
			{sandbox.OpMicrobiltArchiveReport, "GET", archivePath, `{"AppId":"APP-1005"}`},
			{sandbox.OpMicrobiltGetReport, "POST", "/iPredict/GetReport", `{}`},
		},
		authtest.Mazda: {{sandbox.OpMazdaOrders, "GET", mazdaPath + "?from=2026-11-01&to=2026-11-20", ""}},
	} {
		c := newCaller(t, provider, asJSON, requestID, mazdaOrg)
		for _, call := range calls {
			if a := c.call(t, call.method, call.path, call.body); a.status != http.StatusOK {
				t.Errorf("%s: status %d: %s", call.op, a.status, a.body)
			}
			if a := c.send(t, call.method, call.path, call.body, asJSON, requestID, mazdaOrg, bearer("unknown")); a.status != http.StatusUnauthorized {
				t.Errorf("%s without a token: status %d", call.op, a.status)
			}
			if n := c.Requests(call.op); n != 2 {
				t.Errorf("%s: %d requests counted", call.op, n)
			}
		}
	}
}

func TestFaultsApplyToTheAccountOfACall(t *testing.T) {
	ibv := func(id string) string { return `{"AppId":"` + id + `"}` }
	for name, c := range map[string]struct {
		provider             authtest.Dialect
		account              string
		method, path         string
		struck, spared       string // bodies
		struckOrg, sparedOrg string
	}{
		"Shell's payer":        {authtest.Shell, shell.PayerNumber, "POST", enquiryPath, enquiry(payer), enquiry(otherPayer), "", ""},
		"Shell's payer, by id": {authtest.Shell, shell.PayerNumber, "POST", enquiryPath, enquiry(object{"ColCoId": 14, "PayerId": 1101}), enquiry(otherPayer), "", ""},
		"Microbilt's AppId":    {authtest.Microbilt, "APP-1005", "GET", archivePath, ibv("APP-1005"), ibv("APP-1001"), "", ""},
		"Mazda's organization": {authtest.Mazda, mazda.Org, "GET", mazdaPath, "", "", mazda.Org, mazda.OtherOrg},
	} {
		t.Run(name, func(t *testing.T) {
			caller := newCaller(t, c.provider, asJSON, requestID)
			defer caller.Fail(sandbox.Fault{Account: c.account, Times: -1, Status: http.StatusTeapot})()
			if a := caller.call(t, c.method, c.path, c.spared, header("X-mazda-org", c.sparedOrg)); a.status == http.StatusTeapot {
				t.Error("it strikes another account")
			}
			if a := caller.call(t, c.method, c.path, c.struck, header("X-mazda-org", c.struckOrg)); a.status != http.StatusTeapot {
				t.Errorf("status %d", a.status)
			}
		})
	}
}

func TestRestartKeepsResponses(t *testing.T) {
	for provider, calls := range map[authtest.Dialect][][3]string{
		authtest.PTV:       {{"GET", planningsPath, ""}, {"GET", planningsPath + "/PL_12.20776/releases/latest", ""}},
		authtest.Shell:     {{"POST", enquiryPath, enquiry(payer)}},
		authtest.Microbilt: {{"GET", archivePath, appID("APP-1005")}},
		authtest.Mazda:     {{"GET", mazdaPath + "?from=2026-11-01&to=2026-11-20", ""}},
	} {
		before, after := newCaller(t, provider, asJSON, requestID, mazdaOrg), newCaller(t, provider, asJSON, requestID, mazdaOrg)
		before.advance(time.Hour)
		after.clock.Store(before.clock.Load())
		for _, c := range calls {
			got, want := after.call(t, c[0], c[1], c[2]), before.call(t, c[0], c[1], c[2])
			if got.body != want.body || want.status != http.StatusOK {
				t.Errorf("%s: two sandboxes of the same clock tell different things: %d %d", c[1], got.status, want.status)
			}
		}
	}
}

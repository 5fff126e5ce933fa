package sandbox_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/auth/authtest"
	"orderbeat/clients/sandbox"
	"orderbeat/clients/sandbox/mazda"
	"orderbeat/clients/sandbox/shell"
)

// other is how a test asks one of the other four providers.
type other struct {
	token, body string
	set         []func(*http.Request)
	ping        string
	pong        string
	refused     string // the body of the ping's 401
}

var mazdaOrg = header("X-mazda-org", "10030/MMD")

// others is complete but for Mazda's body, which needs a user's consent.
var others = map[authtest.Dialect]other{
	authtest.PTV: {
		"/ptv/oauth2/token", "grant_type=client_credentials",
		[]func(*http.Request){asForm, asBasic(sandbox.PTVClientID, sandbox.PTVClientSecret)},
		"/planning/v1/ping", "pong", "Authentication required",
	},
	authtest.Shell: {
		"/v2/oauth/token", client(sandbox.ShellClientID, sandbox.ShellClientSecret) + "&grant_type=client_credentials",
		[]func(*http.Request){asForm},
		"/shell/ping", "{}\n", "{\n\"ErrorCode\": \"invalid_token\",\n\"Error\": \"Access Token is Invalid\"\n}",
	},
	authtest.Microbilt: {
		"/OAuth/GetAccessToken?grant_type=client_credentials", client(sandbox.MicrobiltClientID, sandbox.MicrobiltClientSecret),
		[]func(*http.Request){asForm},
		"/microbilt/ping", "{}\n", `{"fault":{"faultstring":"Invalid Access Token","detail":{"errorcode":"keymanagement.service.invalid_access_token"}}}`,
	},
	authtest.Mazda: {
		"/oauth/token", "",
		[]func(*http.Request){asForm, asBasic(sandbox.MazdaClientID, sandbox.MazdaClientSecret)},
		"/mazda/ping", "{}\n", "",
	},
}

func asBasic(id, secret string) func(*http.Request) {
	return func(r *http.Request) { r.SetBasicAuth(id, secret) }
}

func client(id, secret string) string {
	return url.Values{"client_id": {id}, "client_secret": {secret}}.Encode()
}

// consent lets a user grant Mazda's stand-in access, and returns the exchange of the code.
func (b *bench) consent(t *testing.T, user string) string {
	t.Helper()
	const back = "http://127.0.0.1:8321/oauth/callback/mazda"
	page := b.url + "/oauth/authorize?" + url.Values{
		"response_type": {"code"}, "client_id": {sandbox.MazdaClientID}, "redirect_uri": {back}, "state": {"1"},
	}.Encode()
	browser := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := browser.PostForm(page, url.Values{"user": {user}, "answer": {"grant"}})
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	to, err := res.Location()
	if err != nil || !strings.HasPrefix(to.String(), back+"?") {
		t.Fatalf("sent to %v, %v", to, err)
	}
	return url.Values{"grant_type": {"authorization_code"}, "code": {to.Query().Get("code")}, "redirect_uri": {back}}.Encode()
}

// pair is what a token endpoint answers.
type pair struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	Error   string `json:"error"`
}

// obtain asks a provider for a token. body replaces the usual one, which for Mazda
// begins with a consent.
func (b *bench) obtain(t *testing.T, provider authtest.Dialect, body string) (status int, got pair) {
	t.Helper()
	o := others[provider]
	if body == "" {
		body = o.body
	}
	if body == "" {
		body = b.consent(t, authtest.User)
	}
	a := b.send(t, http.MethodPost, o.token, body, o.set...)
	if err := json.Unmarshal([]byte(a.body), &got); err != nil && a.status == http.StatusOK {
		t.Fatalf("%v in %q", err, a.body)
	}
	return a.status, got
}

func (b *bench) pinged(t *testing.T, provider authtest.Dialect, token string) answer {
	t.Helper()
	return b.send(t, http.MethodGet, others[provider].ping, "", bearer(token), mazdaOrg)
}

func TestPublishedCredentialsAndPings(t *testing.T) {
	for provider, o := range others {
		t.Run(string(provider), func(t *testing.T) {
			b := newBench(t)
			status, got := b.obtain(t, provider, "")
			if status != http.StatusOK {
				t.Fatalf("status %d", status)
			}
			if a := b.pinged(t, provider, got.Access); a.status != http.StatusOK || a.body != o.pong {
				t.Errorf("ping: got %d %q want %q", a.status, a.body, o.pong)
			}
			if a := b.pinged(t, provider, "unknown"); a.status != http.StatusUnauthorized || a.body != o.refused {
				t.Errorf("ping with another token: got %d %q want %q", a.status, a.body, o.refused)
			}
			b.Revoke(sandbox.Revocation{})
			if a := b.pinged(t, provider, got.Access); a.status != http.StatusUnauthorized {
				t.Errorf("ping with a revoked token: status %d", a.status)
			}
			want := authtest.Stats{TokenRequests: 1, TokensIssued: 1, CallsAuthorized: 1, CallsRefused: 2}
			if provider == authtest.Mazda {
				want.Authorizations = 1
			}
			if got := b.ProviderStats(provider); got != want {
				t.Errorf("counted %+v want %+v", got, want)
			}
		})
	}
}

func TestTokenIsValidAtItsProviderOnly(t *testing.T) {
	b := newBench(t)
	_, shell := b.obtain(t, authtest.Shell, "")
	if a := b.pinged(t, authtest.Microbilt, shell.Access); a.status != http.StatusUnauthorized {
		t.Errorf("Shell's token at Microbilt: status %d", a.status)
	}
	if a := b.send(t, http.MethodPost, statusPath, portal(today), asJSON, bearer(shell.Access)); a.status != http.StatusUnauthorized {
		t.Errorf("Shell's token at Michelin: status %d", a.status)
	}
}

func TestMazdaRequiresAnOrganization(t *testing.T) {
	b := newBench(t)
	_, got := b.obtain(t, authtest.Mazda, "")
	for org, want := range map[string]int{"10030/MMD": 200, "": 403, "10030": 403, "/MMD": 403, "10030/": 403, "10030/MMD/1": 403, "10 30/MMD": 403} {
		a := b.send(t, http.MethodGet, "/mazda/ping", "", bearer(got.Access), header("X-mazda-org", org))
		if a.status != want || a.body != "{}\n" {
			t.Errorf("%q: got %d %q want %d", org, a.status, a.body, want)
		}
	}
}

func TestTokenTTLAppliesToAllProviders(t *testing.T) {
	for ttl, want := range map[time.Duration]string{0: "899", time.Minute: "60"} {
		b := &bench{Sandbox: sandbox.New(sandbox.Options{TokenTTL: ttl})}
		b.listen(t)
		if a := b.send(t, http.MethodPost, "/v2/oauth/token", others[authtest.Shell].body, asForm); !strings.Contains(a.body, `"expires_in": "`+want+`"`) {
			t.Errorf("TokenTTL %s: got %s", ttl, a.body)
		}
	}
}

func TestControlRevokesTokens(t *testing.T) {
	const user1, user2 = "user-1", "user-2"
	for body, want := range map[string]struct{ access1, refresh1, access2, shell bool }{
		``:                                     {false, true, false, false},
		`{}`:                                   {false, true, false, false},
		`{"refresh":true}`:                     {false, false, false, false},
		`{"provider":"shell"}`:                 {true, true, true, false},
		`{"provider":"mazda"}`:                 {false, true, false, true},
		`{"provider":"mazda","user":"user-1"}`: {false, true, true, true},
		`{"provider":"mazda","user":"user-1","refresh":true}`: {false, false, true, true},
		`{"user":"user-2"}`:                    {true, true, false, true},
		`{"provider":"mazda","user":"nobody"}`: {true, true, true, true},
	} {
		t.Run(body, func(t *testing.T) {
			b := newBench(t)
			_, first := b.obtain(t, authtest.Mazda, b.consent(t, user1))
			_, second := b.obtain(t, authtest.Mazda, b.consent(t, user2))
			_, shell := b.obtain(t, authtest.Shell, "")
			if a := b.send(t, http.MethodPost, "/_sandbox/revoke", body); a.status != http.StatusNoContent {
				t.Fatalf("status %d: %s", a.status, a.body)
			}
			got := want
			got.access1 = b.pinged(t, authtest.Mazda, first.Access).status == http.StatusOK
			got.access2 = b.pinged(t, authtest.Mazda, second.Access).status == http.StatusOK
			got.shell = b.pinged(t, authtest.Shell, shell.Access).status == http.StatusOK
			status, refused := b.obtain(t, authtest.Mazda, "grant_type=refresh_token&refresh_token="+url.QueryEscape(first.Refresh))
			got.refresh1 = status == http.StatusOK
			if got != want || status != http.StatusOK && refused.Error != "invalid_request" {
				t.Errorf("alive %+v want %+v; error %q", got, want, refused.Error)
			}
		})
	}
	b := newBench(t)
	for body, want := range map[string]string{
		`{"provider":"Mazda"}`: `unknown provider`, `{"everything":true}`: `unknown field`, `1`: `cannot unmarshal`,
	} {
		a := b.send(t, http.MethodPost, "/_sandbox/revoke", body)
		if text, _ := decode(t, a.body)["error"].(string); a.status != http.StatusBadRequest || !strings.Contains(text, want) {
			t.Errorf("%s: got %d %s", body, a.status, a.body)
		}
	}
}

func TestFaultsOfEveryOperation(t *testing.T) {
	for op, request := range map[sandbox.Op]string{
		sandbox.OpToken: "POST " + tokenPath, sandbox.OpIntrospect: "POST " + introPath, sandbox.OpOrderStatus: "POST " + statusPath,
		sandbox.OpPTVToken: "POST /ptv/oauth2/token", sandbox.OpPTVPing: "GET /planning/v1/ping",
		sandbox.OpShellToken: "POST /v2/oauth/token", sandbox.OpShellPing: "GET /shell/ping",
		sandbox.OpMicrobiltToken: "POST /OAuth/GetAccessToken", sandbox.OpMicrobiltPing: "GET /microbilt/ping",
		sandbox.OpPTVPlannings: "GET " + planningsPath, sandbox.OpPTVRelease: "GET " + planningsPath + "/PL_00.1/releases/latest",
		sandbox.OpShellOrderCardEnquiry:  "POST " + enquiryPath,
		sandbox.OpMicrobiltArchiveReport: "GET " + archivePath, sandbox.OpMicrobiltGetReport: "POST /IBV/GetReport",
		sandbox.OpMazdaOrders: "GET " + mazdaPath,
		sandbox.OpMazdaToken:  "POST /oauth/token", sandbox.OpMazdaAuthorize: "GET /oauth/authorize", sandbox.OpMazdaPing: "GET /mazda/ping",
	} {
		t.Run(string(op), func(t *testing.T) {
			b := newBench(t)
			fault := `{"op":"` + string(op) + `","status":503,"times":1}`
			if a := b.send(t, http.MethodPost, "/_sandbox/fault", fault); a.status != http.StatusOK {
				t.Fatalf("status %d: %s", a.status, a.body)
			}
			elsewhere := "/v2/oauth/token"
			if op == sandbox.OpShellToken {
				elsewhere = "/oauth/token"
			}
			if a := b.send(t, http.MethodPost, elsewhere, ""); a.status == http.StatusServiceUnavailable {
				t.Errorf("it strikes %s", elsewhere)
			}
			method, path, _ := strings.Cut(request, " ")
			if a := b.send(t, method, path, ""); a.status != http.StatusServiceUnavailable {
				t.Errorf("status %d want 503", a.status)
			}
			if s := b.Stats(); s.Faults != 1 || b.Requests(op) != 1 {
				t.Errorf("%d faults, %d requests", s.Faults, b.Requests(op))
			}
		})
	}
}

// askShell asks for a token where the connection may break.
func (b *bench) askShell(t *testing.T) (answer, error) {
	t.Helper()
	o := others[authtest.Shell]
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.url+o.token, strings.NewReader(o.body))
	if err != nil {
		t.Fatal(err)
	}
	asForm(r)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return answer{status: res.StatusCode, body: string(body)}, err
}

func TestEffectsOfFaultsFromATerminal(t *testing.T) {
	for effect, want := range map[string]struct {
		status int
		err    error
		issued int64
	}{
		`"refuse_client":true`: {http.StatusUnauthorized, nil, 0},
		`"same_token":true`:    {http.StatusOK, nil, 1},
		`"cut":"before"`:       {0, io.EOF, 0},
		`"cut":"after"`:        {0, io.EOF, 1},
		`"cut":"half"`:         {http.StatusOK, io.ErrUnexpectedEOF, 1},
		`"cut_off":true`:       {http.StatusOK, io.ErrUnexpectedEOF, 1},
		`"cut":"reset"`:        {0, syscall.ECONNRESET, 0},
	} {
		t.Run(effect, func(t *testing.T) {
			b := newBench(t)
			_, first := b.obtain(t, authtest.Shell, "")
			fault := `{"op":"shell_token",` + effect + `}`
			if a := b.send(t, http.MethodPost, "/_sandbox/fault", fault); a.status != http.StatusOK || !strings.Contains(a.body, effect) {
				t.Fatalf("got %d %s", a.status, a.body)
			}
			a, err := b.askShell(t)
			if a.status != want.status || !errors.Is(err, want.err) {
				t.Errorf("got status %d and %v want %d and %v", a.status, err, want.status, want.err)
			}
			if got := b.ProviderStats(authtest.Shell); got.TokensIssued != 1+want.issued || got.Faults != 1 {
				t.Errorf("counted %+v", got)
			}
			if same := strings.Contains(a.body, first.Access); same != (effect == `"same_token":true`) {
				t.Errorf("the first token came again: %v", same)
			}
		})
	}
}

func TestHangingFaultEndsWithTheClient(t *testing.T) {
	b := newBench(t)
	if a := b.send(t, http.MethodPost, "/_sandbox/fault", `{"op":"mazda_ping","hang":true}`); a.status != http.StatusOK {
		t.Fatalf("status %d", a.status)
	}
	impatient := http.Client{Timeout: 50 * time.Millisecond}
	if res, err := impatient.Get(b.url + "/mazda/ping"); err == nil {
		t.Errorf("answered %d", res.StatusCode)
	}
	// Closing the server waits for all answers: one that hangs on would hang here.
}

func TestControlDescribesEveryProvider(t *testing.T) {
	b := newBench(t)
	b.obtain(t, authtest.Shell, "")
	b.send(t, http.MethodPost, enquiryPath, "")
	got := map[string]object{}
	for _, p := range decode(t, b.send(t, http.MethodGet, "/_sandbox/", "").body)["providers"].([]any) {
		p := p.(object)
		name := p["provider"].(string)
		if issued := p["stats"].(object)["tokens_issued"]; (issued == 1.0) != (name == "shell") {
			t.Errorf("%s: %v tokens issued", name, issued)
		}
		delete(p, "provider")
		delete(p, "stats")
		got[name] = p
	}
	want := map[string]object{
		"michelin": {"token": tokenPath, "introspect": introPath, "client_id": sandbox.ClientID},
		"ptv": {
			"token": "/ptv/oauth2/token", "ping": "/planning/v1/ping", "client_id": sandbox.PTVClientID,
			"calls":    []any{"GET /planning/v1/plannings", "GET /planning/v1/plannings/{id}/releases/latest"},
			"requests": object{"ptv_plannings": 0.0, "ptv_release": 0.0},
		},
		"shell": {
			"token": "/v2/oauth/token", "ping": "/shell/ping", "client_id": sandbox.ShellClientID,
			"calls":    []any{"POST /card-management/v1/ordercardenquiry"},
			"accounts": []any{shell.PayerNumber, shell.OtherPayerNumber},
			"requests": object{"shell_order_card_enquiry": 1.0},
		},
		"microbilt": {
			"token": "/OAuth/GetAccessToken", "ping": "/microbilt/ping", "client_id": sandbox.MicrobiltClientID,
			"calls":    []any{"GET /{product}/GetArchiveReport", "POST /{product}/GetReport"},
			"accounts": []any{"APP-1001", "APP-1002", "APP-1003", "APP-1004", "APP-1005", "APP-1006"},
			"requests": object{"microbilt_archive_report": 0.0, "microbilt_get_report": 0.0},
		},
		"mazda": {
			"token": "/oauth/token", "authorize": "/oauth/authorize", "ping": "/mazda/ping", "client_id": sandbox.MazdaClientID,
			"calls":    []any{"GET /mazda/parts-orders", "GET /mazda/parts-orders/{number}"},
			"accounts": []any{mazda.Org, mazda.OtherOrg},
			"requests": object{"mazda_orders": 0.0},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestControlReportsRemainingFaults(t *testing.T) {
	b := newBench(t)
	b.Fail(sandbox.Fault{Op: sandbox.OpIntrospect, Times: 3, Status: http.StatusBadGateway})
	b.send(t, http.MethodPost, introPath, "", asForm)
	got := decode(t, b.send(t, http.MethodGet, "/_sandbox/", "").body)["faults"]
	if diff := cmp.Diff([]any{object{"op": "introspect", "times": 2.0, "status": 502.0}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got, want := b.Stats(), (sandbox.Stats{Introspections: 1, Faults: 1}); got != want {
		t.Errorf("counted %+v want %+v", got, want)
	}
}

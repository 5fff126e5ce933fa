package sandbox_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients/sandbox"
	"orderbeat/clients/sandbox/michelin"
)

func TestControlDescribesTheSandbox(t *testing.T) {
	b := newBench(t)
	b.ask(t, portal(today))
	b.Fail(sandbox.Fault{Op: sandbox.OpToken, Times: 2, Status: 503, Header: http.Header{"Retry-After": {"5"}}})
	a := b.send(t, http.MethodGet, "/_sandbox/", "")
	got := decode(t, a.body)
	delete(got, "about")
	delete(got, "providers") // see TestControlDescribesEveryProvider
	want := object{
		"day": "20s", "today": 89759700.0, "client_id": sandbox.ClientID, "paths": []any{tokenPath, introPath, statusPath, desadvPath, invoicesPath},
		"accounts": []any{
			object{"bill_to": "1111111", "ship_to": "1234567"},
			object{"bill_to": "2222222", "ship_to": "2345678"},
			object{"bill_to": "3333333", "ship_to": "3456789"},
		},
		"stats": object{
			"token_requests": 1.0, "tokens_issued": 1.0, "introspections": 0.0, "order_status_requests": 1.0,
			"unauthorized": 0.0, "forbidden": 0.0, "refused": 0.0, "faults": 0.0,
		},
		"faults": []any{object{"op": "token", "times": 2.0, "status": 503.0, "header": object{"Retry-After": "5"}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, secret := range []string{
		sandbox.ClientSecret, michelin.Password, michelin.APIKey,
		sandbox.PTVClientSecret, sandbox.ShellClientSecret, sandbox.MicrobiltClientSecret, sandbox.MazdaClientSecret,
	} {
		if strings.Contains(a.body, secret) {
			t.Error("a secret is told")
		}
	}
}

func TestControlRevokes(t *testing.T) {
	b := newBench(t)
	token := b.token(t)
	if a := b.send(t, http.MethodPost, "/_sandbox/revoke", ""); a.status != http.StatusNoContent {
		t.Fatalf("status %d", a.status)
	}
	if a := b.send(t, http.MethodPost, statusPath, portal(today), asJSON, bearer(token)); a.status != http.StatusUnauthorized {
		t.Errorf("status %d, want 401", a.status)
	}
}

func TestControlSwitchesFaultsOnAndOff(t *testing.T) {
	b := newBench(t)
	fault := `{"op":"order_status","account":"1111111","times":-1,"status":429,"header":{"retry-after":"5"},"body":"{}","delay":"1ms"}`
	if a := b.send(t, http.MethodPost, "/_sandbox/fault", fault); a.status != http.StatusOK {
		t.Fatalf("status %d: %s", a.status, a.body)
	}
	for range 2 {
		if a := b.ask(t, portal(today)); a.status != 429 || a.body != "{}" || a.header.Get("Retry-After") != "5" {
			t.Errorf("got %+v", a)
		}
	}
	if a := b.send(t, http.MethodDelete, "/_sandbox/fault", ""); a.status != http.StatusNoContent {
		t.Fatalf("status %d", a.status)
	}
	if a := b.ask(t, portal(today)); a.status != http.StatusOK {
		t.Errorf("status %d after the faults were cleared", a.status)
	}
}

func TestControlRejectsInvalidFaults(t *testing.T) {
	for body, want := range map[string]string{
		`{"op":"orders","status":503}`: `op: want one of`,
		`{"op":"token"}`:               `want one of status, error_code, delay, cut_off`,
		`{"status":99}`:                `status: want 200 to 599, got 99`,
		`{"delay":"soon"}`:             `delay: want a duration`,
		`{"body":"x","cut_off":true}`:  `body and header require status`,
		`{"cut":"soon"}`:               `cut: want one of ["before" "after" "half" "reset"], got "soon"`,
		`{"code":503}`:                 `unknown field`,
		`503`:                          `cannot unmarshal number`,
		``:                             `EOF`,
	} {
		t.Run(body, func(t *testing.T) {
			b := newBench(t)
			a := b.send(t, http.MethodPost, "/_sandbox/fault", body)
			if text, _ := decode(t, a.body)["error"].(string); a.status != http.StatusBadRequest || !strings.Contains(text, want) {
				t.Errorf("got %d %s", a.status, a.body)
			}
			if a := b.ask(t, portal(today)); a.status != http.StatusOK || b.Stats().Faults != 0 {
				t.Errorf("it strikes: status %d", a.status)
			}
		})
	}
}

func TestUnknownPathsAndMethods(t *testing.T) {
	b := newBench(t)
	for request, want := range map[string]int{
		"GET /":                       http.StatusNotFound,
		"POST /order/amn/C1_0/status": http.StatusNotFound,
		"GET " + tokenPath:            http.StatusMethodNotAllowed,
		"GET /_sandbox/revoke":        http.StatusMethodNotAllowed,
		"POST /_sandbox/":             http.StatusMethodNotAllowed,
	} {
		method, path, _ := strings.Cut(request, " ")
		if a := b.send(t, method, path, ""); a.status != want {
			t.Errorf("%s: status %d, want %d", request, a.status, want)
		}
	}
}

package main // an inside test: a main package cannot be imported

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderbeat/cmd/orderbeat/cli"
)

func TestDoctorTestsEveryAccount(t *testing.T) {
	t.Parallel()
	stand, folder := newOutside(t), t.TempDir()
	p := startHere(t, dealers(t, folder, stand, webOn(t, "127.0.0.1", "")+everyKind(t, folder, stand)))
	doctor := func(args ...string) (r result, found map[string]string) {
		t.Helper()
		r = do(t, append([]string{"--config", p.config, "doctor", "--json"}, args...)...)
		var reply struct {
			Findings []struct{ Provider, Account, Code string }
		}
		if err := json.Unmarshal([]byte(r.stdout), &reply); err != nil && r.status != cli.Usage {
			t.Fatalf("%v: %+v", err, r)
		}
		found = map[string]string{}
		for _, f := range reply.Findings {
			found[f.Provider+" "+f.Account] = f.Code
		}
		return r, found
	}

	r, found := doctor()
	want := map[string]string{
		"mazda north": "consent_required", "mazda south": "consent_required", "mazda west": "consent_required",
		"michelin one": "", "microbilt one": "", "ptv one": "", "shell one": "",
	}
	if diff := cmp.Diff(want, found); diff != "" || r.status != cli.Partial {
		t.Errorf("got status %d, want %d; findings (-want +got):\n%s", r.status, cli.Partial, diff)
	}
	if r := do(t, "--config", p.config, "doctor", "mazda"); r.status != cli.Failed || !strings.Contains(r.stdout, "north    consent_required: ") ||
		!strings.Contains(r.stdout, "orderbeat auth login mazda --user jane") {
		t.Errorf("got status %d, %s, want what is wrong with each account and the way on", r.status, r.stdout)
	}
	b := newBrowser(t)
	b.grant(p.web+"/oauth/start/mazda?user=johndoe", "johndoe")
	b.grant(p.web+"/oauth/start/mazda?user=jane", "jane")
	if r := do(t, "--config", p.config, "doctor"); r.status != cli.Done || strings.Count(r.stdout, "  ok") != 7 {
		t.Errorf("got status %d, %s%s, want seven accounts that are well", r.status, r.stdout, r.stderr)
	}

	// A provider that is down is reported at once, although its job is retried.
	stand.post("/_sandbox/fault", `{"op":"shell_ping","status":503,"times":-1}`)
	stand.post("/_sandbox/fault", `{"op":"ptv_ping","status":403}`)
	r, found = doctor()
	if found["shell one"] != "unavailable" || found["ptv one"] != "forbidden" || r.status != cli.Partial {
		t.Errorf("got status %d, %v, want shell unavailable and ptv forbidden", r.status, found)
	}
	if r, _ := doctor("nobody"); r.status != cli.Usage || !strings.Contains(r.stderr, `unknown provider "nobody"`) {
		t.Errorf("got status %d, %s, want an unknown provider told", r.status, r.stderr)
	}
}

func TestDoctorTimeoutCoversAllAccounts(t *testing.T) {
	t.Parallel()
	if r := do(t, "doctor", "--help"); !strings.Contains(r.stdout, "wait for all accounts together (default 1m0s)") {
		t.Errorf("got %s, want --timeout explained as what it bounds", r.stdout)
	}
}

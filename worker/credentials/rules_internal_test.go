package credentials // an inside test: from outside, these states take long cooldowns

import (
	"testing"

	"orderbeat/auth/secret"

	"github.com/google/go-cmp/cmp"

	"orderbeat/auth"
	tokenendpoint "orderbeat/auth/endpoint"
	"orderbeat/clients"
)

func TestAlertsOfAStatus(t *testing.T) {
	t.Parallel()
	failure := func(class tokenendpoint.Class) *auth.Failure { return &auth.Failure{Class: class} }
	rejected, blocked := alertSet{clients.CodeAuthRejected: true}, alertSet{clients.CodeIPBlock: true}
	for name, test := range map[string]struct {
		status auth.Status
		before alertSet
		want   []clients.Code
	}{
		"an unused credential":                 {auth.Status{State: auth.StateEmpty}, nil, nil},
		"a valid token":                        {auth.Status{State: auth.StateValid}, rejected, nil},
		"a token after a failure long past":    {auth.Status{State: auth.StateValid, LastFailure: failure(tokenendpoint.ClassCredential)}, rejected, nil},
		"rejected credentials":                 {auth.Status{State: auth.StateCooldown, Failures: 1, Refusals: 1, LastFailure: failure(tokenendpoint.ClassCredential)}, nil, []clients.Code{clients.CodeAuthRejected}},
		"latched":                              {auth.Status{State: auth.StateRejected, Failures: 3, Refusals: 3, LastFailure: failure(tokenendpoint.ClassCredential)}, nil, []clients.Code{clients.CodeAuthRejected}},
		"latched, without a failure":           {auth.Status{State: auth.StateRejected}, nil, []clients.Code{clients.CodeAuthRejected}},
		"a malformed request":                  {auth.Status{State: auth.StateCooldown, Failures: 1, LastFailure: failure(tokenendpoint.ClassRequest)}, nil, []clients.Code{clients.CodeAuthRejected}},
		"a rejected early renewal":             {auth.Status{State: auth.StateValid, Failures: 1, Refusals: 1, LastFailure: failure(tokenendpoint.ClassCredential)}, nil, []clients.Code{clients.CodeAuthRejected}},
		"a blocked address after rejections":   {auth.Status{State: auth.StateCooldown, Failures: 2, Refusals: 1, LastFailure: failure(tokenendpoint.ClassBlock)}, rejected, []clients.Code{clients.CodeAuthRejected, clients.CodeIPBlock}},
		"a blocked address without rejections": {auth.Status{State: auth.StateCooldown, Failures: 3, LastFailure: failure(tokenendpoint.ClassBlock)}, nil, []clients.Code{clients.CodeIPBlock}},
		"an outage":                            {auth.Status{State: auth.StateCooldown, Failures: 5, LastFailure: failure(tokenendpoint.ClassTransient)}, nil, nil},
		"an outage after rejections":           {auth.Status{State: auth.StateCooldown, Failures: 2, Refusals: 1, LastFailure: failure(tokenendpoint.ClassTransient)}, nil, []clients.Code{clients.CodeAuthRejected}},
		"an outage after a malformed request":  {auth.Status{State: auth.StateCooldown, Failures: 2, LastFailure: failure(tokenendpoint.ClassTransient)}, rejected, []clients.Code{clients.CodeAuthRejected}},
		"too many requests after a block":      {auth.Status{State: auth.StateCooldown, Failures: 2, LastFailure: failure(tokenendpoint.ClassThrottle)}, blocked, []clients.Code{clients.CodeIPBlock}},
		"a user who must grant access":         {auth.Status{State: auth.StateConsent}, nil, []clients.Code{clients.CodeConsent}},
		"a rejected refresh token":             {auth.Status{State: auth.StateConsent, Failures: 2, Refusals: 1, LastFailure: failure(tokenendpoint.ClassConsent)}, rejected, []clients.Code{clients.CodeConsent}},
		"unreadable tokens":                    {auth.Status{State: auth.StateEmpty, Unreadable: true}, nil, []clients.Code{codeUnreadable}},
		"an unlatched credential":              {auth.Status{State: auth.StateEmpty, LastFailure: failure(tokenendpoint.ClassCredential)}, rejected, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now := alertsOf(test.status, test.before)
			var got []clients.Code
			for _, code := range credentialCodes {
				if now[code] {
					got = append(got, code)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("alerts (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReasonForASuspectedIPBlock(t *testing.T) {
	t.Parallel()
	source, err := auth.NewSource(auth.Config{
		Dialect: tokenendpoint.PTV(), Provider: "ptv", TokenURL: "https://login.example/token", ClientID: secret.New("id"), ClientSecret: secret.New("secret"),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(source.Close)
	c := &credential{Source: source}
	failure := &auth.Failure{Class: tokenendpoint.ClassBlock, Reason: "no connection"}
	for name, test := range map[string]struct {
		status auth.Status
		want   string
	}{
		"after a rejection": {
			auth.Status{Failures: 2, Refusals: 1, LastFailure: failure},
			"no connection, soon after rejected credentials: the provider may have blocked this IP address",
		},
		"without rejections": {
			auth.Status{Failures: 3, LastFailure: failure},
			"no connection, several times in a row: the provider may have blocked this IP address",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := c.alert(clients.CodeIPBlock, test.status, nil).Message; got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

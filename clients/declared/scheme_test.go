package declared_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients"
	"orderbeat/clients/clienttest"
)

func TestEverySchemeSigns(t *testing.T) {
	for name, c := range map[string]struct{ text, header, want string }{
		"a key in a header of its own": {"scheme = \"api_key\"\napi_key = \"canary-key\"\napi_key_header = \"X-Acme-Key\"\n", "X-Acme-Key", "canary-key"},
		"a key in the usual header":    {"scheme = \"api_key\"\napi_key = \"canary-key\"\n", "X-Api-Key", "canary-key"},
		"a key behind a word":          {"scheme = \"api_key\"\napi_key = \"canary-key\"\napi_key_header = \"Authorization\"\napi_key_prefix = \"ApiKey \"\n", "Authorization", "ApiKey canary-key"},
		"HTTP Basic":                   {"scheme = \"basic\"\nusername = \"u\"\npassword = \"p:w\"\n", "Authorization", "Basic dTpwOnc="},
		"nothing":                      {"scheme = \"none\"\n", "Authorization", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var got string
			server := answering(t, func(w http.ResponseWriter, r *http.Request) {
				got = r.Header.Get(c.header)
				fmt.Fprint(w, `[]`)
			})
			p := written(t, server.URL, c.text+"ping = \"/ping\"\nmap = '.[]'\n[orders]\npath = \"/orders\"\n")
			if _, err := p.Orders(t.Context(), window()); err != nil || got != c.want {
				t.Errorf("orders: got %q and %v, want %q", got, err, c.want)
			}
			got = "none"
			if _, err := p.Check(t.Context(), window().Account); err != nil || got != c.want {
				t.Errorf("ping: got %q and %v, want %q", got, err, c.want)
			}
		})
	}
}

func TestCheckWithoutTokensAndPing(t *testing.T) {
	p := written(t, "http://127.0.0.1:1", "scheme = \"api_key\"\napi_key = \"k\"\nmap = '.[]'\n[orders]\npath = \"/orders\"\n")
	if _, err := p.Check(t.Context(), window().Account); clients.AsError(err) == nil || clients.AsError(err).Code != clients.CodeInvalid {
		t.Errorf("got %v, want invalid", err)
	}
}

// A declared provider keeps what every provider must: the codes of failures, one new token
// for a 401, and no secret in an error.
func TestDeclaredProvidersAreLikeOthers(t *testing.T) {
	open := func(text string) func(*testing.T, string) clients.Provider {
		return func(t *testing.T, baseURL string) clients.Provider {
			t.Helper()
			return written(t, baseURL, text)
		}
	}
	t.Run("with tokens", func(t *testing.T) {
		clienttest.Run(t, open("[environments.sandbox]\ntoken = \"/token\"\n\n"+orders), clienttest.Wire{
			TokenPath: "/token", Grant: func(token string) string {
				return fmt.Sprintf(`{"access_token":%q,"token_type":"Bearer","expires_in":3600}`, token)
			},
			Refusal: `{"error":"invalid_client"}`, Query: window(), Answer: `{"orders":[]}`,
		})
	})
	t.Run("with a key", func(t *testing.T) {
		clienttest.Run(t, open("scheme = \"api_key\"\napi_key = \"canary-key\"\n"+orders), clienttest.Wire{
			Query: window(), Answer: `{"orders":[]}`, Secrets: []string{"canary-key"},
		})
	})
}

// orders is one operation.
const orders = "[orders]\nmethod = \"POST\"\npath = \"/orders\"\njson = { from = '\\($from)' }\nmap = '.orders[] | {order_id: .id}'\n"

// An address is blocked after keys that are refused again and again.
func TestRejectedKeyIsNotRetriedForever(t *testing.T) {
	server := answering(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
	p := written(t, server.URL, "scheme = \"api_key\"\napi_key = \"k\"\n[orders]\npath = \"/orders\"\nmap = '.[]'\n")
	for range 5 {
		if _, err := p.Orders(t.Context(), window()); err == nil {
			t.Fatal("got no error")
		}
	}
	if got := len(server.asked()); got != 1 {
		t.Errorf("got %d calls, want one and a cooldown", got)
	}
}

func TestSamples(t *testing.T) {
	const head = "scheme = \"none\"\nmap = '.orders[] | {order_id: .id, status: .state}'\n[[failures]]\nstatus = [200, 409]\nwhen = '.fail'\ncode = \"invalid\"\n[orders]\npath = \"/orders\"\n"
	for name, c := range map[string]struct {
		sample string
		want   []string
	}{
		"one that is met":                           {"answer = '{\"orders\":[{\"id\":1,\"state\":\"open\"}]}'\norders = '[{\"order_id\":\"1\",\"status\":\"open\"}]'", nil},
		"a failure that is met":                     {"answer = '{\"fail\":true}'\ncode = \"invalid\"", nil},
		"a refusal that is met":                     {"status = 409\nanswer = '{\"fail\":true}'\ncode = \"invalid\"", nil},
		"another status of the order":               {"name = \"Sample A\"\nanswer = '{\"orders\":[{\"id\":1,\"state\":\"shipped\"}]}'\norders = '[{\"order_id\":\"1\",\"status\":\"open\"}]'", []string{`samples[0].orders: Sample A: orders[0].status: the program returns "shipped", expected "open"`}},
		"an order too many":                         {"answer = '{\"orders\":[{\"id\":1},{\"id\":2}]}'\norders = '[{\"order_id\":\"1\"}]'", []string{"samples[0].orders: the program returns 2 orders, expected 1"}},
		"another order":                             {"answer = '{\"orders\":[{\"id\":1}]}'\norders = '[{\"order_id\":\"2\"}]'", []string{`samples[0].orders: orders[0].order_id: the program returns "1", expected "2"`}},
		"orders where a failure was":                {"answer = '{\"fail\":true}'\norders = '[]'", []string{"samples[0].answer: the response is invalid, expected orders"}},
		"a failure where orders were":               {"answer = '{\"orders\":[]}'\ncode = \"invalid\"", []string{"samples[0].code: the response is 0 orders, expected invalid"}},
		"an answer that is not mapped":              {"answer = '{}'\norders = '[]'", []string{"samples[0].answer: the response cannot be mapped: orders[0]: cannot iterate over: null"}},
		"an expectation with a member that is none": {"answer = '{\"orders\":[]}'\norders = '[{\"order_id\":\"1\",\"x\":1}]'", []string{"samples[0].orders: orders[0].x: there is no such member; there are order_id, reference, ordered_on, method, status, promised_on, ordered_quantity, shipped_quantity, open_quantity, lines"}},
		"a status that nothing is said of":          {"status = 500\nanswer = ''\ncode = \"unavailable\"", []string{"samples[0].answer: status 500 is neither accepted nor covered by failures"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := written(t, "http://127.0.0.1:1", head+"[[samples]]\n"+c.sample+"\n")
			n, err := p.CheckSamples(t.Context())
			var got []string
			if err != nil {
				for _, e := range err.(interface{ Unwrap() []error }).Unwrap() {
					got = append(got, e.Error())
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" || n.Tried != 1 {
				t.Errorf("%+v; what is told differs (-want +got):\n%s", n, diff)
			}
		})
	}
}

func TestPresetSamples(t *testing.T) {
	for _, kind := range kinds {
		p := open(t, kind, "http://127.0.0.1:1", nil)
		n, err := p.CheckSamples(t.Context())
		if err != nil || n.Tried == 0 && kind != "mazda" || len(n.Warnings) != 0 {
			t.Errorf("%s: got %v of %+v", kind, err, n)
		}
	}
}

package authtest_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"orderbeat/auth/authtest"
)

// Whatever is not exactly as documented is refused, and no token comes of it.
func TestStrictness(t *testing.T) {
	const id, secret = "sample", "sa+mple/secret="
	basicGood := basic(id, secret)
	encoded := "client_id=sample&client_secret=sa%2Bmple%2Fsecret%3D"
	grant := "grant_type=client_credentials"
	asJSON := header("Content-Type", "application/json")
	for name, c := range map[string]struct {
		dialect             authtest.Dialect
		method, query, body string
		set                 []func(*http.Request)
		status              int
	}{
		"GET":                                    {authtest.Shell, "GET", "", "", as(), 405},
		"PUT":                                    {authtest.Shell, "PUT", "", grant + "&" + encoded, as(asForm), 405},
		"no content type":                        {authtest.Shell, "POST", "", grant + "&" + encoded, as(), 400},
		"two content types":                      {authtest.Shell, "POST", "", grant + "&" + encoded, as(header("Content-Type", form, form)), 400},
		"another content type":                   {authtest.Shell, "POST", "", grant + "&" + encoded, as(header("Content-Type", "text/plain")), 400},
		"JSON where forms are taken":             {authtest.Shell, "POST", "", `{"grant_type":"client_credentials"}`, as(asJSON), 400},
		"a secret in the URL":                    {authtest.Shell, "POST", "client_secret=sa%2Bmple%2Fsecret%3D", grant + "&client_id=sample", as(asForm), 400},
		"a client id in the URL":                 {authtest.Shell, "POST", "client_id=sample", grant + "&client_secret=sa%2Bmple%2Fsecret%3D", as(asForm), 400},
		"the grant in the URL":                   {authtest.Shell, "POST", grant, encoded, as(asForm), 400},
		"a query that cannot be read":            {authtest.Shell, "POST", "a=%zz", grant + "&" + encoded, as(asForm), 400},
		"a body that cannot be read":             {authtest.Shell, "POST", "", grant + "&" + encoded + "&x=%zz", as(asForm), 400},
		"a parameter twice":                      {authtest.Shell, "POST", "", grant + "&" + encoded + "&x=1&x=2", as(asForm), 400},
		"an empty parameter twice":               {authtest.Shell, "POST", "", grant + "&" + encoded + "&x=&x=", as(asForm), 400},
		"a parameter in the URL and in the body": {authtest.Shell, "POST", "x=1", grant + "&" + encoded + "&x=1", as(asForm), 400},
		"an empty client id":                     {authtest.Shell, "POST", "", grant + "&client_id=&client_secret=sa%2Bmple%2Fsecret%3D", as(asForm), 401},
		"a secret that is not encoded":           {authtest.Shell, "POST", "", grant + "&client_id=sample&client_secret=" + secret, as(asForm), 401},
		"no client":                              {authtest.Shell, "POST", "", grant, as(asForm), 401},
		"Basic where the body is taken":          {authtest.Shell, "POST", "", grant, as(asForm, basicGood), 401},
		"Basic at Michelin":                      {authtest.Michelin, "POST", "", grant, as(asForm, basicGood), 400},
		"Basic and a client id":                  {authtest.PTV, "POST", "", grant + "&client_id=sample", as(asForm, basicGood), 400},
		"Basic and the body":                     {authtest.PTV, "POST", "", grant + "&" + encoded, as(asForm, basicGood), 400},
		"Basic twice":                            {authtest.PTV, "POST", "", grant, as(asForm, header("Authorization", "Basic c2FtcGxlOnNhK21wbGUvc2VjcmV0PQ==", "Basic eDp5")), 400},
		"Basic that is encoded":                  {authtest.PTV, "POST", "", grant, as(asForm, basic(id, url.QueryEscape(secret))), 401},
		"Basic that is no base64":                {authtest.PTV, "POST", "", grant, as(asForm, header("Authorization", "Basic ?")), 401},
		"a token instead of credentials":         {authtest.PTV, "POST", "", grant, as(asForm, header("Authorization", "Bearer x")), 401},
		"quotes around the grant":                {authtest.PTV, "POST", "", `grant_type="client_credentials"`, as(asForm, basicGood), 400},
		"Basic that is not encoded":              {authtest.RFC6749, "POST", "", grant, as(asForm, basicGood), 401},
		"the body at Mazda":                      {authtest.Mazda, "POST", "", renew("x").Encode() + "&" + encoded, as(asForm), 401},
		"Microbilt: grant in a form":             {authtest.Microbilt, "POST", "", grant + "&" + encoded, as(asForm), 400},
		"Microbilt: grant in both":               {authtest.Microbilt, "POST", grant, grant + "&" + encoded, as(asForm), 400},
		"Microbilt: grant twice":                 {authtest.Microbilt, "POST", grant + "&" + grant, encoded, as(asForm), 400},
		"Microbilt: grant beside JSON":           {authtest.Microbilt, "POST", grant, `{"client_id":"sample","client_secret":"sa+mple/secret="}`, as(asJSON), 400},
		"Microbilt: the secret in the URL":       {authtest.Microbilt, "POST", grant + "&" + encoded, "", as(asForm), 400},
		"Microbilt: JSON with a name twice":      {authtest.Microbilt, "POST", "", `{"grant_type":"client_credentials","client_id":"sample","client_id":"sample","client_secret":"sa+mple/secret="}`, as(asJSON), 400},
		"Microbilt: JSON with a number":          {authtest.Microbilt, "POST", "", `{"grant_type":1}`, as(asJSON), 400},
		"Microbilt: JSON and more":               {authtest.Microbilt, "POST", "", `{"grant_type":"client_credentials","client_id":"sample","client_secret":"sa+mple/secret="}{}`, as(asJSON), 400},
		"Microbilt: JSON cut off":                {authtest.Microbilt, "POST", "", `{"grant_type":"client_credentials"`, as(asJSON), 400},
		"Microbilt: no object":                   {authtest.Microbilt, "POST", "", `["grant_type"]`, as(asJSON), 400},
		"a body without end":                     {authtest.Shell, "POST", "", strings.Repeat("x", 1<<20+1), as(asForm), 413},
	} {
		t.Run(name, func(t *testing.T) {
			b := open(t, authtest.Options{Dialect: c.dialect, ClientID: id, ClientSecret: secret})
			uri := b.Paths().Token
			if c.query != "" {
				uri += "?" + c.query
			}
			a := b.send(t, c.method, uri, c.body, c.set...)
			if a.status != c.status || strings.Contains(a.body, "access_token") || strings.Contains(a.body, secret) {
				t.Errorf("got %d %s want %d", a.status, a.body, c.status)
			}
			if a.status == 405 && a.header.Get("Allow") != "POST" {
				t.Errorf("Allow: %q want POST", a.header.Get("Allow"))
			}
			if s := b.Stats(); s.TokenRequests != 1 || s.TokensIssued != 0 {
				t.Errorf("counted %+v", s)
			}
		})
	}
}

func TestUnknownParametersAreIgnored(t *testing.T) {
	b := open(t, authtest.Options{})
	a := b.send(t, http.MethodPost, "/token?tenant=1", login()+"&audience=api&grant=", header("Content-Type", form+"; charset=UTF-8"))
	a.read(t, http.StatusOK)
}

func TestOtherPathsAreNotFound(t *testing.T) {
	b := open(t, authtest.Options{Dialect: authtest.Shell})
	b.Fail(authtest.Fault{Times: -1, Status: http.StatusTeapot})
	for _, path := range []string{"/", "/token", "/authorize", "/v2/oauth/token/"} {
		if a := b.send(t, http.MethodPost, path, login(), asForm); a.status != http.StatusNotFound {
			t.Errorf("%s: status %d want 404", path, a.status)
		}
	}
	if got := b.Stats(); got != (authtest.Stats{}) {
		t.Errorf("counted %+v", got)
	}
}

func TestUnknownDialectPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	authtest.New(authtest.Options{Dialect: "unheard of"})
}

func TestRequestsAreRecordedUnchanged(t *testing.T) {
	b := open(t, authtest.Options{Dialect: authtest.Microbilt, Record: true})
	b.Fail(authtest.Fault{Status: http.StatusServiceUnavailable})
	b.send(t, http.MethodPost, "/OAuth/GetAccessToken?grant_type=client_credentials", "client_id=a&client_id=b", header("Content-Type", form+" "), header("X-Sample", "1", "2"))
	got := b.Requests()
	if len(got) != 1 {
		t.Fatalf("%d requests", len(got))
	}
	r := got[0]
	if r.Method != "POST" || r.URI != "/OAuth/GetAccessToken?grant_type=client_credentials" || r.Body != "client_id=a&client_id=b" || len(r.Header["X-Sample"]) != 2 {
		t.Errorf("got %+v", r)
	}
	for range 64 {
		b.send(t, http.MethodPost, "/OAuth/GetAccessToken", "later")
	}
	if got := b.Requests(); len(got) != 64 || got[0].Body != "later" {
		t.Errorf("%d requests, the oldest %q: want the last 64", len(got), got[0].Body)
	}
	if quiet := open(t, authtest.Options{}); quiet.send(t, http.MethodPost, "/token", login(), asForm).status != http.StatusOK || len(quiet.Requests()) != 0 {
		t.Error("requests are recorded unasked")
	}
}

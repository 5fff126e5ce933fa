package authtest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	"orderbeat/auth/authtest"
)

// A stand-in for Shell, with an API behind it. The token is revoked between two calls,
// as real ones sometimes are.
func Example() {
	shell := authtest.New(authtest.Options{Dialect: authtest.Shell})
	mux := http.NewServeMux()
	mux.Handle(shell.Paths().Token, shell)
	mux.Handle("/stations", shell.Protect(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "all of them") })))
	server := httptest.NewServer(mux)
	defer server.Close()

	resp, err := http.PostForm(server.URL+shell.Paths().Token, url.Values{
		"client_id": {authtest.ClientID}, "client_secret": {authtest.ClientSecret}, "grant_type": {"client_credentials"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	var answer struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   string `json:"expires_in"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("a token for", answer.ExpiresIn, "seconds")

	call := func() {
		r, _ := http.NewRequest(http.MethodGet, server.URL+"/stations", nil)
		r.Header.Set("Authorization", "Bearer "+answer.AccessToken)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			fmt.Println(err)
			return
		}
		defer resp.Body.Close()
		fmt.Println(resp.Status)
	}
	call()
	shell.RevokeAccess("")
	call()
	fmt.Printf("%+v\n", shell.Stats())
	// Output:
	// a token for 899 seconds
	// 200 OK
	// 401 Unauthorized
	// {TokenRequests:1 TokensIssued:1 Refreshes:0 Authorizations:0 Introspections:0 Revocations:0 Refused:0 CallsAuthorized:1 CallsRefused:1 Faults:0}
}

// An answer that is lost after the refresh token was replaced: only the server
// knows the new one, and the old one ends everything.
func ExampleServer_Fail() {
	mazda := authtest.New(authtest.Options{Dialect: authtest.Mazda})
	server := httptest.NewServer(mazda)
	defer server.Close()

	const back = "https://127.0.0.1:8080/dms/oauth/code"
	browser := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	page := server.URL + mazda.Paths().Authorize + "?" + url.Values{
		"response_type": {"code"}, "client_id": {authtest.ClientID}, "redirect_uri": {back}, "state": {"1"},
	}.Encode()
	resp, err := browser.PostForm(page, url.Values{"user": {authtest.User}, "answer": {"grant"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	resp.Body.Close()
	to, _ := resp.Location()

	ask := func(v url.Values) (refreshToken string) {
		r, _ := http.NewRequest(http.MethodPost, server.URL+mazda.Paths().Token, strings.NewReader(v.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.SetBasicAuth(authtest.ClientID, authtest.ClientSecret)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			fmt.Println("no answer")
			return ""
		}
		defer resp.Body.Close()
		var answer struct {
			RefreshToken string `json:"refresh_token"`
			Error        string `json:"error"`
		}
		_ = json.NewDecoder(resp.Body).Decode(&answer)
		fmt.Printf("status %d, error %q\n", resp.StatusCode, answer.Error)
		return answer.RefreshToken
	}
	token := ask(url.Values{"grant_type": {"authorization_code"}, "code": {to.Query().Get("code")}, "redirect_uri": {back}})
	mazda.Fail(authtest.Fault{Op: authtest.OpToken, Cut: authtest.CutAfter})
	ask(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
	ask(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
	// Output:
	// status 200, error ""
	// no answer
	// status 400, error "invalid_request"
}

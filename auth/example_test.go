package auth_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"

	"orderbeat/auth"
	"orderbeat/auth/endpoint"
	"orderbeat/auth/secret"
)

// A client of an API gets an http.Client and never sees a token. The second call
// meets a token that was revoked meanwhile, and does not notice.
func ExampleTransport() {
	granted := 0
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, _ *http.Request) {
		granted++
		fmt.Fprintf(w, `{"access_token": "token-%d", "token_type": "Bearer"}`, granted)
	})
	revoked := ""
	mux.HandleFunc("GET /orders", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == revoked {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		revoked = r.Header.Get("Authorization") // it serves one call
		io.WriteString(w, "orders")
	})
	srv := httptest.NewServer(mux)
	defer srv.Close()

	source, err := auth.NewSource(auth.Config{
		Dialect: endpoint.Michelin(), Provider: "michelin", Environment: "sandbox", TokenURL: srv.URL + "/token",
		ClientID: secret.New("id"), ClientSecret: secret.New("secret"),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer source.Close()
	origin, _ := url.Parse(srv.URL)
	client := &http.Client{Transport: &auth.Transport{Source: source, Origin: origin}}

	for range 2 {
		resp, err := client.Get(srv.URL + "/orders")
		if err != nil {
			fmt.Println(err)
			return
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		fmt.Println(resp.StatusCode, string(body))
	}
	fmt.Println("tokens granted:", granted)
	// Output:
	// 200 orders
	// 200 orders
	// tokens granted: 2
}

// Refused credentials are sent once; until the cooldown is over, every further call
// is told so at once.
func ExampleError() {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		io.WriteString(w, `{"error": "invalid_client"}`)
	}))
	defer srv.Close()
	source, err := auth.NewSource(auth.Config{
		Dialect: endpoint.RFC6749(), Provider: "supplier", Environment: "production", TokenURL: srv.URL,
		ClientID: secret.New("id"), ClientSecret: secret.New("wrong"),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer source.Close()

	for range 100 {
		_, err = source.Token(context.Background())
	}
	if refused, ok := errors.AsType[*endpoint.Error](err); ok {
		fmt.Println(refused.Class, refused.Status, refused.Code, refused.Cooling)
		fmt.Println(refused.Hint)
	}
	fmt.Println("token requests:", source.Status().Logins)
	// Output:
	// credential 400 invalid_client true
	// check the client id and the client secret
	// token requests: 1
}

func ExampleSource_Status() {
	source, err := auth.NewSource(auth.Config{
		Dialect: endpoint.Michelin(), Provider: "michelin", Environment: "production", TokenURL: "https://api.michelin.com/idp/v2/b2b/oauth2/token",
		ClientID: secret.New("id"), ClientSecret: secret.New("secret"),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer source.Close()
	_ = json.NewEncoder(os.Stdout).Encode(source.Status())
	// Output:
	// {"key":"michelin/production/client_credentials/e889b07b59dade60","provider":"michelin","environment":"production","dialect":"michelin","state":"empty","generation":0,"life_left_seconds":0,"life_guessed":false,"cooling":false,"failures":0,"refusals":0,"logins":0,"replays":0,"saved":0}
}

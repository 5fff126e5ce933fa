package auth_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"orderbeat/auth"
	"orderbeat/auth/endpoint"
	"orderbeat/auth/secret"
)

// clean fails when text holds anything that must stay secret.
func clean(t *testing.T, where, text string) {
	t.Helper()
	if strings.Contains(strings.ToLower(text), "canary") {
		t.Errorf("%s tells a secret: %s", where, text)
	}
}

func TestNoVerbPrintsASecret(t *testing.T) {
	canary := secret.New("canary")
	type hidden struct{ inner secret.Secret }
	for _, v := range []any{
		canary, &canary,
		[]secret.Secret{canary},
		map[string]secret.Secret{"k": canary},
		struct{ S secret.Secret }{canary},
		hidden{canary},
		&hidden{canary},
		auth.Token{Access: canary},
		auth.Row{Token: canary},
		auth.Config{ClientSecret: canary},
	} {
		for _, verb := range "vTtbcdoOqxXUeEfFgGsp" {
			for _, flag := range []string{"", "+", "#", "-20", "020", " "} {
				format := "%" + flag + string(verb)
				clean(t, fmt.Sprintf("%s of %T", format, v), fmt.Sprintf(format, v))
			}
		}
		encoded, _ := json.Marshal(v)
		clean(t, "JSON", string(encoded))
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v)
		clean(t, "log", log.String())
	}
	if got := canary.Reveal(); got != "canary" {
		t.Errorf("revealed: got %q", got)
	}
	if canary != secret.New("canary") || canary == secret.New("other") {
		t.Error("== compares something else than the values")
	}
	if secret.New("") != (secret.Secret{}) || !secret.New("").Empty() || canary.Empty() {
		t.Error("only an empty value is the zero Secret")
	}
}

// Whatever a token endpoint does with what it was sent, it gets into no error, log or status.
func TestNoSecretLeaks(t *testing.T) {
	echo := `{"error":"canary-client-secret","error_description":"canary-client-secret","access_token":"canary token"}`
	for name, h := range map[string]http.HandlerFunc{
		"echoes in a failure": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(400); io.WriteString(w, echo) },
		"echoes in a success": func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, echo) },
		"echoes as text":      func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502); io.WriteString(w, clientSecret) },
		"a token to refuse":   func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"access_token":"canary token"}`) },
		"redirects with it": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/?secret="+clientSecret, http.StatusTemporaryRedirect)
		},
		"breaks off":       hijack("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + clientSecret),
		"is not HTTP":      hijack(clientSecret + "\r\n\r\n"),
		"has a bad status": hijack("HTTP/1.1 " + clientSecret + "\r\n\r\n"),
		"has a bad header": hijack("HTTP/1.1 200 OK\r\n" + clientSecret + "\r\n\r\n"),
		"says nothing":     hijack(""),
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			c := config(nil)
			c.TokenURL = server(t, h).String() + "/token?x=canary"
			c.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			s := open(t, c)
			for range 2 { // the failure, and the cooldown after it
				_, err := s.Token(t.Context())
				if _, ok := errors.AsType[*endpoint.Error](err); !ok {
					t.Fatalf("got %v want an *endpoint.Error", err)
				}
				clean(t, "error", err.Error())
			}
			status, err := json.Marshal(s.Status())
			if err != nil {
				t.Fatal(err)
			}
			clean(t, "status", string(status))
			clean(t, "log", log.String())
		})
	}
}

// hijack answers with bytes of its own and ends the connection.
func hijack(answer string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		var conn net.Conn
		conn, _, _ = w.(http.Hijacker).Hijack()
		io.WriteString(conn, answer)
		conn.Close()
	}
}

func TestTokenIsInNoStatusAndNoLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		c := config(&tokenServer{answer: func(n int64, _ *http.Request) (*http.Response, error) {
			if n > 1 {
				return nil, context.DeadlineExceeded
			}
			return grant("canary-token"), nil
		}})
		c.Log = slog.New(slog.NewTextHandler(&log, nil))
		s := open(t, c)
		mustToken(t, s)
		time.Sleep(115 * time.Minute) // an early renewal fails, and is logged
		token := mustToken(t, s)
		synctest.Wait()
		if !strings.Contains(log.String(), "renew the access token early") {
			t.Errorf("log: got %q want the failed renewal", log.String())
		}
		clean(t, "log", log.String())
		clean(t, "token", fmt.Sprintf("%v %+v %#v", token, token, token))
		status, err := json.Marshal(s.Status())
		if err != nil {
			t.Fatal(err)
		}
		clean(t, "status", string(status))
	})
}

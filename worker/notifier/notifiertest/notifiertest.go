// Package notifiertest provides test servers that receive notifications: a webhook and a mail
// server.
package notifiertest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Inbox has the messages that a server accepted, in order. It is safe for concurrent use.
type Inbox struct {
	mu       sync.Mutex // guards the rest
	messages []string
	refused  int // number of rejected messages
	failing  bool
}

// Messages returns the messages so far.
func (b *Inbox) Messages() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.messages)
}

// Refused returns the number of messages that the server rejected.
func (b *Inbox) Refused() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.refused
}

// Fail makes the server reject messages, or accept them again.
func (b *Inbox) Fail(failing bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failing = failing
}

// Wait waits until there are n messages, and returns them.
func (b *Inbox) Wait(t *testing.T, n int) []string {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		got := b.Messages()
		if len(got) >= n {
			return got
		}
		if time.Now().After(deadline) {
			t.Fatalf("got %d messages %q, want %d", len(got), got, n)
		}
	}
}

// receive adds a message and reports whether it was accepted.
func (b *Inbox) receive(message string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failing {
		b.refused++
		return false
	}
	b.messages = append(b.messages, message)
	return true
}

// Webhook starts a webhook and returns its target URL, with a token in its path.
func Webhook(t *testing.T, token string) (*Inbox, string) {
	t.Helper()
	b := &Inbox{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.URL.Path != "/hooks/"+token || !b.receive(string(body)) {
			http.Error(w, "refused by "+r.URL.Path, http.StatusInternalServerError)
		}
	}))
	t.Cleanup(server.Close)
	return b, "generic+" + server.URL + "/hooks/" + token
}

// Mail starts a mail server that accepts one login, and returns its target URL.
func Mail(t *testing.T, user, password string) (*Inbox, string) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &Inbox{}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer conn.Close()
				_ = conn.SetDeadline(time.Now().Add(time.Minute))
				b.serveSMTP(conn)
			})
		}
	})
	t.Cleanup(func() { listener.Close(); serving.Wait() })
	return b, fmt.Sprintf("smtp://%s:%s@%s/?from=orderbeat@example.com&to=ops@example.com", user, password, listener.Addr())
}

// serveSMTP implements the server side of the SMTP commands that the client uses.
func (b *Inbox) serveSMTP(conn net.Conn) {
	lines := bufio.NewScanner(conn)
	say := func(s string) { fmt.Fprintf(conn, "%s\r\n", s) }
	say("220 mail.example.com ESMTP")
	for lines.Scan() {
		command, _, _ := strings.Cut(strings.ToUpper(lines.Text()), " ")
		switch command {
		case "EHLO":
			say("250-mail.example.com")
			say("250 AUTH PLAIN")
		case "AUTH":
			say("235 welcome")
		case "DATA":
			say("354 go on")
			var text strings.Builder
			for lines.Scan() && lines.Text() != "." {
				text.WriteString(lines.Text() + "\n")
			}
			if b.receive(text.String()) {
				say("250 accepted")
			} else {
				say("451 try again later")
			}
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 OK")
		}
	}
}

package main // an inside test: a main package cannot be imported

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// browser is a user's browser at a provider's consent page.
type browser struct {
	t      *testing.T
	client *http.Client
	seen   strings.Builder // the pages of the program
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	return &browser{t: t, client: &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// open shows a page.
func (b *browser) open(address string) (status int, page, location string) {
	b.t.Helper()
	resp, err := b.client.Get(address)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.read(resp)
}

func (b *browser) read(resp *http.Response) (status int, page, location string) {
	b.t.Helper()
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp.StatusCode, string(body), resp.Header.Get("Location")
}

// page gets a page of the program and records its text.
func (b *browser) page(address string) (status int, page string) {
	b.t.Helper()
	status, page, _ = b.open(address)
	b.seen.WriteString(page)
	return status, page
}

// begin opens a link of the program, and returns the provider's page that it redirects to.
func (b *browser) begin(link string) (authorize string) {
	b.t.Helper()
	status, page, to := b.open(link)
	if status != http.StatusSeeOther {
		b.t.Fatalf("%s: got %d %s, want a redirect", link, status, page)
	}
	return to
}

// answer submits the provider's form, and returns the redirect address.
func (b *browser) answer(authorize, user, answer string) (callback string) {
	b.t.Helper()
	status, page, _ := b.open(authorize)
	if status != http.StatusOK || !strings.Contains(page, `<form method="post">`) || !strings.Contains(page, "do you want to grant application") {
		b.t.Fatalf("got %d %s, want the provider's question", status, page)
	}
	resp, err := b.client.PostForm(authorize, url.Values{"user": {user}, "answer": {answer}})
	if err != nil {
		b.t.Fatal(err)
	}
	status, page, to := b.read(resp)
	if status != http.StatusFound {
		b.t.Fatalf("got %d %s, want a redirect", status, page)
	}
	return to
}

// grant goes through all steps, and returns the last page.
func (b *browser) grant(link, user string) string {
	b.t.Helper()
	status, page := b.page(b.answer(b.begin(link), user, "grant"))
	if status != http.StatusOK {
		b.t.Fatalf("got %d %s, want access granted", status, page)
	}
	return page
}

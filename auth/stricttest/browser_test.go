package stricttest_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
)

// browse opens a page as a person's browser does, with cookies and through redirects,
// until the server sends it back to whoever asked. It returns the query that it is sent
// back with; none when the journey ends on a page.
func browse(t *testing.T, page string) (url.Values, error) {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	home := func(u *url.URL) bool { return u.Host == "127.0.0.1:1" } // of all redirect URIs
	browser := http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if home(r.URL) {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	resp, err := browser.Get(page)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if to, err := resp.Location(); err == nil && home(to) {
		return to.Query(), nil
	}
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 4096))
	return nil, fmt.Errorf("the journey ends on a page: status %d: %s", resp.StatusCode, strings.TrimSpace(string(text)))
}

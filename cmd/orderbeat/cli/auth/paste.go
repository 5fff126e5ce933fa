package auth

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"orderbeat/cmd/orderbeat/cli"
)

// paste completes a consent with the redirect address that a user copies from a browser that
// cannot reach the worker. authorize is the address to open.
func paste(ctx context.Context, a *cli.App, web *cli.WebClient, o loginOptions, authorize string) error {
	begun, err := url.Parse(authorize)
	if err != nil {
		return errors.New("the worker returned no address")
	}
	fmt.Fprintln(a.Stdout, authorize)
	fmt.Fprintln(a.Stderr, "Open this address, grant access, and paste the address that the browser was redirected to, or the code in it:")
	pasted, err := readLine(ctx, bufio.NewReader(a.Stdin))
	if err != nil {
		return err
	}
	query, err := redirectQuery(pasted, begun.Query().Get("state"))
	if err != nil {
		return err
	}
	status, _, text, err := web.Get(ctx, web.Base+"/oauth/callback/"+url.PathEscape(o.Provider)+"?"+query.Encode())
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return cli.Exit(cli.Failed, errors.New(text))
	}
	fmt.Fprintln(a.Stdout, text)
	return nil
}

// readLine reads a line of input, or returns when ctx ends.
func readLine(ctx context.Context, from *bufio.Reader) (string, error) {
	typed := make(chan string, 1)
	go func() { // ends with the line or with the program
		line, _ := from.ReadString('\n') // at the end of input, what was read is the line
		typed <- strings.TrimSpace(line)
	}()
	select {
	case line := <-typed:
		if line == "" {
			return "", errors.New("nothing was pasted")
		}
		return line, nil
	case <-ctx.Done():
		return "", errors.New("nothing was pasted")
	}
}

// redirectQuery returns the query of a pasted redirect address. A code alone is treated as the
// response to the authorization request just made. Errors do not repeat the pasted text.
func redirectQuery(pasted, state string) (url.Values, error) {
	_, query, has := strings.Cut(pasted, "?")
	if !has && strings.Contains(pasted, "=") {
		query, has = pasted, true
	}
	if !has {
		return url.Values{"code": {pasted}, "state": {state}}, nil
	}
	query, _, _ = strings.Cut(query, "#")
	values, err := url.ParseQuery(query)
	if err != nil || !values.Has("code") && !values.Has("error") {
		return nil, errors.New("the pasted text is not a response of the provider: paste the whole address that the browser was redirected to")
	}
	return values, nil
}

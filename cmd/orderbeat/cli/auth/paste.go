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

// paste ends a consent with what a person brings back from a browser that cannot reach
// the worker. authorize is where that person begins.
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
	answer, err := redirectQuery(pasted, begun.Query().Get("state"))
	if err != nil {
		return err
	}
	status, _, text, err := web.Get(ctx, web.Base+"/oauth/callback/"+url.PathEscape(o.Provider)+"?"+answer.Encode())
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return cli.Exit(cli.Failed, errors.New(text))
	}
	fmt.Fprintln(a.Stdout, text)
	return nil
}

// readLine reads what a person typed, or ends with ctx.
func readLine(ctx context.Context, from *bufio.Reader) (string, error) {
	typed := make(chan string, 1)
	go func() { // ends with the line, or with the program
		line, _ := from.ReadString('\n') // what came before an end is all there is
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

// redirectQuery is the query of the redirect that was pasted. A code alone is taken to
// answer the request for access that was just made. No error repeats what was pasted.
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
		return nil, errors.New("the pasted text has no response of the provider: paste the whole address that the browser was redirected to")
	}
	return values, nil
}

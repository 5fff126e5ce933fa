package notifier

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/nicholas-fedor/shoutrrr/pkg/format"
	"github.com/nicholas-fedor/shoutrrr/pkg/router"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"

	"orderbeat/auth/mask"
	"orderbeat/auth/secret"
	"orderbeat/clients/plain"
)

const (
	// SendTimeout is the maximum time until the target has accepted a message.
	SendTimeout = 20 * time.Second
	// stopTimeout is how long shutdown waits for a message in flight.
	stopTimeout = time.Second
	// maxInFlight bounds the concurrent sends to one target, including those that timed out: some services of
	// shoutrrr have no timeout of their own.
	maxInFlight = 4
	// maxError bounds the text of an error, which may contain a response of the target.
	maxError = 300
	// withoutTarget is the shoutrrr service that only logs and sends nothing.
	withoutTarget = "logger"
)

// Sender sends messages to one target. It is safe for concurrent use.
type Sender struct {
	url      secret.Secret
	masked   *mask.Set // what errors must not show
	inFlight chan struct{}
}

// Open returns a sender for the URL of a service. The error does not show the URL. No connection is
// opened.
func Open(target secret.Secret) (*Sender, error) {
	s := &Sender{url: target, masked: mask.New(), inFlight: make(chan struct{}, maxInFlight)}
	u, err := url.Parse(target.Reveal())
	if err != nil {
		return nil, errors.New("not a URL")
	}
	s.masked.Add(target.Reveal())
	s.masked.Add(secretParts(u)...)
	service, configURL, err := locate(target.Reveal())
	if err != nil {
		return nil, s.clean(err)
	}
	if service.GetID() == "matrix" { // would log in
		err = format.GetServiceConfig(service).SetURL(configURL)
	} else {
		err = service.Initialize(configURL, nil)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", service.GetID(), s.clean(err))
	}
	return s, nil
}

// Secrets returns the parts of the URL that are masked everywhere, besides the URL itself.
func (s *Sender) Secrets() []string {
	u, err := url.Parse(s.url.Reveal())
	if err != nil || u.User == nil {
		return nil
	}
	if password, ok := u.User.Password(); ok {
		return []string{password}
	}
	return []string{u.User.Username()}
}

// secretParts returns the parts of a URL that may be secret: depending on the service, tokens are in the
// login, the path or the query.
func secretParts(u *url.URL) []string {
	parts := strings.Split(u.Path, "/")
	if password, ok := u.User.Password(); ok {
		parts = append(parts, password)
	}
	parts = append(parts, u.User.Username())
	for _, values := range u.Query() {
		parts = append(parts, values...)
	}
	return parts
}

// Services returns the names of the supported services.
func Services() []string {
	names := (&router.ServiceRouter{}).ListServices()
	names = slices.DeleteFunc(names, func(s string) bool { return s == withoutTarget })
	slices.Sort(names)
	return names
}

// locate returns the service of a URL, and the URL to initialize it with.
func locate(target string) (types.Service, *url.URL, error) {
	services := &router.ServiceRouter{}
	name, u, err := services.ExtractServiceName(target)
	if err != nil || u.Host == "" {
		return nil, nil, errors.New("not a URL with a service and a host, such as smtp://HOST/?from=A&to=B")
	}
	name = strings.ToLower(name)
	if !slices.Contains(Services(), name) {
		return nil, nil, fmt.Errorf("%.40q is not a service; known: %s", name, strings.Join(Services(), ", "))
	}
	service, err := services.NewService(name)
	if err != nil || strings.EqualFold(u.Scheme, name) {
		return service, u, err
	}
	custom, ok := service.(types.CustomURLService)
	if !ok {
		return nil, nil, fmt.Errorf("%s takes no URL of another scheme (%s+https)", name, name)
	}
	u, err = custom.GetConfigURLFromCustom(u)
	return service, u, err
}

// Send sends a message, and waits until the target has accepted it. title is for services that
// have titles; text must make sense without it. After a timeout the target may still receive the
// message.
func (s *Sender) Send(ctx context.Context, title, text string) error {
	select {
	case s.inFlight <- struct{}{}:
	default:
		return fmt.Errorf("%d earlier messages are still in flight", maxInFlight)
	}
	sent := make(chan error, 1)
	go func() { // ends when the service returns; inFlight bounds the number of goroutines
		defer func() { <-s.inFlight }()
		sent <- s.deliver(title, text)
	}()
	timeout := time.NewTimer(SendTimeout)
	defer timeout.Stop()
	select {
	case err := <-sent:
		return s.clean(err)
	case <-timeout.C:
		return fmt.Errorf("not accepted within %s", SendTimeout)
	case <-ctx.Done():
	}
	timeout.Reset(stopTimeout)
	select {
	case err := <-sent:
		return s.clean(err)
	case <-timeout.C:
		return ctx.Err()
	}
}

// deliver calls the service. It returns a panic of the service as an error.
func (s *Sender) deliver(title, text string) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the service panicked: %v", r)
		}
	}()
	service, u, err := locate(s.url.Reveal())
	if err != nil {
		return err
	}
	if err := service.Initialize(u, nil); err != nil {
		return err
	}
	params := types.Params{}
	if hasTitle(service) {
		params.SetTitle(title)
	}
	return service.Send(text, &params)
}

// hasTitle reports whether the service supports titles: other services reject the parameter.
func hasTitle(service types.Service) bool {
	resolver := format.NewPropKeyResolver(format.GetServiceConfig(service))
	return slices.Contains(resolver.QueryFields(), types.TitleKey)
}

var urls = regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://[^\s"']*`)

// clean returns an error with the text of err on one line, without URLs and secrets.
func (s *Sender) clean(err error) error {
	if err == nil {
		return nil
	}
	text := s.masked.Text(urls.ReplaceAllString(plain.Line(err.Error()), "URL"))
	if runes := []rune(text); len(runes) > maxError {
		text = string(runes[:maxError]) + " …"
	}
	return errors.New(text)
}

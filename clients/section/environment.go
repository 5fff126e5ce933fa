package section

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// sandbox is the environment of the simulators, which every provider has.
const sandbox = "sandbox"

var environments = []string{sandbox, "test", "production"}

// Environment is one documented environment of a provider.
type Environment struct {
	// BaseURL is the default of base_url; "" if the documents give none: then base_url is required.
	BaseURL string
	// Host is the host that identifies the environment's URLs; "" is BaseURL's.
	Host string
}

// Environments are the documented environments of a provider: "test" and "production".
type Environments map[string]Environment

// Place sets the section's base URL, and in the sandbox the simulator's credentials, and checks the
// shared keys. An unknown environment is treated as the sandbox, which has the fewest requirements, so
// that only mistakes that matter in every environment are reported.
func (s *Section) Place(all Environments, wrong *Errors) {
	host := all[s.Environment].BaseURL
	if s.Environment == sandbox || !slices.Contains(environments, s.Environment) {
		host = s.enterSandbox(wrong)
	} else if s.BaseURL == "" && host == "" {
		wrong.Add("base_url", "is missing: the provider documents no base URL for environment = %q", s.Environment)
	}
	if s.BaseURL == "" {
		s.BaseURL = host
	}
	s.BaseURL = strings.TrimRight(s.BaseURL, "/")
	wrong.Join(s.Check())
	wrong.Join(s.CheckEnvironment(all, "base_url", s.BaseURL))
	wrong.Join(s.CheckEnvironment(all, "token_url", s.TokenURL))
}

// enterSandbox returns the simulator's URL. Its credentials are only used there.
func (s *Section) enterSandbox(wrong *Errors) (host string) {
	host = s.Sandbox.URL
	s.AllowInsecureHTTP = true // on a loopback address only, as CheckURL verifies
	if s.Environment != sandbox {
		wrong.Add("environment", `must be "sandbox", "test" or "production", not %.40q`, s.Environment)
	} else if s.BaseURL == "" && host == "" {
		wrong.Add("environment", `is "sandbox", but the sandbox does not run: add a [sandbox] section, set base_url, or set environment to "test" or "production"`)
	}
	ours := host != "" && (s.BaseURL == "" || s.BaseURL == host)
	if ours && s.ClientID.Empty() && s.ClientSecret.Empty() {
		s.ClientID, s.ClientSecret = s.Sandbox.ClientID, s.Sandbox.ClientSecret
	}
	return host
}

// CheckEnvironment reports, as a [*ConfigError], that a URL belongs to another environment than the
// section's: the credentials would be rejected there, and repeated failures may get the IP address blocked.
// Other addresses, such as a gateway's, belong to no environment.
func (s *Section) CheckEnvironment(all Environments, key, raw string) error {
	owner := all.owner(raw)
	if stand := parse(s.Sandbox.URL).Host; stand != "" && stand == parse(raw).Host {
		owner = sandbox
	}
	if owner == "" || owner == s.Environment || !slices.Contains(environments, s.Environment) {
		return nil
	}
	return &ConfigError{Key: key, Message: fmt.Sprintf("belongs to the %s environment, but environment is %q", owner, s.Environment)}
}

// owner is the environment that a URL belongs to, "" for none.
func (all Environments) owner(raw string) string {
	host := parse(raw).Hostname()
	for name, e := range all {
		if own := cmp.Or(e.Host, parse(e.BaseURL).Hostname()); own != "" && strings.EqualFold(host, own) {
			return name
		}
	}
	return ""
}

// parse parses a URL; an invalid one is empty, which [Config.CheckURL] reports.
func parse(raw string) *url.URL {
	u, err := url.Parse(raw)
	if err != nil {
		return &url.URL{}
	}
	return u
}

package telemetry

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpguts"

	"orderbeat/auth"
	"orderbeat/auth/secret"
)

// Config configures the export of traces. The other variables of OpenTelemetry (OTEL_SERVICE_NAME,
// OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER, OTEL_BSP_*, OTEL_EXPORTER_OTLP_*) apply too.
type Config struct {
	// Endpoint is the full URL that traces are sent to; "" disables tracing.
	Endpoint string
	// Headers are sent with each request.
	Headers map[string]secret.Secret
	// Sample is the share of new traces that are recorded, 0 to 1. If it is nil, the value is taken from
	// OTEL_TRACES_SAMPLER; the default is to record all traces.
	Sample *float64
}

// The variables of OpenTelemetry that Orderbeat reads itself; those for traces come first. The
// exporter reads the others.
const (
	otelDisabled       = "OTEL_SDK_DISABLED"
	otelExporter       = "OTEL_TRACES_EXPORTER"
	otelTracesEndpoint = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
	otelEndpoint       = "OTEL_EXPORTER_OTLP_ENDPOINT"
	otelTracesProtocol = "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"
	otelProtocol       = "OTEL_EXPORTER_OTLP_PROTOCOL"
	otelTracesHeaders  = "OTEL_EXPORTER_OTLP_TRACES_HEADERS"
	otelHeaders        = "OTEL_EXPORTER_OTLP_HEADERS"
)

const (
	tracesPath = "/v1/traces"
	// Protocol is the only protocol.
	Protocol = "http/protobuf"
)

// WithEnvironment completes c from OpenTelemetry's variables. Fields that are set in c take precedence, except over the
// variables that turn traces off. The error reports why traces are off although they are configured.
func (c Config) WithEnvironment(getenv func(string) string) (Config, error) {
	if err := c.complete(getenv); err != nil {
		return Config{}, err
	}
	return c, nil
}

func (c *Config) complete(getenv func(string) string) (err error) {
	first := func(names ...string) (name, value string) {
		for _, name = range names {
			if value = getenv(name); value != "" {
				break
			}
		}
		return name, value
	}
	if name, value := first(otelTracesEndpoint, otelEndpoint); c.Endpoint == "" && value != "" {
		if c.Endpoint, err = Endpoint(value, name == otelEndpoint); err != nil {
			return fmt.Errorf("%s %w", name, err)
		}
	}
	exporter := getenv(otelExporter)
	if c.Endpoint == "" && exporter == "otlp" {
		c.Endpoint = "http://localhost:4318" + tracesPath
	}
	if c.Endpoint == "" {
		return nil
	}
	switch name, protocol := first(otelTracesProtocol, otelProtocol); {
	case strings.EqualFold(getenv(otelDisabled), "true"):
		return errors.New(otelDisabled + " is true")
	case exporter != "" && exporter != "otlp":
		return fmt.Errorf("%s is %.40q, and only otlp is supported", otelExporter, exporter)
	case protocol != "" && protocol != Protocol:
		return fmt.Errorf("%s is %.40q, and only %s is supported; collectors accept it on port 4318", name, protocol, Protocol)
	}
	if name, value := first(otelTracesHeaders, otelHeaders); value != "" && c.Headers == nil {
		if c.Headers, err = Headers(value); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// Endpoint parses the URL of a collector. If base is true, it adds the path /v1/traces unless the URL has it.
func Endpoint(text string, base bool) (string, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https":
		return "", errors.New(`is not a URL: write it like "http://127.0.0.1:4318"`)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return "", errors.New("must have only a scheme, a host and a path; credentials are headers")
	}
	if base && !strings.HasSuffix(u.Path, tracesPath) {
		u = u.JoinPath(tracesPath)
	}
	return u.String(), nil
}

// Headers parses headers in OpenTelemetry's format, "name=value,name2=value2" with percent-encoding.
// Its errors do not contain header values.
func Headers(text string) (map[string]secret.Secret, error) {
	headers := map[string]secret.Secret{}
	for pair := range strings.SplitSeq(text, ",") {
		name, value, ok := strings.Cut(pair, "=")
		name = strings.TrimSpace(name)
		if !ok || !httpguts.ValidHeaderFieldName(name) {
			return nil, errors.New(`want "name=value,name2=value2"`)
		}
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if err != nil || !httpguts.ValidHeaderFieldValue(value) {
			return nil, fmt.Errorf("the value of %s is invalid: percent-encode all characters except letters and digits", name)
		}
		headers[name] = secret.New(value)
	}
	return headers, nil
}

// Secrets returns the values of headers, and the tokens in values with a scheme ("Bearer TOKEN").
func (c Config) Secrets() (secrets []string) {
	for _, value := range c.Headers {
		secrets = append(secrets, value.Reveal())
		if _, token, ok := strings.Cut(value.Reveal(), " "); ok {
			secrets = append(secrets, token)
		}
	}
	return secrets
}

// Exposed reports whether headers are sent over the network unencrypted.
func (c Config) Exposed() bool {
	u, err := url.Parse(c.Endpoint)
	return err == nil && u.Scheme == "http" && len(c.Headers) > 0 && !auth.IsLoopback(u.Hostname())
}

package jobs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// decodeParams decodes the params of a kind strictly. An unknown name or a wrong type is an error
// whose hint lists the known names.
func decodeParams(params json.RawMessage, into any, known string) error {
	if len(bytes.TrimSpace(params)) == 0 {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(params))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return Invalid("params: "+jsonError(err), "known params: "+known)
	}
	return nil
}

// Decode decodes the body of a run request message into r: a JSON object with the params of the
// kind, accounts and priority. An empty body is an empty object.
func (r *Request) Decode(body []byte) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	var fields map[string]json.RawMessage
	dec := json.NewDecoder(bytes.NewReader(body))
	if err := dec.Decode(&fields); err != nil {
		return Invalid("the body is not a JSON object: "+jsonError(err), `Send params like {"lookback":"14d"}, or an empty body.`)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Invalid("unexpected data after the JSON object", "Send a single JSON object.")
	}
	if raw, ok := fields["accounts"]; ok {
		if err := json.Unmarshal(raw, &r.Accounts); err != nil {
			return Invalid("accounts: "+jsonError(err), `Send a list of names like {"accounts":["detroit"]}.`)
		}
		delete(fields, "accounts")
	}
	if raw, ok := fields["priority"]; ok {
		if err := json.Unmarshal(raw, &r.Priority); err != nil {
			return Invalid("priority: "+jsonError(err), "Use one of: "+list(Priorities)+".")
		}
		delete(fields, "priority")
	}
	if len(fields) == 0 {
		return nil
	}
	var err error
	r.Params, err = json.Marshal(fields)
	return err
}

// jsonError describes a JSON error without repeating the input at length.
func jsonError(err error) string {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && e.Field == "" {
		return "want a JSON object, got " + e.Value
	} else if ok {
		return fmt.Sprintf("%s: want %s, got %s", shorten(e.Field), e.Type, e.Value)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return "unexpected end of JSON"
	}
	return shorten(strings.TrimPrefix(err.Error(), "json: "))
}

// ParseDuration parses a duration in configuration and params: the syntax of
// [time.ParseDuration], and whole days ("14d").
func ParseDuration(s string) (time.Duration, error) {
	const day = 24 * time.Hour
	const maxDays = 100_000
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.Atoi(days)
		if err != nil || n < -maxDays || n > maxDays {
			return 0, fmt.Errorf("%s is not a duration: write it like \"14d\"", quote(s))
		}
		return time.Duration(n) * day, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("%s is not a duration: write it like \"30s\", \"15m\", \"6h\" or \"14d\"", quote(s))
	}
	return d, nil
}

// FormatDuration formats a duration without trailing zero units: "2h", not "2h0m0s".
func FormatDuration(d time.Duration) string {
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}

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

// decodeParams reads a kind's params strictly: an unknown name or a wrong type is
// an error that says which names there are.
func decodeParams(params json.RawMessage, into any, known string) error {
	if len(bytes.TrimSpace(params)) == 0 {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(params))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return Invalid("params: "+jsonMistake(err), "known params: "+known)
	}
	return nil
}

// Decode reads the body of a "please run" message into r: a JSON object of the kind's
// params and, beside them, accounts and priority. An empty body is an empty object.
func (r *Request) Decode(body []byte) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	var fields map[string]json.RawMessage
	dec := json.NewDecoder(bytes.NewReader(body))
	if err := dec.Decode(&fields); err != nil {
		return Invalid("the body is not a JSON object: "+jsonMistake(err), `send params, like {"lookback":"14d"}, or nothing`)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Invalid("the body goes on after its JSON object", "send one object")
	}
	if raw, ok := fields["accounts"]; ok {
		if err := json.Unmarshal(raw, &r.Accounts); err != nil {
			return Invalid("accounts: "+jsonMistake(err), `send a list of names, like {"accounts":["detroit"]}`)
		}
		delete(fields, "accounts")
	}
	if raw, ok := fields["priority"]; ok {
		if err := json.Unmarshal(raw, &r.Priority); err != nil {
			return Invalid("priority: "+jsonMistake(err), "the priorities are "+list(Priorities))
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

// jsonMistake says what is wrong with a JSON text in words that do not repeat it at length.
func jsonMistake(err error) string {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && e.Field == "" {
		return "want a JSON object, got " + e.Value
	} else if ok {
		return fmt.Sprintf("%s: want %s, got %s", shorten(e.Field), e.Type, e.Value)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return "the JSON text ends too early"
	}
	return shorten(strings.TrimPrefix(err.Error(), "json: "))
}

// ParseDuration reads a length of time as people write it in configuration and
// params: what [time.ParseDuration] takes, and whole days, "14d".
func ParseDuration(s string) (time.Duration, error) {
	const day = 24 * time.Hour
	const mostDays = 100_000
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.Atoi(days)
		if err != nil || n < -mostDays || n > mostDays {
			return 0, fmt.Errorf("%s is not a length of time: write it like \"14d\"", quote(s))
		}
		return time.Duration(n) * day, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("%s is not a length of time: write it like \"30s\", \"15m\", \"6h\" or \"14d\"", quote(s))
	}
	return d, nil
}

// FormatDuration is a length of time as [ParseDuration] reads it, without zeros at its end:
// "2h", not "2h0m0s".
func FormatDuration(d time.Duration) string {
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}

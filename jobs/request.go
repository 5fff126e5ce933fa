package jobs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
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
		return Invalid("params: "+JSONError(err), "known params: "+known)
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
		return Invalid("the body is not a JSON object: "+JSONError(err), `Send params like {"lookback":"14d"}, or an empty body.`)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Invalid("unexpected data after the JSON object", "Send a single JSON object.")
	}
	if raw, ok := fields["accounts"]; ok {
		if err := json.Unmarshal(raw, &r.Accounts); err != nil {
			return Invalid("accounts: "+JSONError(err), `Send a list of names like {"accounts":["detroit"]}.`)
		}
		delete(fields, "accounts")
	}
	if raw, ok := fields["priority"]; ok {
		if err := json.Unmarshal(raw, &r.Priority); err != nil {
			return Invalid("priority: "+JSONError(err), "Use one of: "+list(Priorities)+".")
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

// JSONError describes an error of encoding/json to the author of the JSON, without Go names and
// without long parts of the input.
func JSONError(err error) string {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		want, got := jsonType(e.Type), jsonValue(e.Value)
		if e.Field == "" {
			return "want " + want + ", got " + got
		}
		return fmt.Sprintf("%s: want %s, got %s", shorten(e.Field[strings.LastIndex(e.Field, ".")+1:]), want, got)
	}
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		if e.Error() == "unexpected end of JSON input" {
			return "the JSON is incomplete"
		}
		return fmt.Sprintf("not valid JSON, at byte %d", e.Offset)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return "the JSON is incomplete"
	}
	if text := err.Error(); strings.HasPrefix(text, "json: unknown field") {
		return shorten(strings.TrimPrefix(text, "json: "))
	}
	return "not valid JSON"
}

// jsonType describes the JSON form of a Go type.
func jsonType(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Slice:
		return "a list"
	default:
		return "a JSON object"
	}
}

// jsonValue describes a value, given its description by encoding/json, such as "number 1.5".
func jsonValue(value string) string {
	kind, _, _ := strings.Cut(value, " ")
	switch kind {
	case "string":
		return "a string"
	case "bool":
		return "true or false"
	case "array":
		return "a list"
	case "object":
		return "an object"
	case value: // without a value
		return "a " + value
	default:
		return shorten("the " + value)
	}
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

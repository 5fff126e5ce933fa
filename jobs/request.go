package jobs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
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

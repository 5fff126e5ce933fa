package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
)

// answerJSON answers a document. What cannot be written has nobody left to read it.
func answerJSON(w http.ResponseWriter, status int, document any) {
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(status)
	if o, ok := document.(interface{ AppendTo([]byte) []byte }); ok {
		_, _ = w.Write(append(o.AppendTo(nil), '\n'))
		return
	}
	_ = json.NewEncoder(w).Encode(document)
}

// contentType is the request's media type without its parameters, "" when it has none
// or a broken one.
func contentType(r *http.Request) string {
	t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return t
}

// text is a JSON string, or a number as it is written; null is "".
type text string

// UnmarshalJSON refuses what is neither a string nor a number nor null.
func (t *text) UnmarshalJSON(b []byte) error {
	if bytes.Equal(b, []byte("null")) {
		return nil
	}
	if b[0] == '"' {
		return json.Unmarshal(b, (*string)(t))
	}
	var n json.Number
	if err := json.Unmarshal(b, &n); err != nil {
		return fmt.Errorf("neither text nor number: %w", err)
	}
	*t = text(n)
	return nil
}

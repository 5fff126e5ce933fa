package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
)

// WriteJSON sends a JSON response. A write error is ignored: the client has disconnected.
func WriteJSON(w http.ResponseWriter, status int, document any) {
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(status)
	if o, ok := document.(interface{ AppendTo([]byte) []byte }); ok {
		_, _ = w.Write(append(o.AppendTo(nil), '\n'))
		return
	}
	_ = json.NewEncoder(w).Encode(document)
}

// ContentType returns the request's media type without parameters, "" if it is missing or invalid.
func ContentType(r *http.Request) string {
	t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return t
}

// Text is a JSON string, or a number as written; null is "".
type Text string

// UnmarshalJSON rejects other values.
func (t *Text) UnmarshalJSON(b []byte) error {
	if bytes.Equal(b, []byte("null")) {
		return nil
	}
	if b[0] == '"' {
		return json.Unmarshal(b, (*string)(t))
	}
	var n json.Number
	if err := json.Unmarshal(b, &n); err != nil {
		return fmt.Errorf("want a string or a number: %w", err)
	}
	*t = Text(n)
	return nil
}

package db

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// encode writes v as JSON the way people read it: "&" stays "&".
func encode(v any) (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "", err
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), nil
}

// jsonInto scans a JSON text; NULL leaves what is there.
type jsonInto struct{ v any }

func (j jsonInto) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		return nil
	case string:
		return json.Unmarshal([]byte(v), j.v)
	default:
		return fmt.Errorf("json from %T", src)
	}
}

// rawInto scans a JSON text as it is; NULL is nil.
type rawInto json.RawMessage

func (r *rawInto) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*r = nil
	case string:
		*r = rawInto(v)
	default:
		return fmt.Errorf("json from %T", src)
	}
	return nil
}

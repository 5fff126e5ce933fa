package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"orderbeat/auth/authtest"
	"orderbeat/clients/sandbox/wire"
)

// faultJSON is the JSON of a [Fault] for POST /_sandbox/fault.
type faultJSON struct {
	Fault

	Delay  string            `json:"delay,omitempty"` // "1.5s"
	Header map[string]string `json:"header,omitempty"`
}

func (s *Sandbox) addFault(w http.ResponseWriter, r *http.Request) {
	var j faultJSON
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBodyBytes))
	d.DisallowUnknownFields()
	err := d.Decode(&j)
	if err == nil {
		var f Fault
		if f, err = s.fault(j); err == nil {
			s.Fail(f)
			wire.WriteJSON(w, http.StatusOK, describeFault(f))
			return
		}
	}
	wire.WriteJSON(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
}

var cuts = []authtest.Cut{authtest.CutBefore, authtest.CutAfter, authtest.CutHalf, authtest.CutReset}

// fault checks the input. A fault without any effect is an error.
func (s *Sandbox) fault(j faultJSON) (Fault, error) {
	ops := slices.Sorted(maps.Keys(s.counts.requests))
	f := j.Fault
	f.Header = http.Header{}
	for name, value := range j.Header {
		f.Header.Set(name, value)
	}
	var err error
	if j.Delay != "" {
		f.Delay, err = time.ParseDuration(j.Delay)
	}
	switch {
	case err != nil:
		return f, fmt.Errorf("delay: want a duration such as \"1.5s\", got %q", j.Delay)
	case f.Op != "" && !slices.Contains(ops, f.Op):
		return f, fmt.Errorf("op: want one of %q, got %q", ops, f.Op)
	case f.Status != 0 && (f.Status < 200 || f.Status > 599):
		return f, fmt.Errorf("status: want 200 to 599, got %d", f.Status)
	case f.Status == 0 && (f.Body != "" || len(f.Header) > 0):
		return f, errors.New("body and header require status")
	case f.Cut != "" && !slices.Contains(cuts, f.Cut):
		return f, fmt.Errorf("cut: want one of %q, got %q", cuts, f.Cut)
	case f.Status == 0 && f.ErrorCode == "" && f.Delay <= 0 && !f.CutOff && f.Cut == "" && !f.Hang && !f.RefuseClient && !f.SameToken:
		return f, errors.New("want one of status, error_code, delay, cut_off, cut, hang, refuse_client, same_token")
	}
	return f, nil
}

func describeFault(f Fault) faultJSON {
	j := faultJSON{Fault: f, Header: map[string]string{}}
	for name := range f.Header {
		j.Header[name] = f.Header.Get(name)
	}
	if f.Delay > 0 {
		j.Delay = f.Delay.String()
	}
	return j
}

package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// controlRoutes are the switches, for people and for tests in other processes:
//
//	GET    /_sandbox/        what this is, the accounts, the counters, the faults to come
//	POST   /_sandbox/revoke  all access tokens
//	POST   /_sandbox/fault   {"op": "order_status", "status": 503, "times": 3}
//	DELETE /_sandbox/fault   all of them
func (s *Sandbox) controlRoutes() {
	s.mux.HandleFunc("GET /_sandbox/{$}", s.describe)
	s.mux.HandleFunc("POST /_sandbox/revoke", func(w http.ResponseWriter, _ *http.Request) {
		s.RevokeTokens()
		w.WriteHeader(http.StatusNoContent)
	})
	s.mux.HandleFunc("POST /_sandbox/fault", s.addFault)
	s.mux.HandleFunc("DELETE /_sandbox/fault", func(w http.ResponseWriter, _ *http.Request) {
		s.faults.clear()
		w.WriteHeader(http.StatusNoContent)
	})
}

// description is what GET /_sandbox/ answers.
type description struct {
	About    string          `json:"about"`
	Day      string          `json:"day"`
	Today    int64           `json:"today"` // sandbox days since 1970
	Paths    []string        `json:"paths"`
	ClientID string          `json:"client_id"`
	Accounts []michelinParty `json:"accounts"`
	Stats    Stats           `json:"stats"`
	Faults   []faultJSON     `json:"faults"`
}

func (s *Sandbox) describe(w http.ResponseWriter, _ *http.Request) {
	d := description{
		About:    "a stand-in for Michelin: invented orders that move with each sandbox day",
		Day:      s.options.Day.String(),
		Today:    s.orders.day(s.options.Now()),
		Paths:    []string{michelinTokenPath, michelinIntrospectPath, michelinStatusPath},
		ClientID: ClientID,
		Accounts: michelinParties,
		Stats:    s.Stats(),
		Faults:   []faultJSON{},
	}
	for _, f := range s.faults.pending() {
		d.Faults = append(d.Faults, describeFault(f))
	}
	answerJSON(w, http.StatusOK, d)
}

// faultJSON is a [Fault] as POST /_sandbox/fault takes it.
type faultJSON struct {
	Op        Op                `json:"op,omitempty"`
	Account   string            `json:"account,omitempty"`
	Times     int               `json:"times,omitempty"`
	Delay     string            `json:"delay,omitempty"` // "1.5s"
	Status    int               `json:"status,omitempty"`
	Header    map[string]string `json:"header,omitempty"`
	Body      string            `json:"body,omitempty"`
	ErrorCode string            `json:"error_code,omitempty"`
	CutOff    bool              `json:"cut_off,omitempty"`
}

func (s *Sandbox) addFault(w http.ResponseWriter, r *http.Request) {
	var j faultJSON
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBodyBytes))
	d.DisallowUnknownFields()
	err := d.Decode(&j)
	if err == nil {
		var f Fault
		if f, err = j.fault(); err == nil {
			s.Fail(f)
			answerJSON(w, http.StatusOK, describeFault(f))
			return
		}
	}
	answerJSON(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
}

// fault checks what a person typed. A fault without any effect is a mistake.
func (j faultJSON) fault() (Fault, error) {
	f := Fault{
		Op: j.Op, Account: j.Account, Times: j.Times, Status: j.Status, Body: j.Body,
		ErrorCode: j.ErrorCode, CutOff: j.CutOff, Header: http.Header{},
	}
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
		return f, errors.New("body and header need a status")
	case f.Status == 0 && f.ErrorCode == "" && f.Delay <= 0 && !f.CutOff:
		return f, errors.New("want one of status, error_code, delay, cut_off")
	}
	return f, nil
}

func describeFault(f Fault) faultJSON {
	j := faultJSON{
		Op: f.Op, Account: f.Account, Times: f.Times, Status: f.Status, Body: f.Body,
		ErrorCode: f.ErrorCode, CutOff: f.CutOff, Header: map[string]string{},
	}
	for name := range f.Header {
		j.Header[name] = f.Header.Get(name)
	}
	if f.Delay > 0 {
		j.Delay = f.Delay.String()
	}
	return j
}

// answerJSON answers a document. What cannot be written has nobody left to read it.
func answerJSON(w http.ResponseWriter, status int, document any) {
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(document)
}

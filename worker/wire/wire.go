package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"orderbeat/db/outbox"
	"orderbeat/jobs"
	"orderbeat/worker/bus"
)

// Version is the version of the encoding. Processes with the same encoding version are compatible, whatever the
// program version. Adding a member that earlier decoders can ignore does not change it.
const Version = 1

// The headers of messages with jobs and outcomes.
const (
	HeaderVersion = "Orderbeat-Wire"    // [Version]
	HeaderJob     = "Orderbeat-Job"     // the job's id
	HeaderAttempt = "Orderbeat-Attempt" // the number of the attempt
	HeaderObject  = "Orderbeat-Object"  // the name of the object with the outcome, if it is not in the message
	HeaderDigest  = "Orderbeat-Digest"  // the digest of that object
	HeaderTimeout = "Orderbeat-Timeout" // of a live request
	HeaderTrace   = "traceparent"       // the W3C trace context
)

// ErrVersion means that a message has another encoding version than this process.
var ErrVersion = errors.New("incompatible version of the encoding")

// Attempt identifies an attempt at a job.
type Attempt struct {
	JobID  string
	Number int
}

// AttemptOf returns the current attempt of a job.
func AttemptOf(j *jobs.Job) Attempt { return Attempt{j.ID, j.Attempt} }

// String returns the Nats-Msg-Id of the attempt's messages.
func (a Attempt) String() string { return a.JobID + "." + strconv.Itoa(a.Number) }

// ReadAttempt reads the attempt of a message from its headers, so it works even if the body cannot be read.
func ReadAttempt(h nats.Header) (Attempt, error) {
	number, err := strconv.Atoi(h.Get(HeaderAttempt))
	if h.Get(HeaderJob) == "" || err != nil || number < 1 {
		return Attempt{}, errors.New("the message has no job and attempt in its headers")
	}
	return Attempt{h.Get(HeaderJob), number}, nil
}

// JobSubject returns the subject of a job.
func JobSubject(s bus.Subjects, j *jobs.Job) string {
	return s.Of("jobs." + outbox.Token(j.Provider) + "." + outbox.Token(j.Account) + "." + outbox.Token(j.Kind))
}

// OutcomeSubject returns the subject of the outcomes of a job.
func OutcomeSubject(s bus.Subjects, j *jobs.Job) string {
	return s.Of("outcomes." + outbox.Token(j.Provider) + "." + outbox.Token(j.Account))
}

// CancelSubject returns the subject for the cancellation of a job; with "*", the wildcard for all jobs.
func CancelSubject(s bus.Subjects, jobID string) string { return s.Of("cancel." + jobID) }

// FetchSubject returns the subject of live requests to a provider.
func FetchSubject(s bus.Subjects, provider string) string {
	return s.Of("fetch." + outbox.Token(provider))
}

// Consumer returns the name of the durable consumer of a provider's jobs.
func Consumer(provider string) string { return outbox.Token(provider) }

// EncodeJob returns the message of a job without its subject. term is added to the Nats-Msg-Id, so that an attempt is sent
// once per term; "" adds nothing.
func EncodeJob(j *jobs.Job, term, traceparent string) (*nats.Msg, error) {
	body, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	m := &nats.Msg{Header: header(AttemptOf(j)), Data: body}
	if term != "" {
		m.Header.Set(nats.MsgIdHdr, m.Header.Get(nats.MsgIdHdr)+"."+term)
	}
	if traceparent != "" {
		m.Header.Set(HeaderTrace, traceparent)
	}
	return m, nil
}

// DecodeJob reads a job. The error wraps [ErrVersion] if it has another version.
func DecodeJob(h nats.Header, body []byte) (j jobs.Job, err error) {
	if err := CheckVersion(h); err != nil {
		return j, err
	}
	if err := json.Unmarshal(body, &j); err != nil {
		return j, fmt.Errorf("not a job: %w", err)
	}
	if j.ID == "" || j.Attempt < 1 || j.Provider == "" {
		return j, errors.New("not a job: it has no id, attempt or provider")
	}
	return j, nil
}

// CheckVersion returns an error that wraps [ErrVersion] unless a message has this version.
func CheckVersion(h nats.Header) error {
	if v := h.Get(HeaderVersion); v != strconv.Itoa(Version) {
		return fmt.Errorf("%w: %.20q, and this process has %d", ErrVersion, v, Version)
	}
	return nil
}

// header returns the headers that all messages about an attempt have.
func header(a Attempt) nats.Header {
	h := nats.Header{}
	h.Set(HeaderVersion, strconv.Itoa(Version))
	h.Set(HeaderJob, a.JobID)
	h.Set(HeaderAttempt, strconv.Itoa(a.Number))
	h.Set(nats.MsgIdHdr, a.String())
	return h
}

// Timeout reads the timeout of a live request from its headers.
func Timeout(h nats.Header) (time.Duration, error) {
	d, err := time.ParseDuration(h.Get(HeaderTimeout))
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%s %.40q is not a duration", HeaderTimeout, h.Get(HeaderTimeout))
	}
	return d, nil
}

package handover

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/klauspost/compress/zstd"

	"orderbeat/jobs"
)

const (
	// maxPlain is the size of an entry, in bytes, above which it is compressed.
	maxPlain = 16 << 10
	// maxEntry limits an entry when it is read.
	maxEntry = 64 << 20
)

// entry is the stored value of an open run. It has what is needed to start the run again with the same
// run and job ids.
type entry struct {
	Run         *jobs.Run    `json:"run,omitempty"`
	Key         string       `json:"key,omitempty"`
	ReplyTo     string       `json:"reply_to,omitempty"`
	Traceparent string       `json:"traceparent,omitempty"`
	Slots       int          `json:"low_priority_slots,omitempty"`
	Overlap     string       `json:"overlap,omitempty"`
	Jobs        []plannedJob `json:"jobs,omitempty"`
	// Joins is the run that a request joined; then only Key and ReplyTo are set.
	Joins string `json:"joins,omitempty"`
}

type plannedJob struct {
	ID      string `json:"job_id"`
	Account string `json:"account"`
	jobs.Question
}

func entryOf(run *jobs.Run, js []jobs.Job) entry {
	e := entry{Run: run, Key: run.Key, ReplyTo: run.ReplyTo, Traceparent: run.Traceparent, Slots: run.LowPrioritySlots, Overlap: run.Overlap}
	for i := range js {
		e.Jobs = append(e.Jobs, plannedJob{js[i].ID, js[i].Account, js[i].Question})
	}
	return e
}

var (
	packer, _   = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	unpacker, _ = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxEntry))
)

// encode returns an entry as JSON, compressed if it is large.
func encode(e *entry) ([]byte, error) {
	text, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	if len(text) > maxPlain {
		text = packer.EncodeAll(text, nil)
	}
	return text, nil
}

func decode(value []byte) (e entry, err error) {
	if !bytes.HasPrefix(value, []byte("{")) {
		if value, err = unpacker.DecodeAll(value, nil); err != nil {
			return e, err
		}
	}
	if err := json.Unmarshal(value, &e); err != nil {
		return e, err
	}
	if (e.Run == nil || e.Run.ID == "" || e.Run.Provider == "") == (e.Joins == "") {
		return e, fmt.Errorf("not an open run: %.60q", value)
	}
	return e, nil
}

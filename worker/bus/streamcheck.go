package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// streamCheck is the default of [Streams.CheckStreams].
const streamCheck = 10 * time.Second

// CheckEvery returns how often the streams are checked.
func (q *Streams) CheckEvery() time.Duration { return cmp.Or(q.CheckStreams, streamCheck) }

// TopicStream is the stream of a topic, as of its last lookup.
type TopicStream struct {
	jetstream.Stream
	Config jetstream.StreamConfig
	Last   uint64 // sequence of its last message at that time
	looked time.Time
}

// Home returns the stream of a topic, and creates it if it is missing. It returns known if known is
// recent and refresh is false.
func (q *Streams) Home(ctx context.Context, topic string, known *TopicStream, refresh bool) (*TopicStream, error) {
	if known != nil && !refresh && time.Since(known.looked) < q.CheckEvery() {
		return known, nil
	}
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	want := q.wanted(topic)
	stream, err := q.open(ctx, want)
	if err != nil {
		return nil, err
	}
	info := stream.CachedInfo()
	return &TopicStream{Stream: stream, Config: info.Config, Last: info.State.LastSeq, looked: time.Now()}, nil
}

// wanted returns the configuration that the stream of a topic should have.
func (q *Streams) wanted(topic string) jetstream.StreamConfig {
	all := q.streamConfigs()
	return all[slices.IndexFunc(all, func(c jetstream.StreamConfig) bool { return c.Name == q.Stream(topic) })]
}

// Covers reports whether the stream captures messages on a subject.
func (h *TopicStream) Covers(subject string) bool {
	return slices.ContainsFunc(h.Config.Subjects, func(filter string) bool { return isSubset(subject, filter) })
}

// SubjectIsFull reports whether the stream rejects further messages on this subject.
func (h *TopicStream) SubjectIsFull(ctx context.Context, subject string) (bool, error) {
	if !h.Config.DiscardNewPerSubject || h.Config.MaxMsgsPerSubject <= 0 {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	info, err := h.Info(ctx, jetstream.WithSubjectFilter(subject))
	if err != nil {
		return false, err
	}
	return int64(info.State.Subjects[subject]) >= h.Config.MaxMsgsPerSubject, nil //nolint:gosec // no stream has as many messages
}

// Explain adds to a publishing error the name of the stream, and how to fix a sealed stream.
func (h *TopicStream) Explain(err error) error {
	if err == nil {
		return nil
	}
	switch {
	case h.Config.Sealed:
		return fmt.Errorf("stream %s is sealed, which cannot be undone; delete it and Orderbeat will recreate it: %w", h.Config.Name, err)
	case errors.Is(err, context.Canceled):
		return err
	}
	return fmt.Errorf("stream %s: %w", h.Config.Name, err)
}

// check logs the faults of an existing stream when they change. It returns [errStream] if the stream is
// unusable.
func (q *Streams) check(info *jetstream.StreamInfo, want jetstream.StreamConfig) error {
	got := info.Config
	if got.Retention != want.Retention {
		return fmt.Errorf("%w: %s has retention %s and must have %s; delete it and Orderbeat will recreate it", errStream, want.Name, got.Retention, want.Retention)
	}
	if got.Mirror != nil {
		return fmt.Errorf("%w: %s is a mirror, which accepts no messages", errStream, want.Name)
	}
	text := strings.Join(faults(&got, &want), "; ")
	q.mu.Lock()
	changed := q.logged[want.Name] != text
	if q.logged == nil {
		q.logged = map[string]string{}
	}
	q.logged[want.Name] = text
	q.mu.Unlock()
	switch {
	case changed && text != "":
		q.Log.Warn("stream configuration differs", "stream", want.Name, "faults", text)
	case changed:
		q.Log.Info("stream configuration is correct", "stream", want.Name)
	}
	return nil
}

// replicate raises a stream's replicas to the configured number, or logs why that failed.
func (q *Streams) replicate(ctx context.Context, stream jetstream.Stream, want int) {
	config := stream.CachedInfo().Config
	had := config.Replicas
	if had >= want {
		return
	}
	config.Replicas = want
	if _, err := q.JS.UpdateStream(ctx, config); err != nil {
		q.Problems.Activity("replicas").Noticed("failed to raise the replicas", err, "stream", config.Name, "replicas", had, "configured", want)
		return
	}
	q.Log.Info("replicas raised", "stream", config.Name, "from", had, "to", want)
}

// faults lists the relevant differences of a stream from Orderbeat's
// configuration.
func faults(got, want *jetstream.StreamConfig) (list []string) {
	add := func(wrong bool, text string, args ...any) {
		if wrong {
			list = append(list, fmt.Sprintf(text, args...))
		}
	}
	covers := slices.ContainsFunc(got.Subjects, func(filter string) bool { return isSubset(want.Subjects[0], filter) })
	add(!covers, "its subjects %q do not cover %s: messages on uncovered subjects wait", got.Subjects, want.Subjects[0])
	add(got.Sealed, "it is sealed and accepts no messages: delete it and Orderbeat will recreate it")
	add(got.NoAck, "it has no_ack: every message is looked up after publishing, which is slow")
	add(got.Duplicates > 0 && got.Duplicates < want.Duplicates, "its duplicate window is %s, shorter than %s", got.Duplicates, want.Duplicates)
	add(got.MaxMsgSize > 0, "max_msg_size %d: larger messages are truncated or set aside", got.MaxMsgSize)
	limited := got.MaxMsgs > 0 || got.MaxBytes > 0 && got.MaxBytes != want.MaxBytes
	add(limited && got.Discard == jetstream.DiscardNew, "discard new: when it is full, messages wait")
	add(got.MaxMsgsPerSubject > 0 && got.DiscardNewPerSubject, "discard_new_per_subject with %d messages per subject: further ones are set aside", got.MaxMsgsPerSubject)
	add(got.Storage != want.Storage, "its storage is %s: messages are lost when its server stops", got.Storage)
	if want.Retention == jetstream.WorkQueuePolicy {
		add(limited && got.Discard == jetstream.DiscardOld, "discard old: when it is full, requests or jobs are lost")
		add(got.MaxAge > 0, "max_age %s: requests or jobs that wait longer are lost", got.MaxAge)
		add(got.MaxMsgsPerSubject > 0 && !got.DiscardNewPerSubject, "%d messages per subject: earlier requests or jobs are lost", got.MaxMsgsPerSubject)
	} else {
		add(limited && got.Discard == jetstream.DiscardOld, "discard old with a limit: old messages are deleted before max_age")
		add(got.MaxMsgsPerSubject > 0 && !got.DiscardNewPerSubject, "%d messages per subject: older ones are deleted before max_age", got.MaxMsgsPerSubject)
		add(got.MaxAge > 0 && got.MaxAge < want.MaxAge, "max_age %s, shorter than %s", got.MaxAge, want.MaxAge)
	}
	return list
}

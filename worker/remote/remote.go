package remote

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nats.go/micro"

	"orderbeat/clients"
	"orderbeat/jobs"
	"orderbeat/worker/bus"
	"orderbeat/worker/telemetry"
	"orderbeat/worker/wait"
	"orderbeat/worker/wire"
)

// A fetcher registers in the fleet shortly before it subscribes to live requests, and a fetcher may
// have no free slot while others have one. In both cases live requests are retried every joinPause.
const (
	joinTries = 20
	joinPause = 100 * time.Millisecond
)

// Fleet is the view of the other processes.
type Fleet interface {
	// Others returns the number of slots of the other processes that perform jobs of a provider and
	// use this version of the encoding.
	Others(provider string, encoding int) (slots int)
}

// Config has a remote's dependencies.
type Config struct {
	Streams *bus.Streams
	Fleet   Fleet
	// Term returns the id of this leadership ([leader.Lease.Term]). Within a term, the stream drops an attempt that
	// is sent twice. In the next term it is sent and performed again, because its outcome may be lost.
	Term  func() string
	Own   func() int // the number of slots of this process, 0 if it performs no jobs
	Blobs *wire.Blobs
	Trace *telemetry.Tracer
	Log   *slog.Logger
}

// Remote sends jobs to fetchers. It is safe for concurrent use.
type Remote struct{ Config }

// New returns a remote.
func New(c Config) *Remote { return &Remote{c} }

// Slots returns the number of slots of all processes for jobs of a provider. others is false if no
// other process performs them.
func (r *Remote) Slots(provider string) (n int, others bool) {
	elsewhere := r.Fleet.Others(provider, wire.Version)
	return elsewhere + r.Own(), elsewhere > 0
}

// Configure creates or updates the consumer of a provider's jobs. All fetchers share it, and it allows
// at most concurrency jobs in flight.
func (r *Remote) Configure(ctx context.Context, provider string, concurrency int) error {
	filter := r.Streams.Of("jobs." + wire.Consumer(provider) + ".>")
	return r.Streams.Configure(ctx, r.Streams.Stream("jobs"), bus.ConsumerConfig(wire.Consumer(provider), filter, concurrency))
}

// Send publishes jobs. The stream drops those that it received before, unless again is set.
func (r *Remote) Send(ctx context.Context, list []jobs.Job, again bool) error {
	ctx, cancel := context.WithTimeout(ctx, 2*bus.Timeout)
	defer cancel()
	suffix := r.Term()
	if again {
		suffix += "." + strconv.FormatInt(time.Now().UnixMilli(), 10)
	}
	acks := make([]jetstream.PubAckFuture, 0, len(list))
	for i := range list {
		m, err := wire.EncodeJob(&list[i], suffix, r.Trace.Parent(ctx, &list[i]))
		if err != nil {
			return fmt.Errorf("job %s: %w", list[i].ID, err)
		}
		m.Subject = wire.JobSubject(r.Streams.Subjects, &list[i])
		ack, err := r.Streams.JS.PublishMsgAsync(m)
		if err != nil {
			return r.explain(err)
		}
		acks = append(acks, ack)
	}
	for _, ack := range acks {
		select {
		case <-ack.Ok():
		case err := <-ack.Err():
			return r.explain(err)
		case <-ctx.Done():
			return r.explain(ctx.Err())
		}
	}
	return nil
}

func (r *Remote) explain(err error) error {
	return fmt.Errorf("stream %s: %w", r.Streams.Stream("jobs"), r.Streams.Explain(err))
}

// Idle reports whether no job and no outcome of a provider is left in the streams.
func (r *Remote) Idle(ctx context.Context, provider string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, bus.Timeout)
	defer cancel()
	for topic, subject := range map[string]string{"jobs": "jobs." + wire.Consumer(provider) + ".>", "outcomes": "outcomes." + wire.Consumer(provider) + ".>"} {
		stream, err := r.Streams.JS.Stream(ctx, r.Streams.Stream(topic))
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			continue
		}
		if err != nil {
			return false, err
		}
		info, err := stream.Info(ctx, jetstream.WithSubjectFilter(r.Streams.Of(subject)))
		if err != nil || len(info.State.Subjects) > 0 {
			return false, err
		}
	}
	return true, nil
}

// Cancel sends the cancellation of an attempt to all fetchers. If the message is lost, the attempt runs and its
// outcome is discarded.
func (r *Remote) Cancel(job jobs.Job) {
	m, err := wire.EncodeJob(&job, "", "")
	if err != nil {
		return
	}
	m.Subject, m.Data = wire.CancelSubject(r.Streams.Subjects, job.ID), nil
	m.Header.Del(nats.MsgIdHdr)
	if err := r.Streams.NATS.PublishMsg(m); err != nil {
		r.Log.Debug("cancellation not sent", "job_id", job.ID, "err", err)
	}
}

// busy reports whether the fetcher had no free slot for the request.
func busy(reply *nats.Msg) bool {
	return reply.Header.Get(micro.ErrorCodeHeader) == strconv.Itoa(http.StatusServiceUnavailable)
}

// Perform sends an attempt to any fetcher with a request, and returns its outcome.
func (r *Remote) Perform(ctx context.Context, job jobs.Job) (jobs.Outcome, error) {
	m, err := wire.EncodeJob(&job, "", r.Trace.Parent(ctx, &job))
	if err != nil {
		return jobs.Outcome{}, err
	}
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(time.Minute)
	}
	// The fetcher's own deadline is earlier, so that its outcome arrives in time.
	left := time.Until(deadline)
	m.Header.Set(wire.HeaderTimeout, max(left-left/20, time.Millisecond).Round(time.Millisecond).String())
	m.Header.Del(nats.MsgIdHdr)
	m.Subject = wire.FetchSubject(r.Streams.Subjects, job.Provider)
	reply, err := r.Streams.NATS.RequestMsgWithContext(ctx, m)
	for tried := 1; (errors.Is(err, nats.ErrNoResponders) || err == nil && busy(reply)) && tried < joinTries && r.Fleet.Others(job.Provider, wire.Version) > 0 && wait.For(ctx, joinPause); tried++ {
		reply, err = r.Streams.NATS.RequestMsgWithContext(ctx, m)
	}
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return jobs.Outcome{}, &clients.Error{Code: clients.CodeUnavailable, NotSent: true, Message: "no fetcher of this provider is running", Hint: `Start one with worker.role = "fetch".`}
	case err != nil:
		return jobs.Outcome{}, &clients.Error{Code: clients.CodeUnavailable, Message: "no fetcher responded in time", Err: err}
	}
	if text := reply.Header.Get(micro.ErrorHeader); text != "" {
		code := clients.CodeInternal
		if busy(reply) {
			code = clients.CodeUnavailable
		}
		return jobs.Outcome{}, &clients.Error{Code: code, Message: text}
	}
	body, err := r.Blobs.Body(ctx, reply.Header, reply.Data)
	if err != nil {
		return jobs.Outcome{}, err
	}
	out, err := wire.DecodeOutcome(reply.Header, body)
	if err == nil {
		r.Blobs.Delete(context.WithoutCancel(ctx), reply.Header)
	}
	return out, err
}

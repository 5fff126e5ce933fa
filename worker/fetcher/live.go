package fetcher

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/nats-io/nats.go/micro"

	"orderbeat/clients"
	"orderbeat/db/outbox"
	"orderbeat/jobs"
	"orderbeat/worker/bus"
	"orderbeat/worker/wire"
)

// live is the micro service for requests that wait for an attempt: one endpoint for each provider.
type live struct {
	f       *Fetcher
	work    context.Context //nolint:containedctx // the context of requests, which arrive from NATS
	service micro.Service
	served  []string

	mu      sync.Mutex // guards the rest
	closed  bool
	working sync.WaitGroup // the requests in flight
}

func newLive(work context.Context, f *Fetcher) *live { return &live{f: f, work: work} }

// serve serves requests to the active providers.
func (l *live) serve(active map[string]bool) {
	names := slices.Sorted(maps.Keys(active))
	names = slices.DeleteFunc(names, func(name string) bool { return !active[name] })
	if slices.Equal(names, l.served) {
		return
	}
	activity := l.f.Streams.Problems.Activity("receive live requests")
	l.close()
	l.served = nil
	if len(names) == 0 {
		return
	}
	service, err := micro.AddService(l.f.Streams.NATS, micro.Config{
		Name: "orderbeat-fetcher", Version: bus.Semver(l.f.Version), Description: "calls of providers; fetches on " + l.f.Host,
		Metadata: map[string]string{"role": "fetcher", "process": l.f.Process, "host": l.f.Host, "providers": strings.Join(names, " ")},
	})
	if err != nil {
		activity.Failed("failed to receive live requests, will retry", err)
		return
	}
	l.service = service
	for _, name := range names {
		if err = service.AddEndpoint("fetch-"+endpointName(name), micro.HandlerFunc(func(r micro.Request) { l.handle(name, r) }), micro.WithEndpointSubject(wire.FetchSubject(l.f.Streams.Subjects, name)), micro.WithEndpointMetadata(map[string]string{"provider": name})); err != nil {
			activity.Failed("failed to receive live requests, will retry", err, "provider", name)
			return
		}
	}
	activity.OK()
	l.served = names
}

// endpointName returns an endpoint name that the micro protocol accepts.
func endpointName(provider string) string {
	name := []byte(outbox.Token(provider))
	for i, c := range name {
		if c == '%' {
			name[i] = '_'
		}
	}
	return string(name)
}

func (l *live) close() {
	if l.service != nil {
		_ = l.service.Stop()
		l.service = nil
	}
}

// stop stops accepting requests.
func (l *live) stop() {
	l.close()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true // the handler may still be called for requests that were already received
}

// handle responds to a request.
func (l *live) handle(provider string, r micro.Request) {
	accepted := l.begin(func() {
		defer l.f.Slots.Release()
		if err := l.respond(provider, r); err != nil {
			_ = r.Error(strconv.Itoa(http.StatusInternalServerError), err.Error(), nil)
		}
	})
	if !accepted {
		_ = r.Error(strconv.Itoa(http.StatusServiceUnavailable), "all slots of this fetcher are in use, or it is stopping", nil)
	}
}

// begin acquires a slot and calls do in the background. It returns false if no slot is free or live was stopped.
func (l *live) begin(do func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || !l.f.Slots.TryAcquire() {
		return false
	}
	l.working.Go(do)
	return true
}

func (l *live) respond(provider string, r micro.Request) error {
	header := map[string][]string(r.Headers())
	job, err := wire.DecodeJob(header, r.Data())
	if err != nil {
		return err
	}
	timeout, err := wire.Timeout(header)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(l.work, timeout)
	defer cancel()
	ctx, span := l.f.Trace.Job(l.f.Trace.Remote(ctx, header[wire.HeaderTrace]...), job)
	out, err := l.f.once(ctx, provider, job)
	span.End(err)
	if err != nil {
		return err
	}
	m, err := l.f.encode(&out)
	if err == nil {
		err = l.f.Blobs.Shrink(context.WithoutCancel(ctx), m)
	}
	if err != nil {
		return err
	}
	m.Header.Del("Nats-Msg-Id")
	return r.Respond(m.Data, micro.WithHeaders(micro.Headers(m.Header)))
}

// once makes the only attempt at a job.
func (f *Fetcher) once(ctx context.Context, provider string, job jobs.Job) (jobs.Outcome, error) {
	ctx, end, ok := f.attempts.begin(ctx, wire.AttemptOf(&job))
	defer end()
	p, release, open := f.Settings.Hold(provider)
	defer release()
	account, known := p.Account(job.Account)
	if !ok || !open || !known || job.Provider != provider {
		return jobs.Outcome{}, errors.New("the configuration of the fetcher on " + f.Host + " has no such account")
	}
	ctx, free := f.Memory.Budget(ctx, provider)
	defer free()
	return jobs.Perform(ctx, p.Provider, account, job, clients.Retry{Attempts: 1})
}

package jobrunner

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"orderbeat/clients"
	"orderbeat/db"
	"orderbeat/jobs"
	"orderbeat/worker/slots"
	"orderbeat/worker/wait"
)

const (
	// lostEvery is how often the runner looks for attempts at fetchers whose messages are gone. Only attempts that were
	// sent at least that long ago count. They are sent again if two checks in a row find them.
	lostEvery = 20 * time.Second
	// roomCheck is the maximum wait for an outcome before the runner checks again whether it can send more attempts.
	roomCheck = 250 * time.Millisecond
	// aheadFactor is the number of attempts sent per slot, so that fetchers do not wait for jobs.
	aheadFactor = 2
)

// Fetchers make attempts at jobs in other processes.
type Fetchers interface {
	// Slots returns how many attempts at jobs of a provider all processes make at once, including this one;
	// others is false if no other process makes any.
	Slots(provider string) (n int, others bool)
	// Configure sets the maximum number of concurrent attempts at jobs of a provider.
	Configure(ctx context.Context, provider string, concurrency int) error
	// Send sends attempts. Sending the same attempts again does not repeat them, unless again is set, which is
	// for attempts whose messages are gone.
	Send(ctx context.Context, list []jobs.Job, again bool) error
	// Idle reports whether no messages of a provider are left in the streams, neither jobs nor outcomes.
	Idle(ctx context.Context, provider string) (bool, error)
	// Cancel cancels an attempt that was sent.
	Cancel(job jobs.Job)
	// Perform makes an attempt within the deadline of ctx and returns its outcome.
	Perform(ctx context.Context, job jobs.Job) (jobs.Outcome, error)
}

// sent has the attempts that fetchers make. For each provider, these and the attempts of this process are
// together limited by its concurrency.
type sent struct {
	mu        sync.Mutex // guards the rest
	attempts  map[attempt]sentAttempt
	providers map[string]*providerAttempts
}

// sentAttempt is an attempt that was sent, or is about to be.
type sentAttempt struct {
	job     jobs.Job
	since   time.Time
	waiting bool // not sent yet
}

// providerAttempts are the attempts of one provider.
type providerAttempts struct {
	count       int
	concurrency int
	own         *slots.Slots // for attempts of this process
	ended       wait.Signal
}

func newSent() *sent {
	return &sent{attempts: map[attempt]sentAttempt{}, providers: map[string]*providerAttempts{}}
}

// resize sets the concurrency of a provider. own are the slots for attempts of this process.
func (s *sent) resize(provider string, own *slots.Slots, concurrency int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	of := s.of(provider)
	of.own, of.concurrency = own, concurrency
	of.resizeLocalSlots()
}

// of returns the attempts of a provider. It is called under mu.
func (s *sent) of(provider string) *providerAttempts {
	if s.providers[provider] == nil {
		s.providers[provider] = &providerAttempts{ended: wait.NewSignal()}
	}
	return s.providers[provider]
}

// resizeLocalSlots gives this process the part of the concurrency that fetchers do not use.
func (o *providerAttempts) resizeLocalSlots() {
	if o.own != nil {
		o.own.Resize(max(0, o.concurrency-o.count))
	}
}

func (s *sent) add(list []jobs.Job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, job := range list {
		id := attempt{job.ID, job.Attempt}
		if _, known := s.attempts[id]; known {
			continue
		}
		s.attempts[id] = sentAttempt{job, time.Now(), true}
		of := s.of(job.Provider)
		of.count++
		of.resizeLocalSlots()
	}
}

// remove removes an attempt that has ended, and returns its job.
func (s *sent) remove(id attempt) (jobs.Job, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.attempts[id]
	if !ok {
		return jobs.Job{}, false
	}
	delete(s.attempts, id)
	of := s.of(a.job.Provider)
	of.count--
	of.resizeLocalSlots()
	of.ended.Set()
	return a.job, true
}

func (s *sent) get(id attempt) (jobs.Job, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.attempts[id]
	return a.job, ok
}

// ofJobs lists the attempts at jobs, the last ones of a run first: those that wait for a fetcher are cancelled
// before those in flight, which would make room for them.
func (s *sent) ofJobs(jobIDs []string) (list []attempt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.attempts {
		if slices.Contains(jobIDs, id.jobID) {
			list = append(list, id)
		}
	}
	slices.SortFunc(list, func(a, b attempt) int { return cmp.Compare(b.jobID, a.jobID) })
	return list
}

// waiting lists the attempts of a provider that are not sent yet.
func (s *sent) waiting(provider string) (list []jobs.Job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of(provider).count == 0 {
		return nil
	}
	for _, a := range s.attempts {
		if a.waiting && a.job.Provider == provider {
			list = append(list, a.job)
		}
	}
	slices.SortFunc(list, func(a, b jobs.Job) int { return cmp.Or(a.FirstAt.Compare(b.FirstAt), cmp.Compare(a.ID, b.ID)) })
	return list
}

// markSent records that attempts were sent.
func (s *sent) markSent(list []jobs.Job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, job := range list {
		id := attempt{job.ID, job.Attempt}
		if a, ok := s.attempts[id]; ok {
			a.waiting, a.since = false, time.Now()
			s.attempts[id] = a
		}
	}
}

// room returns how many more attempts of a provider may be sent, given the slots of all processes.
func (s *sent) room(provider string, all int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	of := s.of(provider)
	most := aheadFactor * min(all, of.concurrency)
	if own := of.own.Used(); own > 0 { // while they run, send only what fetchers can start immediately
		most = min(most, of.concurrency-own)
	}
	return most - of.count
}

// sentBefore lists by provider the attempts that were sent longer than age ago.
func (s *sent) sentBefore(age time.Duration) map[string][]jobs.Job {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := map[string][]jobs.Job{}
	for _, a := range s.attempts {
		if !a.waiting && time.Since(a.since) > age && !jobs.Kinds[a.job.Kind].Remaps {
			list[a.job.Provider] = append(list[a.job.Provider], a.job)
		}
	}
	return list
}

// Sent returns the number of attempts at jobs of a provider that fetchers make; "" counts all providers.
func (r *Runner) Sent(provider string) (n int) {
	r.sent.mu.Lock()
	defer r.sent.mu.Unlock()
	for name, of := range r.sent.providers {
		if provider == "" || name == provider {
			n += of.count
		}
	}
	return n
}

// restore sends the attempts that an earlier process sent once more, and those that could not be sent.
// Within a term each attempt is made only once, even if it is sent again.
func (r *Runner) restore(ctx context.Context, c *consumer) error {
	if !c.restored {
		list, err := r.DB.Remote(ctx, c.provider)
		if err != nil {
			return err
		}
		r.sent.add(list)
		c.restored = true
	}
	return r.sendWaiting(ctx, c)
}

// errNoFetchers is the error of a process with worker.role = "store" that finds no other process for its jobs.
var errNoFetchers = errors.New(`no process of the fleet performs jobs of this provider: run one with worker.role = "fetch" or "all", the same nats.prefix and this provider`)

// send claims jobs for fetchers, as many as there is room for, and sends them. It waits for room, and
// returns how many jobs it claimed. Jobs that need the database are performed here.
func (r *Runner) send(ctx, own, work context.Context, c *consumer, all int) (claimed int, err error) {
	if all == 0 {
		return 0, errNoFetchers
	}
	room := r.sent.room(c.provider, all)
	if room <= 0 {
		r.awaitOutcome(own, c.provider)
		return 1, nil // not 0, because the queue was not checked
	}
	list, err := r.DB.ClaimRemote(ctx, c.provider, time.Now(), min(room, maxClaimed), r.StoreOnly)
	if err != nil || len(list) == 0 {
		return 0, err
	}
	r.sent.add(list)
	for _, job := range list {
		if jobs.Kinds[job.Kind].Remaps {
			r.sent.markSent([]jobs.Job{job})
			r.working.Go(func() { r.remapHere(work, job) })
		}
	}
	return len(list), r.sendWaiting(ctx, c)
}

// remapHere performs a job that needs the database.
func (r *Runner) remapHere(ctx context.Context, job jobs.Job) {
	defer r.sent.remove(attempt{job.ID, job.Attempt})
	if !r.Slots.Acquire(ctx) {
		return // the job is queued again at the next start
	}
	defer r.Slots.Release()
	r.handle(ctx, job)
}

// sendWaiting sends the attempts that were claimed and are not sent yet.
func (r *Runner) sendWaiting(ctx context.Context, c *consumer) error {
	list := r.sent.waiting(c.provider)
	if len(list) == 0 {
		return nil
	}
	p, ok := r.Settings.Now().Provider(c.provider)
	if ok && c.configured != p.Concurrency {
		if err := r.Fetchers.Configure(ctx, c.provider, p.Concurrency); err != nil {
			return err
		}
		c.configured = p.Concurrency
	}
	if err := r.Fetchers.Send(ctx, list, false); err != nil {
		return err
	}
	r.sent.markSent(list)
	return nil
}

// awaitOutcome waits until an attempt at a job of the provider has ended, at most roomCheck.
func (r *Runner) awaitOutcome(ctx context.Context, provider string) {
	r.sent.mu.Lock()
	ended := r.sent.of(provider).ended
	r.sent.mu.Unlock()
	wait.Until(ctx, ended, roomCheck)
}

// Outcome commits the outcome of an attempt that a fetcher made. The error is [runs.ErrUnknown] if the
// job is not in this database.
func (r *Runner) Outcome(ctx context.Context, out jobs.Outcome) error {
	id := attempt{out.ID, out.Attempt}
	if job, ok := r.sent.get(id); ok { // use the job as it was sent, not as the fetcher returned it
		job.Tried = out.Tried
		out.Job = job
	}
	if _, err := r.store(ctx, out); err != nil {
		return err
	}
	r.sent.remove(id)
	return nil
}

// Unreadable ends an attempt whose outcome cannot be read. It does nothing if the attempt has ended.
func (r *Runner) Unreadable(ctx context.Context, jobID string, number int, cause *clients.Error) error {
	id := attempt{jobID, number}
	job, ok := r.sent.get(id)
	if !ok {
		return nil
	}
	p, _ := r.Settings.Now().Provider(job.Provider)
	cause.Provider = job.Provider
	return r.Outcome(ctx, jobs.Failure(job, cause, p.Retry, time.Now()))
}

// findLost resends attempts whose messages were deleted, individually or with their stream, until ctx ends.
func (r *Runner) findLost(ctx context.Context) {
	suspected := map[string]bool{} // providers that were idle at the last check
	for wait.For(ctx, r.LostEvery) {
		old := r.sent.sentBefore(r.LostEvery)
		maps.DeleteFunc(suspected, func(name string, _ bool) bool { return len(old[name]) == 0 })
		for name, list := range old {
			idle, err := r.Fetchers.Idle(ctx, name)
			switch {
			case err != nil || !idle || !r.Lease.WaitLeader(ctx):
				delete(suspected, name)
			case !suspected[name]:
				suspected[name] = true // an outcome may have left NATS and not be committed yet
			default:
				delete(suspected, name)
				r.Log.Warn("sending jobs to fetchers again, because their messages were deleted", "provider", name, "jobs", len(list))
				if r.Fetchers.Send(ctx, list, true) == nil {
					r.sent.markSent(list)
				}
			}
		}
	}
}

// store commits an outcome and returns it. If the database rejects the outcome, the job fails instead.
func (r *Runner) store(ctx context.Context, out jobs.Outcome) (jobs.Outcome, error) {
	committed, err := r.commit(ctx, out)
	if errors.Is(err, db.ErrOutcome) {
		out = unstorable(out, err)
		committed, err = r.commit(ctx, out)
	}
	if err != nil {
		return out, err
	}
	if !committed.Repeated {
		r.count(out)
	}
	r.Log.DebugContext(ctx, "job", "job_id", out.ID, "provider", out.Provider, "account", out.Account, "attempt", out.Attempt,
		"state", out.State, "orders", committed.Tally.Seen, "changed", committed.Tally.Changed, "err", out.Err)
	if committed.Run != nil {
		r.RunEnded(ctx, *committed.Run)
	}
	return out, nil
}

package jobs

import (
	"math/rand/v2"
	"time"

	"orderbeat/clients"
)

const (
	// firstBackoff and maxBackoff bound the wait before the second and the later attempts.
	firstBackoff = 2 * time.Second
	maxBackoff   = 15 * time.Minute
	// badResponseAttempts is how often an answer that is not the document is asked for.
	badResponseAttempts = 2
)

// again decides what becomes of a job whose attempt failed at now: [Failed] when
// asking again does not help, [Dead] when its attempts or its time are used up,
// else [Waiting] with the time it is due again. The wait doubles from attempt to
// attempt with full jitter (a uniform random share of it), and is never less than
// the provider asked for.
func again(err *clients.Error, job Job, retry clients.Retry, now time.Time) (State, time.Time) {
	if !err.Code.Retryable() {
		return Failed, time.Time{}
	}
	attempt := job.Attempt - job.Tried
	if err.Code == clients.CodeBadResponse && attempt >= badResponseAttempts {
		return Failed, time.Time{}
	}
	if attempt >= retry.Attempts {
		return Dead, time.Time{}
	}
	ceiling := min(maxBackoff, firstBackoff<<min(attempt-1, 16))
	due := now.Add(err.After + rand.N(ceiling))
	if due.After(job.FirstAt.Add(retry.For)) {
		return Dead, time.Time{}
	}
	return Waiting, due
}

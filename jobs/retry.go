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
	// maxSpread bounds over how long jobs come back that were told to wait without a call.
	maxSpread = time.Minute
)

// again decides what becomes of a job whose attempt failed at now: [Failed] when
// asking again does not help, [Dead] when its attempts or its time are used up,
// else [Waiting] with the time it is due again. The wait doubles from attempt to
// attempt with full jitter (a uniform random share of it), and is never less than
// the provider asked for.
//
// A wait that the provider asked for within the job's time is waited out, also when it ends
// behind it.
//
// What was not sent is no attempt: only time ends it. Those who were told to wait so
// are many, and for the same moment: they come back over as long again.
func again(err *clients.Error, job Job, retry clients.Retry, now time.Time) (State, time.Time) {
	if !err.Code.Retryable() {
		return Failed, time.Time{}
	}
	attempt := job.Attempt - job.Tried
	if err.Code == clients.CodeBadResponse && attempt >= badResponseAttempts {
		return Failed, time.Time{}
	}
	if attempt >= retry.Attempts && !err.NotSent {
		return Dead, time.Time{}
	}
	ceiling := min(maxBackoff, firstBackoff<<min(attempt-1, 16))
	if err.NotSent {
		ceiling = max(ceiling, min(err.After, maxSpread))
	}
	due := now.Add(err.After + rand.N(ceiling))
	end := job.FirstAt.Add(retry.For)
	asked := err.After > 0 || err.Code == clients.CodeThrottled
	if now.After(end) || due.After(end) && !asked {
		return Dead, time.Time{}
	}
	return Waiting, due
}

package jobs

import (
	"math/rand/v2"
	"time"

	"orderbeat/clients"
)

const (
	// firstBackoff is the maximum wait before the second attempt, maxBackoff before any attempt.
	firstBackoff = 2 * time.Second
	maxBackoff   = 15 * time.Minute
	// badResponseAttempts limits the attempts of a job that fails with [clients.CodeBadResponse].
	badResponseAttempts = 2
	// maxSpread limits the jitter for jobs that were postponed without a call.
	maxSpread = time.Minute
)

// Failure returns the outcome of an attempt that failed at now for a reason other than the provider's
// response, including when to retry.
func Failure(job Job, err *clients.Error, retry clients.Retry, now time.Time) Outcome {
	out := Outcome{Job: job, AskedAt: storedTime(now), FinishedAt: storedTime(now), Err: err}
	out.State, out.NextAt = nextState(err, job, retry, out.FinishedAt)
	return out
}

// nextState returns the state of a job after its attempt failed at now: [Failed] if the error is
// not retryable, [Dead] if its attempts or its time are used up, else [Waiting] with the due time.
// The backoff doubles with each attempt, with full jitter (uniform between 0 and the backoff), and
// is added to the wait that the provider requested (Retry-After).
//
// A wait requested within the job's time is respected even if it ends after that time.
//
// An attempt that sent nothing does not count towards the limit. Many jobs may be postponed to
// the same time without a call, so their jitter is as long as the wait, up to maxSpread.
func nextState(err *clients.Error, job Job, retry clients.Retry, now time.Time) (State, time.Time) {
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
	requested := err.After > 0 || err.Code == clients.CodeThrottled
	if now.After(end) || due.After(end) && !requested {
		return Dead, time.Time{}
	}
	return Waiting, due
}

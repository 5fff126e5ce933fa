// Package jobqueue decides which jobs can be claimed, and when: due retries, low-priority slots, jobs that wait for an
// earlier run of the same schedule, and jobs during which the process crashed.
//
// It depends on sqlite; runs puts jobs into the queue and takes them out. Start reading at [Store.Claim].
package jobqueue

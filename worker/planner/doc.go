// Package planner turns requests into runs: messages on the runs stream, due schedules, API
// calls. It plans each into jobs and stores both in one transaction.
//
// It owns the order of requests on one subject, responses to repeated requests, and the alert
// about open orders that a track run no longer follows. It imports no other room but
// worker/bus: who waits for a run, and how alerts are raised, it is given in [Config]. Start
// reading at [Planner.Start] and [Planner.Consume].
package planner

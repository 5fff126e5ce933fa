// Package planner turns requests into runs: messages on the runs stream, due schedules, API
// calls. It plans each into jobs and stores both in one transaction.
//
// It owns the order of requests on one subject, replies to repeated requests, and the alert about
// open orders that are no longer tracked. It imports no other room of the worker but worker/bus;
// what it needs of others is in [Config]. Start reading at [Planner.Start] and [Planner.Consume].
package planner

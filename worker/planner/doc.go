// Package planner turns requests into runs. Requests come from the runs stream, due schedules and
// the service API. It splits each run into jobs and stores both in one transaction.
//
// It keeps requests of one subject in order where needed, replies to repeated requests, and raises the alert about
// open orders that are no longer tracked. It does not depend on the scheduler, dispatcher or relay;
// [Config] has its dependencies. Start reading at [Planner.Start] and [Planner.Consume].
package planner

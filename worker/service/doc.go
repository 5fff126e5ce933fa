// Package service implements the request/reply service: the micro service "orderbeat" on NATS. The
// command line uses it, too.
//
// It implements the endpoints, limits the size of replies, and handles errors and the deadlines of callers. The
// types of requests and replies are in worker/api. It does not depend on the planner, the scheduler or the
// dispatcher; [Config] has its dependencies. Start reading at [Service.endpoints].
package service

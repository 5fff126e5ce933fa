// Package service is the request/reply service: the micro service "orderbeat" on NATS, which the
// command line uses too.
//
// It owns its endpoints, the size of replies, error replies and the deadlines of callers; the
// types of requests and replies are in worker/api. It imports no other room of the worker but
// worker/bus; what it needs of others is in [Config]. Start reading at [Service.endpoints].
package service

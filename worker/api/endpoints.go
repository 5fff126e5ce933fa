package api

// Endpoint is one endpoint of the request/reply service.
type Endpoint struct {
	// Name follows "<prefix>.api." in the subject.
	Name string
	// About says what the endpoint does.
	About string
	// Request is a zero value of the type of the request body. Required are the
	// members that a request must have.
	Request  any
	Required []string
	// Replies are zero values of the possible types of the reply; jobs.retry has two.
	Replies []any
}

// Endpoints lists all endpoints. Their handlers are in worker/service.
var Endpoints = []Endpoint{
	{"orders.get", "get an order, stored or live", GetOrder{}, []string{"provider"}, []any{Order{}}},
	{"orders.list", "list stored orders", ListOrders{}, nil, []any{Orders{}}},
	{"orders.history", "list the events of an order", OrderHistory{}, []string{"provider", "account", "order_id"}, []any{OrderEvents{}}},
	{"runs.start", "start a run, optionally wait until it ends", StartRun{}, []string{"provider", "kind"}, []any{Run{}}},
	{"runs.get", "get a run", RunID{}, []string{"run_id"}, []any{Run{}}},
	{"runs.list", "list the latest runs", ListRuns{}, nil, []any{Runs{}}},
	{"runs.cancel", "cancel a run and its unfinished jobs", RunID{}, []string{"run_id"}, []any{CancelledRun{}}},
	{"runs.pause", "pause a low-priority run, with an optional note", RunNote{}, []string{"run_id"}, []any{Run{}}},
	{"runs.resume", "resume a paused run", RunNote{}, []string{"run_id"}, []any{Run{}}},
	{"jobs.get", "get a job", JobID{}, []string{"job_id"}, []any{Job{}}},
	{"jobs.list", "list the latest jobs", ListJobs{}, nil, []any{Jobs{}}},
	{"jobs.retry", "retry a job, or the jobs of a run, a provider, a state or since a time", RetryJobs{}, nil, []any{Job{}, Retried{}}},
	{"jobs.cancel", "cancel a job", JobID{}, []string{"job_id"}, []any{Job{}}},
	{"schedules.list", "list schedules with their next due time and last tick", struct{}{}, nil, []any{Schedules{}}},
	{"schedules.pause", "pause a schedule, with an optional note", ScheduleName{}, []string{"name"}, []any{OneSchedule{}}},
	{"schedules.resume", "resume a schedule", ScheduleName{}, []string{"name"}, []any{OneSchedule{}}},
	{"schedules.trigger", "start a schedule's run now", ScheduleName{}, []string{"name"}, []any{Run{}}},
	{"events.replay", "republish events of the history, without provider calls", ReplayEvents{}, nil, []any{Replayed{}}},
	{"exchanges.remap", "re-run the mapping over recorded responses, without provider calls", Remap{}, []string{"provider"}, []any{Run{}}},
	{"providers.list", "list providers with limits, credentials and account freshness", struct{}{}, nil, []any{Providers{}}},
	{"fleet.list", "list the processes that share this NATS prefix", struct{}{}, nil, []any{Fleet{}}},
	{"auth.status", "list the states of credentials", Credential{}, nil, []any{Credentials{}}},
	{"auth.introspect", "introspect the current token at the provider", Credential{}, []string{"provider"}, []any{Introspections{}}},
	{"auth.authorize", "create a single-use link through which a user grants access", Credential{}, []string{"provider", "user"}, []any{Authorize{}}},
	{"auth.logout", "delete a credential's tokens, and revoke them if possible", Credential{}, []string{"provider"}, []any{LoggedOut{}}},
	{"auth.unlatch", "allow token requests again after rejected credentials", Credential{}, []string{"provider"}, []any{Credentials{}}},
	{"auth.rekey", "reseal all tokens with a new key", struct{}{}, nil, []any{Rekeyed{}}},
	{"db.prune", "delete rows that are older than their retention", Prune{}, nil, []any{Pruned{}}},
	{"config.get", "get the state of the configuration, and of its last reload", struct{}{}, nil, []any{Configuration{}}},
	{"config.reload", "read the configuration again and apply it", struct{}{}, nil, []any{Reloaded{}}},
}

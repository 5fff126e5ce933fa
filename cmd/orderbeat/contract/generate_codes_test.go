package contract

// errorCodes are the codes of error replies besides those of failed provider calls.
var errorCodes = []enumValue{
	{"not_found", "no such order, run, job, schedule or credential"},
	{"busy", "the endpoint serves as many requests as it may; repeat the request after retry_after"},
	{"timeout", "the caller's deadline has passed"},
}

// alertCodes are the codes of alerts.
var alertCodes = []enumValue{
	{"auth_rejected", "of a credential: the token endpoint rejects it, or does not understand the request"},
	{"suspected_ip_block", "of a credential: connections fail soon after rejected credentials"},
	{"consent_required", "of a user, who must grant access"},
	{"store_unreadable", "of a credential: stored tokens cannot be read"},
	{"unauthorized", "of an account: the API rejects a new token too"},
	{"forbidden", "of an account: the API denies access"},
	{"invalid", "of an account: the API rejects the request"},
	{"bad_response", "of an account: a response, or one order of it, cannot be read"},
	{"dead_job", "of an account: a job used up its attempts or its time"},
	{"stale", "of an account: no success for the provider's fresh_for"},
	{"tracking_stopped", "of an account: open orders are too old to be requested further"},
	{"missed_schedule", "of a provider: due times were missed, or a schedule paused itself"},
	{"queue_delayed", "of a provider: a job waits in the queue for long"},
	{"unpublishable", "of a provider: NATS rejects messages"},
	{"id_conflict", "of a provider: another publisher used the Nats-Msg-Id of a message before"},
	{"unavailable", "of a provider: it has not responded for 10 minutes"},
}

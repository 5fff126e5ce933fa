package alerts

import "orderbeat/clients"

// Codes are the codes of all alerts.
var Codes = []clients.Code{
	clients.CodeAuthRejected, clients.CodeIPBlock, clients.CodeConsent, "store_unreadable",
	clients.CodeUnauthorized, clients.CodeForbidden, clients.CodeInvalid, clients.CodeBadResponse, codeDead,
	"stale", "tracking_stopped", "missed_schedule", "queue_delayed", "unpublishable", "id_conflict", clients.CodeUnavailable,
}

package auth

import (
	"context"
	"time"

	"orderbeat/auth"
	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/cmd/orderbeat/config"
	"orderbeat/db"
	"orderbeat/worker/api"
)

// Who told of credentials.
const (
	fromWorker   = "worker"
	fromDatabase = "database"
)

// teller tells of credentials: a running worker, else the database.
type teller struct {
	worker *cli.Client // nil when NATS is not there
	path   string
}

func newTeller(conf *config.Config) *teller {
	t := &teller{path: conf.DB.Path}
	if w, err := cli.Dial(conf.NATS); err == nil {
		t.worker = w
	}
	return t
}

// Close ends the connection.
func (t *teller) Close() {
	if t.worker != nil {
		t.worker.Close()
	}
}

// list tells of every credential, and who told.
func (t *teller) list(ctx context.Context) (list []auth.Status, from string, err error) {
	if t.worker != nil {
		var reply api.Credentials
		const patience = 2 * time.Second
		if err := t.worker.Request(ctx, patience, "auth.status", struct{}{}, &reply); err == nil {
			return reply.Credentials, fromWorker, nil
		}
	}
	database, err := db.OpenReadOnly(ctx, t.path)
	if err != nil {
		return nil, "", err
	}
	defer database.Close()
	rows, err := database.Credentials(ctx)
	if err != nil {
		return nil, "", err
	}
	list = make([]auth.Status, len(rows))
	for i, row := range rows {
		list[i] = auth.StatusOf(row)
	}
	return list, fromDatabase, nil
}

// consentedAt is when a user last granted access, zero if never.
func (t *teller) consentedAt(ctx context.Context, of api.Credential) (time.Time, error) {
	list, _, err := t.list(ctx)
	if err != nil {
		return time.Time{}, err
	}
	for _, st := range list {
		if st.Provider == of.Provider && st.User == of.User && st.State != auth.StateConsent {
			return st.ConsentedAt, nil
		}
	}
	return time.Time{}, nil
}

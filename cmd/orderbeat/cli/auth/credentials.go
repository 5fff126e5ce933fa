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

// The sources of credential states.
const (
	fromWorker   = "worker"
	fromDatabase = "database"
	fromBucket   = "bucket" // on an external NATS
)

// credentialReader reads credential states from a running worker, or else from its token store.
type credentialReader struct {
	worker *cli.Client // nil if NATS cannot be reached
	conf   *config.Config
}

func newCredentialReader(conf *config.Config) *credentialReader {
	t := &credentialReader{conf: conf}
	if w, err := cli.Dial(conf.NATS); err == nil {
		t.worker = w
	}
	return t
}

// Close ends the connection.
func (t *credentialReader) Close() {
	if t.worker != nil {
		t.worker.Close()
	}
}

// list returns the state of every credential, and its source.
func (t *credentialReader) list(ctx context.Context) (list []auth.Status, from string, err error) {
	if t.worker != nil {
		var reply api.Credentials
		const timeout = 2 * time.Second
		if err := t.worker.Request(ctx, timeout, "auth.status", struct{}{}, &reply); err == nil {
			return reply.Credentials, fromWorker, nil
		}
	}
	rows, from, err := t.stored(ctx)
	if err != nil {
		return nil, "", err
	}
	list = make([]auth.Status, len(rows))
	for i, row := range rows {
		list[i] = auth.StatusOf(row)
	}
	return list, from, nil
}

// stored returns the rows of the worker's token store, and which store that is.
func (t *credentialReader) stored(ctx context.Context) (rows []auth.Row, from string, err error) {
	if t.conf.NATS.URL != "" {
		bucket, disconnect, err := cli.TokenBucket(t.conf.NATS)
		if err != nil {
			return nil, "", err
		}
		defer disconnect()
		rows, err = bucket.Credentials(ctx)
		return rows, fromBucket, err
	}
	database, err := db.OpenReadOnly(ctx, t.conf.DB.Path)
	if err != nil {
		return nil, "", err
	}
	defer database.Close()
	rows, err = database.Credentials(ctx)
	return rows, fromDatabase, err
}

// consentedAt returns when a user last granted access, zero if never.
func (t *credentialReader) consentedAt(ctx context.Context, of api.Credential) (time.Time, error) {
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

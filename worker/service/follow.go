package service

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"orderbeat/clients"
	"orderbeat/worker/api"
	"orderbeat/worker/wait"
)

// followEvery is how often a follower checks whether its database is recent enough to reply.
const followEvery = 250 * time.Millisecond

// errLeader means that only the leader can handle a request.
var errLeader = errors.New("only the leader can do this")

// Follow replies to requests that a follower can handle, in one queue group with the leader, until ctx
// ends. asOf returns when the database last contained all published messages, and false while that is too long ago:
// then this process does not reply to requests that read the database. Requests that need the leader are forwarded
// to it.
func (s *Service) Follow(ctx, work context.Context, asOf func() (time.Time, bool)) {
	isCurrent := func() bool { _, ok := asOf(); return ok }
	for ctx.Err() == nil {
		current := isCurrent()
		list := slices.DeleteFunc(s.endpoints(), func(e endpoint) bool {
			return e.replies == leaderOnly || e.replies == withCurrent && !current
		})
		m, err := s.open(work, list, asOf)
		if err != nil {
			s.Log.Warn("failed to start the service of a follower, will retry", "err", err)
			wait.For(ctx, followEvery)
			continue
		}
		for isCurrent() == current && wait.For(ctx, followEvery) {
		}
		if err := m.stop(); err != nil && ctx.Err() == nil {
			s.Log.Warn("failed to stop the service of a follower", "err", err)
		}
	}
}

// leaderSubject is the subject of an endpoint on which only the leader replies.
func (s *Service) leaderSubject(e endpoint) string { return s.Conn.Of("leader." + e.Name) }

// forward sends a request to the leader, and its reply to the caller.
func (s *Service) forward(ctx context.Context, e endpoint, msg *nats.Msg) {
	timeout, _ := timeoutOf(msg.Header) // already validated
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	reply, err := s.Conn.NATS.RequestMsgWithContext(ctx, &nats.Msg{Subject: s.leaderSubject(e), Header: msg.Header, Data: msg.Data})
	if err != nil {
		s.sendError(msg, noLeader("Retry in a few seconds, or omit max_age to get the stored order."))
		return
	}
	if msg.Reply != "" {
		_ = s.Conn.NATS.PublishMsg(&nats.Msg{Subject: msg.Reply, Header: reply.Header, Data: reply.Data}) // as in sendError
	}
}

// noLeader returns the error of a request that only the leader can handle when no leader replies.
func noLeader(hint string) *api.Error {
	return &api.Error{Status: http.StatusServiceUnavailable, Code: clients.CodeUnavailable, Message: "this request requires a leader, and there is none at the moment", Hint: hint}
}

// requestLeader sends a request of this process to the leader, and returns the reply. Only the leader receives
// requests to this endpoint.
func (s *Service) requestLeader(ctx context.Context, e endpoint, body []byte) ([]byte, error) {
	if err := s.Conn.Usable(); err != nil {
		return nil, noLeader("NATS: " + err.Error())
	}
	timeout := defaultTimeout
	if deadline, ok := ctx.Deadline(); ok {
		timeout = time.Until(deadline)
	}
	msg := &nats.Msg{Subject: s.Conn.Of("api." + e.Name), Data: body, Header: nats.Header{api.HeaderTimeout: {timeout.String()}}}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	reply, err := s.Conn.NATS.RequestMsgWithContext(ctx, msg)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return nil, noLeader("Retry in a few seconds.")
	case err != nil:
		return nil, &api.Error{
			Status: http.StatusServiceUnavailable, Code: clients.CodeUnavailable, Message: "the leader did not reply: " + err.Error(),
			Hint: "The request may have been carried out. Check before you retry.",
		}
	}
	if reply.Header.Get(micro.ErrorCodeHeader) == "" {
		return reply.Data, nil
	}
	var failed api.ErrorReply
	if err := json.Unmarshal(reply.Data, &failed); err != nil || failed.Error.Code == "" {
		return nil, fmt.Errorf("unexpected reply of the leader: %w", cmp.Or(err, errors.New("no error")))
	}
	failed.Error.Status, _ = strconv.Atoi(reply.Header.Get(micro.ErrorCodeHeader))
	return nil, &failed.Error
}

// withAsOf adds the member as_of to a reply.
func withAsOf(body []byte, at time.Time) []byte {
	member := `,"as_of":"` + at.UTC().Format(time.RFC3339Nano) + `"}`
	return append(slices.Clone(body[:len(body)-1]), member...)
}

package service

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/nats-io/nats.go"

	"orderbeat/worker/api"
)

// Call carries out a request of this process, such as one of the operator's page, as one that
// comes over NATS: the same validation, deadline and masking. It decodes the reply into reply. Its
// errors are [*api.Error].
func (s *Service) Call(ctx context.Context, endpoint string, q, reply any) error {
	body, err := json.Marshal(q)
	if err != nil {
		return s.masked(err)
	}
	r := &request{Msg: &nats.Msg{Data: body}}
	defer r.free()
	for _, e := range s.endpoints() {
		if e.Name != endpoint {
			continue
		}
		answer, err := s.call(ctx, e, r)
		if err != nil {
			return s.masked(err)
		}
		text, err := json.Marshal(answer)
		if err == nil {
			err = json.Unmarshal(text, reply)
		}
		if err != nil {
			return s.masked(err)
		}
		return nil
	}
	return s.masked(fmt.Errorf("no endpoint %s", endpoint))
}

// masked is the error reply of an error, without secrets.
func (s *Service) masked(err error) *api.Error {
	e := *asAPIError(err)
	e.Message, e.Hint = s.Mask.Text(e.Message), s.Mask.Text(e.Hint)
	return &e
}

// Command go is an example of a service that uses Orderbeat over NATS: a durable consumer of order
// events, a lookup of an order, and a run that is started and waited for.
//
// It uses the documented subjects and JSON only, no package of Orderbeat.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) < 2 {
		return errors.New("usage: consume FILE [DURATION] | where REFERENCE | sync PROVIDER")
	}
	conn, err := connect()
	if err != nil {
		return err
	}
	defer conn.Close()
	switch args[0] {
	case "consume":
		if len(args) > 2 {
			d, err := time.ParseDuration(args[2])
			if err != nil {
				return err
			}
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, d)
			defer cancel()
		}
		return consume(ctx, conn, args[1])
	case "where":
		return where(ctx, conn, args[1])
	case "sync":
		return sync(ctx, conn, args[1])
	default:
		return fmt.Errorf("unknown command %q", args[0])
	}
}

// connect uses the variables that "orderbeat env" prints.
func connect() (*nats.Conn, error) {
	options := []nats.Option{nats.Name("orderbeat example"), nats.MaxReconnects(-1)}
	if user := os.Getenv("NATS_USER"); user != "" {
		options = append(options, nats.UserInfo(user, os.Getenv("NATS_PASSWORD")))
	}
	return nats.Connect(os.Getenv("NATS_URL"), options...)
}

// apiError is an error reply.
type apiError struct {
	Code       string `json:"code"`
	Message    string `json:"message"`
	Hint       string `json:"hint"`
	RetryAfter string `json:"retry_after"`
}

func (e *apiError) Error() string { return e.Code + ": " + e.Message }

// call sends a request to an endpoint and decodes its reply. The deadline also reaches the provider
// call; the client waits a little longer, to receive the worker's own error.
func call(ctx context.Context, conn *nats.Conn, endpoint string, deadline time.Duration, request, reply any) error {
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, deadline+time.Second)
	defer cancel()
	msg, err := conn.RequestMsgWithContext(ctx, &nats.Msg{
		Subject: "orderbeat.api." + endpoint, Data: body, Header: nats.Header{"Orderbeat-Timeout": {deadline.String()}},
	})
	if errors.Is(err, nats.ErrNoResponders) {
		return errors.New("no worker runs")
	}
	if err != nil {
		return err
	}
	if msg.Header.Get("Nats-Service-Error-Code") != "" {
		var e struct{ Error apiError }
		if err := json.Unmarshal(msg.Data, &e); err != nil {
			return err
		}
		return &e.Error
	}
	return json.Unmarshal(msg.Data, reply)
}

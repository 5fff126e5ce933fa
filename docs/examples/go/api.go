package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

// where prints the status of the order with the customer's number, within two seconds.
func where(ctx context.Context, conn *nats.Conn, reference string) error {
	var reply struct {
		Order struct {
			OrderID        string  `json:"order_id"`
			Status         string  `json:"status"`
			NextPromisedOn *string `json:"next_promised_on"`
		} `json:"order"`
		ObservedAt time.Time `json:"observed_at"`
	}
	err := call(ctx, conn, "orders.get", 2*time.Second, map[string]string{"provider": "michelin", "reference": reference}, &reply)
	if e, ok := errors.AsType[*apiError](err); ok && e.Code == "not_found" {
		fmt.Println("no such order:", reference)
		return nil
	}
	if err != nil {
		return err
	}
	promised := "not promised"
	if reply.Order.NextPromisedOn != nil {
		promised = "promised for " + *reply.Order.NextPromisedOn
	}
	fmt.Printf("%s (%s) is %s, %s, as of %s\n", reference, reply.Order.OrderID, reply.Order.Status, promised, reply.ObservedAt.Format(time.DateTime))
	return nil
}

// sync starts a run and waits for its result, at most a minute.
func sync(ctx context.Context, conn *nats.Conn, provider string) error {
	type run struct {
		RunID  string `json:"run_id"`
		State  string `json:"state"`
		Orders struct {
			Seen    int `json:"seen"`
			Changed int `json:"changed"`
		} `json:"orders"`
		Errors []struct{ Account, Code, Message string } `json:"errors"`
	}
	var reply struct{ Run run }
	request := map[string]any{"provider": provider, "kind": "sync", "params": map[string]string{"lookback": "14d"}, "wait": true}
	err := call(ctx, conn, "runs.start", time.Minute, request, &reply)
	if e, ok := errors.AsType[*apiError](err); ok && e.Code == "timeout" {
		return fmt.Errorf("the run goes on, see runs.list: %s", e.Message)
	}
	if err != nil {
		return err
	}
	fmt.Printf("run %s %s: %d orders, %d changed\n", reply.Run.RunID, reply.Run.State, reply.Run.Orders.Seen, reply.Run.Orders.Changed)
	for _, e := range reply.Run.Errors {
		fmt.Printf("  %s: %s: %s\n", e.Account, e.Code, e.Message)
	}
	return nil
}

package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	_ "github.com/mattn/go-sqlite3" // the example's own database
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// schema is the example's database: what was handled, and the newest state of each order.
const schema = `
CREATE TABLE IF NOT EXISTS handled (ce_id TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS orders (provider TEXT, account TEXT, order_id TEXT, revision INTEGER, status TEXT, document TEXT,
                                   PRIMARY KEY (provider, account, order_id))`

// event is what the example needs of an order event.
type event struct {
	Provider string          `json:"provider"`
	Account  string          `json:"account"`
	OrderID  string          `json:"order_id"`
	Revision int             `json:"revision"`
	Status   string          `json:"status"`
	Order    json.RawMessage `json:"order"` // absent if truncated, or with events.body = "changes"
}

// consume applies order events to a database, each once, until ctx ends.
func consume(ctx context.Context, conn *nats.Conn, file string) error {
	db, err := sql.Open("sqlite3", file)
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, schema); err != nil {
		return err
	}
	js, err := jetstream.New(conn)
	if err != nil {
		return err
	}
	// The same name continues where the previous process stopped.
	consumer, err := js.CreateOrUpdateConsumer(ctx, "ORDERBEAT_ORDERS", jetstream.ConsumerConfig{
		Durable: "example-go", FilterSubject: "orderbeat.orders.>", AckPolicy: jetstream.AckExplicitPolicy, AckWait: 30 * time.Second,
	})
	if err != nil {
		return err
	}
	messages, err := consumer.Messages()
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, messages.Stop)
	defer stop()
	for {
		msg, err := messages.Next()
		if errors.Is(err, jetstream.ErrMsgIteratorClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := handle(context.WithoutCancel(ctx), conn, db, msg); err != nil {
			fmt.Println("retry later:", err)
			_ = msg.NakWithDelay(5 * time.Second) // it also comes again by itself
			continue
		}
		_ = msg.Ack() // if it is lost, the message comes again, and is dropped by its ce-id
	}
}

// handle applies one message: the state, the ce-id and the revision in one transaction.
func handle(ctx context.Context, conn *nats.Conn, db *sql.DB, msg jetstream.Msg) error {
	kind, id := msg.Headers().Get("ce-type"), msg.Headers().Get("ce-id")
	if !strings.HasPrefix(kind, "orderbeat.order.") {
		return nil // a type of a later version
	}
	var e event
	if err := json.Unmarshal(msg.Data(), &e); err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // after a commit it does nothing
	result, err := tx.ExecContext(ctx, `INSERT INTO handled VALUES (?) ON CONFLICT DO NOTHING`, id)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return err // a duplicate, or a replay
	}
	if e.Order == nil {
		if err := whole(ctx, conn, &e); err != nil {
			return err
		}
	}
	// An older revision, as after a redelivery, changes nothing.
	if _, err := tx.ExecContext(ctx, `
INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET revision = excluded.revision, status = excluded.status, document = excluded.document
 WHERE excluded.revision >= orders.revision`, e.Provider, e.Account, e.OrderID, e.Revision, e.Status, string(e.Order)); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	fmt.Println(id, kind, e.Status)
	return nil
}

// whole completes an event without the order with the current one.
func whole(ctx context.Context, conn *nats.Conn, e *event) error {
	var reply struct {
		Order    json.RawMessage `json:"order"`
		Revision int             `json:"revision"`
	}
	request := map[string]string{"provider": e.Provider, "account": e.Account, "order_id": e.OrderID}
	if err := call(ctx, conn, "orders.get", 5*time.Second, request, &reply); err != nil {
		return err
	}
	e.Order, e.Revision = reply.Order, reply.Revision
	var order struct{ Status string }
	if err := json.Unmarshal(reply.Order, &order); err != nil {
		return err
	}
	e.Status = order.Status
	return nil
}

package db_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"orderbeat/db/dbtest"
	"orderbeat/db/orders"
)

func TestListsDoNotExhaustTheReadersOfTheWorker(t *testing.T) {
	d := dbtest.Open(t)
	_, js := dbtest.Start(t, d, 1)
	dbtest.Commit(t, d, dbtest.Succeeded(js[0], dbtest.Noon, batch(0, 200, false)...))
	ctx, stop := context.WithCancel(t.Context())
	reading, ended := make(chan error), make(chan error)
	readers := 4*runtime.GOMAXPROCS(0) + 8
	for range readers {
		go func() {
			var failed error
			began := false
			for _, err := range d.EachOrder(ctx, orders.OrderFilter{Limit: 1000}) {
				if failed = err; err == nil && !began {
					began = true
					select {
					case reading <- nil:
					case <-ctx.Done():
					}
					<-ctx.Done() // a slow list
				}
			}
			ended <- failed
		}()
	}
	for range runtime.GOMAXPROCS(0) + 2 { // the number of connections for lists
		<-reading
	}
	soon, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := d.Ping(soon); err != nil {
		t.Errorf("Ping: %v, want that readiness does not wait for lists", err)
	}
	if _, err := d.Pending(soon, time.Now(), 10); err != nil {
		t.Errorf("Pending: %v, want that the relay does not wait for lists", err)
	}
	if _, err := d.Tokens().Load(soon, "p/u"); err != nil {
		t.Errorf("Load: %v, want that tokens do not wait for lists", err)
	}
	stop()
	for range readers {
		<-ended
	}
}

package worker_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"orderbeat/auth/secret"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"orderbeat/auth"
	"orderbeat/clients"
	"orderbeat/clients/michelin"
	"orderbeat/clients/section"
	"orderbeat/db"
	"orderbeat/jobs"
	"orderbeat/worker"
	"orderbeat/worker/bus"
)

// BenchmarkJobs measures whole jobs against a provider that responds at once: JetStream, HTTP,
// decoding, commit, outbox, publishing and acknowledgement. Each job requests one order of one
// line: a new one each time, or always the same.
func BenchmarkJobs(b *testing.B) {
	for _, sync := range []string{"2m", "always"} {
		for _, orders := range []string{"new", "unchanged"} {
			b.Run("sync="+sync+"/orders="+orders, func(b *testing.B) { benchmarkJobs(b, sync == "always", orders == "new") })
		}
	}
}

const answerOfOne = `{"documentID":"C1","variant":"1","orderStatusIndicator":"2","errorHead":{"errorCode":"0"},
"buyerParty":{"partyID":"1111111","agencyCode":"91"},"consignee":{"partyID":"1234567","agencyCode":"91"},
"referencedOrder":[{"error":null,"orderDate":"2026-11-15","supplierOrderNumber":{"documentId":"SO%09d"},"orderReference":{"documentId":"PO1"},"orderingMethod":"EDI PO",
"orderLine":[{"lineId":"001","orderedArticle":{"articleIdentification":{"buyersArticleId":"321","manufacturersArticleId":"62115"},
"articleDescription":{"articleDescriptionText":"265/70R17 SAMPLE"},"requestedDeliveryDate":"2026-11-20",
"scheduleDetails":[{"deliveryDate":"2099-11-25","openQuantity":{"quantityValue":"4"}}],"orderedQuantity":{"quantityValue":"4"}}}]}]}`

// answering is a provider's API without delay.
func answering(fresh bool) http.Handler {
	var number atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			fmt.Fprint(w, `{"access_token":"t","token_type":"Bearer"}`)
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		id := int64(0)
		if fresh {
			id = number.Add(1)
		}
		fmt.Fprintf(w, answerOfOne, id)
	})
}

func benchmarkJobs(b *testing.B, always, fresh bool) {
	b.Helper()
	const atOnce = 256
	server := httptest.NewServer(answering(fresh))
	defer server.Close()
	folder := b.TempDir()
	log := slog.New(slog.DiscardHandler)
	database, err := db.Open(b.Context(), db.Options{Path: filepath.Join(folder, "orderbeat.db"), Synchronous: "full", Log: log})
	if err != nil {
		b.Fatal(err)
	}
	defer database.Close()
	account := clients.Account{Name: "detroit", BillTo: "1111111", ShipTo: "1234567", Location: time.UTC}
	retry := clients.Retry{Attempts: 3, For: time.Hour}
	provider, err := michelin.Open(section.Section{
		Config: section.Config{
			Name: "michelin", Kind: "michelin", Environment: "test", BaseURL: server.URL, TokenURL: server.URL + "/token", AllowInsecureHTTP: true,
			ClientID: secret.New("id"), ClientSecret: secret.New("secret"), Concurrency: atOnce,
			Rate: clients.Rate{Calls: 1_000_000, Per: time.Second}, TokenRate: clients.Rate{Calls: 5, Per: time.Second},
			Retry: retry, Timeout: 30 * time.Second, MaxBody: 32 << 20, Accounts: []clients.Account{account},
		},
		Decode: func(any) error { return nil }, Tokens: auth.NewMemory(), Log: log,
	})
	if err != nil {
		b.Fatal(err)
	}
	running := make(chan map[string]string, 1)
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- worker.Run(ctx, worker.Config{
			NATS: bus.Config{Listen: "127.0.0.1:0", Store: filepath.Join(folder, "nats"), Prefix: "orderbeat", SyncAlways: always, SyncEvery: 2 * time.Minute, MaxPayload: 8 << 20},
			DB:   database, Concurrency: atOnce, Drain: time.Second, Log: slog.New(watcher{Handler: log.Handler(), running: running}),
			Providers: []worker.Provider{{Provider: provider, Name: "michelin", Accounts: []clients.Account{account}, Concurrency: atOnce, Retry: retry}},
		})
	}()
	defer func() { cancel(); <-ended }()
	conn, err := nats.Connect((<-running)["nats"])
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		b.Fatal(err)
	}

	b.ResetTimer()
	const perRun = 200 // one job for each 90 days of a long range
	for left := b.N; left > 0; left -= perRun {
		from := clients.Date("1971-01-01").AddDays(left / perRun) // no run coalesces with another
		to := from.AddDays(90*min(left, perRun) - 1)
		body := fmt.Sprintf(`{"provider":"michelin","kind":"sync","params":{"from":%q,"to":%q}}`, from, to)
		msg, err := conn.Request("orderbeat.api.runs.start", []byte(body), 30*time.Second)
		if err != nil || msg.Header.Get("Nats-Service-Error-Code") != "" {
			b.Fatalf("%v %s", err, msg.Data)
		}
	}
	for !quiet(b, database) {
		time.Sleep(2 * time.Millisecond)
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "jobs/s")
	if events := held(b, js, "ORDERBEAT_ORDERS"); fresh && events != b.N {
		b.Fatalf("got %d events, want %d", events, b.N)
	}
}

// BenchmarkOrdersGet measures orders.get of a stored order, over TCP on loopback.
func BenchmarkOrdersGet(b *testing.B) {
	folder := b.TempDir()
	log := slog.New(slog.DiscardHandler)
	database, err := db.Open(b.Context(), db.Options{Path: filepath.Join(folder, "orderbeat.db"), Synchronous: "full", Log: log})
	if err != nil {
		b.Fatal(err)
	}
	defer database.Close()
	account := clients.Account{Name: "detroit"}
	provider := &supplier{answer: lists(0, "SO1")}
	running := make(chan map[string]string, 1)
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- worker.Run(ctx, worker.Config{
			NATS: bus.Config{Listen: "127.0.0.1:0", Store: filepath.Join(folder, "nats"), Prefix: "orderbeat"},
			DB:   database, Concurrency: 4, Drain: time.Second, Log: slog.New(watcher{Handler: log.Handler(), running: running}),
			Providers: []worker.Provider{{Provider: provider, Name: "michelin", Accounts: []clients.Account{account}, Concurrency: 4, Retry: clients.Retry{Attempts: 1}}},
		})
	}()
	defer func() { cancel(); <-ended }()
	conn, err := nats.Connect((<-running)["nats"])
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	question := []byte(`{"provider":"michelin","account":"detroit","order_id":"SO1"}`)
	ask := func() {
		msg, err := conn.Request("orderbeat.api.orders.get", question, 10*time.Second)
		if err != nil || msg.Header.Get("Nats-Service-Error-Code") != "" {
			b.Errorf("%v %s", err, msg.Data)
		}
	}
	ask() // live, and stored from now on
	b.Run("one", func(b *testing.B) {
		for b.Loop() {
			ask()
		}
	})
	b.Run("parallel=16", func(b *testing.B) {
		b.SetParallelism(8)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				ask()
			}
		})
	})
}

// quiet reports whether all jobs are done and all messages published.
func quiet(b *testing.B, database *db.DB) bool {
	b.Helper()
	pending, err := database.Pending(b.Context(), time.Now(), 1)
	if err != nil {
		b.Fatal(err)
	}
	for _, state := range []jobs.State{jobs.Queued, jobs.Running} {
		if runs, err := database.Runs(b.Context(), db.RunFilter{State: state, Limit: 1}); err != nil || len(runs) > 0 {
			return false
		}
	}
	return len(pending) == 0
}

func held(b *testing.B, js jetstream.JetStream, stream string) int {
	b.Helper()
	s, err := js.Stream(b.Context(), stream)
	if err != nil {
		b.Fatal(err)
	}
	return int(s.CachedInfo().State.Msgs)
}

package worker_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"orderbeat/clients"
	"orderbeat/db/dbtest/bulk"
	"orderbeat/db/reports"
	"orderbeat/worker"
)

// maxPageTime is what a page may take, in the median.
const maxPageTime = 200 * time.Millisecond

// TestPagesAreFast requests every section of the operator's page, with a thousand orders. With as many as
// ORDERBEAT_TEST_ORDERS says, on a machine that does nothing else, it measures them, too. A million take 4 GB:
// TMPDIR=/dev/shm.
func TestPagesAreFast(t *testing.T) {
	n, measured := 1000, false
	if text := os.Getenv("ORDERBEAT_TEST_ORDERS"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
		measured = true
	}
	folder := t.TempDir()
	path := filepath.Join(folder, "orderbeat.db")
	bulk.Create(t, path, n)
	w := startIn(t, folder, func(c *worker.Config) {
		listening(c)
		c.Schedules = []worker.Schedule{nightly()}
		c.Providers[0].Accounts = nil
		for i := range 10 {
			c.Providers[0].Accounts = append(c.Providers[0].Accounts, clients.Account{Name: fmt.Sprintf("a%d", i)})
		}
	})
	begun := time.Now()
	for {
		done, err := w.db.Reports().Advance(t.Context())
		if done {
			break
		}
		if err != nil {
			time.Sleep(10 * time.Millisecond) // the worker was first
		}
	}
	t.Logf("%d orders; reports took %s", n, time.Since(begun).Round(time.Second))
	for name, path := range map[string]string{
		"overview": "/", "orders": "/ui/orders", "orders/page": "/ui/orders?cursor=" + cursorOf(t, w),
		"orders/account": "/ui/orders?account=a3", "orders/status": "/ui/orders?status=cancelled", "orders/none": "/ui/orders?account=nowhere&status=unknown",
		"orders/late": "/ui/orders?late=1&account=a3", "orders/promise": "/ui/orders?sort=promise&status=confirmed", "orders/number": "/ui/orders?sort=order&provider=michelin&account=a7&status=open",
		"orders/since": "/ui/orders?since=14d&status=open", "orders/search": "/ui/orders?q=SO0007",
		"order": "/ui/order?provider=michelin&account=a7&id=SO00000007", "suppliers": "/ui/suppliers?months=13", "suppliers/article": "/ui/suppliers?months=13&by=article",
		"suppliers/article of one": "/ui/suppliers?months=13&by=article&account=a3",
		"suppliers/month":          "/ui/suppliers?by=month&account=a3", "runs": "/ui/runs?state=failed", "run": "/ui/run?id=" + runOf(n), "jobs": "/ui/jobs?state=failed", "jobs/account": "/ui/jobs?account=nowhere",
		"schedules": "/ui/schedules", "exchanges": "/ui/exchanges?failed=1", "exchanges/account": "/ui/exchanges?provider=michelin&account=nowhere", "credentials": "/ui/credentials", "alerts": "/ui/alerts",
	} {
		t.Run(name, func(t *testing.T) {
			took := make([]time.Duration, 20)
			for i := range took {
				begun := time.Now()
				resp, body := w.send(http.MethodGet, path, nil)
				took[i] = time.Since(begun)
				if resp.StatusCode != 200 {
					t.Fatalf("got %d %s", resp.StatusCode, body)
				}
			}
			slices.Sort(took)
			median, most := took[len(took)/2], took[len(took)-1]
			t.Logf("median %s, longest %s", median.Round(100*time.Microsecond), most.Round(100*time.Microsecond))
			if measured && median > maxPageTime {
				t.Errorf("got a median of %s, want at most %s", median, maxPageTime)
			}
		})
	}
}

// cursorOf is a cursor in the middle of the orders by change.
func cursorOf(t *testing.T, w *bench) string {
	t.Helper()
	page, err := w.db.Reports().Orders(t.Context(), reports.OrderFilter{Limit: 500})
	if err != nil {
		t.Fatal(err)
	}
	return page.Cursor
}

func runOf(n int) string { return fmt.Sprintf("01JRUN%020d", n/100-1) }

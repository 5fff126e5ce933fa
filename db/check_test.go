package db_test

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/db"
	"orderbeat/db/dbtest"
	"orderbeat/db/retention"
)

// whole is a database with rows in every checked table.
func whole(t *testing.T) *db.DB {
	t.Helper()
	d := needed(t)
	ended(t, d, dbtest.Noon, unread)
	return d
}

func TestCheckFindsNoFaultInAConsistentDatabase(t *testing.T) {
	dbtest.CheckConsistent(t, dbtest.Open(t))
	d := whole(t)
	dbtest.CheckConsistent(t, d)
	prune(t, d, retention.Periods{Exchanges: day, Jobs: day, Events: day})
	dbtest.CheckConsistent(t, d)
}

func TestCheckFindsFaults(t *testing.T) {
	const so1, so2 = "michelin detroit SO1", "michelin detroit SO2"
	for _, test := range []struct {
		damage string
		want   []string // what and where
	}{
		{"PRAGMA foreign_keys = OFF; DELETE FROM runs WHERE kind = 'invoice'; PRAGMA foreign_keys = ON", []string{"missing referenced row: jobs row "}},
		{"UPDATE orders SET status = 'lost' WHERE order_id = 'SO1'", []string{"order row differs from its document: " + so1}},
		{"UPDATE orders SET reference = NULL WHERE order_id = 'SO1'", []string{"order row differs from its document: " + so1}},
		{"UPDATE orders SET shipped_quantity = 99 WHERE order_id = 'SO1'", []string{"order row differs from its document: " + so1}},
		{"UPDATE orders SET document = '{' WHERE order_id = 'SO3'", []string{"order row differs from its document: michelin detroit SO3"}},
		{"DELETE FROM despatches WHERE order_id = 'SO1'", []string{"despatches of an order differ from its document: " + so1 + " line 001 number 1"}},
		{"INSERT INTO despatches (provider, account, order_id, line_id, seq) VALUES ('michelin', 'detroit', 'SO1', '001', 2)", []string{
			"despatches of an order differ from its document: " + so1 + " line 001: 2 rows",
		}},
		{"INSERT INTO despatches (provider, account, order_id, line_id, seq) VALUES ('michelin', 'detroit', 'SO9', '001', 1)", []string{
			"despatches of a missing order: michelin detroit SO9",
		}},
		{"DELETE FROM order_events WHERE order_id = 'SO3'", []string{"history of an order does not end with its revision: michelin detroit SO3 revision 1"}},
		{"UPDATE orders SET revision = 9 WHERE order_id = 'SO3'", []string{"history of an order does not end with its revision: michelin detroit SO3 revision 9"}},
		{"UPDATE order_events SET order_id = 'SO9' WHERE order_id = 'SO1' AND revision = 1", []string{"event of a missing order: michelin.detroit.SO1.1"}},
		{"DELETE FROM order_events WHERE order_id = 'SO1' AND revision = 1", []string{"outbox message of a missing event: michelin.detroit.SO1.1"}},
		{"DELETE FROM despatch_advice_lines", []string{"lines of a despatch advice differ from its document: michelin detroit BOL1"}},
		{"DELETE FROM invoice_lines", []string{"lines of an invoice differ from its document: michelin detroit I1"}},
		{"DELETE FROM invoices", []string{"order linked to a missing document: " + so2 + " invoice I1"}},
		{"DELETE FROM order_events WHERE order_id = 'SO2' AND revision = 2", []string{"missing event of a document: " + so2 + " despatch_advice BOL1 revision 2"}},
		{"UPDATE runs SET jobs_succeeded = 0 WHERE state = 'running'", []string{"job counts of a run differ from its jobs: "}},
		{"UPDATE runs SET state = 'succeeded' WHERE state = 'running'", []string{"run state differs from the state of its jobs: "}},
		{"UPDATE runs SET state = 'succeeded', finished_at = requested_at WHERE state = 'running'", []string{"run state differs from the state of its jobs: "}},
		{"UPDATE runs SET jobs_failed = 1 WHERE state = 'running'", []string{"job counts of a run differ from its jobs: ", "run state differs from the state of its jobs: "}},
		{"UPDATE jobs SET dispatch = 'dispatched' WHERE job_id = (SELECT min(job_id) FROM jobs WHERE state = 'succeeded')", []string{"job with an invalid dispatch state: "}},
		{"UPDATE jobs SET dispatch = 'pending_slot', state = 'queued' WHERE state = 'waiting'", []string{"job with an invalid dispatch state: "}},
		{"UPDATE jobs SET dispatch = 'blocked', state = 'queued' WHERE state = 'waiting'", []string{"job with an invalid dispatch state: "}},
		{"UPDATE alerts SET job_id = 'J1' WHERE state = 'raised' AND account = 'toledo'", []string{"alert of a missing job: michelin toledo forbidden J1"}},
	} {
		t.Run(test.damage, func(t *testing.T) {
			d := whole(t)
			if err := d.OnWriter(t.Context(), test.damage); err != nil {
				t.Fatal(err)
			}
			faults, err := d.Check(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for i, f := range faults {
				text := f.What + ": " + f.Where
				if i < len(test.want) && strings.HasSuffix(test.want[i], " ") { // the rest differs each time
					text = text[:min(len(text), len(test.want[i]))]
				}
				got = append(got, text)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCheckFindsACorruptFile(t *testing.T) {
	path := history(t, 50, 20)
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteAt([]byte(strings.Repeat("damage", 8000)), 200*4096); err != nil {
		t.Fatal(err)
	}
	d, err := db.OpenReadOnly(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	faults, err := d.Check(t.Context())
	if err != nil || len(faults) == 0 || faults[0].What != "file is corrupt" {
		t.Errorf("got %v, %v, want that file is corrupt", faults, err)
	}
}

func TestFaultsAreBounded(t *testing.T) {
	d := dbtest.OpenAt(t, history(t, 50, 1))
	if err := d.OnWriter(t.Context(), "UPDATE orders SET status = 'lost'"); err != nil {
		t.Fatal(err)
	}
	faults, err := d.Check(t.Context())
	if len(faults) != 21 || faults[20].Where != "and more, only 20 are listed" || err != nil {
		t.Errorf("got %d faults, %v, want 20 and a note about more", len(faults), err)
	}
}

// TestCheckDuringCommits checks a database repeatedly while it is written.
func TestCheckDuringCommits(t *testing.T) {
	d := dbtest.Open(t)
	done := make(chan error, 1)
	go func() {
		var err error
		for i := 0; i < 200 && err == nil; i++ {
			run, js := dbtest.Plan(2)
			if _, _, err = d.StartRun(t.Context(), run, js); err != nil {
				break
			}
			for n, job := range js {
				o := dbtest.Succeeded(job, dbtest.Noon.Add(time.Duration(i)*time.Second), dbtest.Order("SO1", (i+n)%2 == 0), dbtest.Order("SO"+strconv.Itoa(i+2), false))
				if _, err = d.Commit(t.Context(), o); err != nil {
					break
				}
			}
		}
		done <- err
	}()
	for {
		dbtest.CheckConsistent(t, d)
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
			return
		default:
		}
	}
}

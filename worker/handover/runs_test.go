package handover_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"orderbeat/jobs"
	"orderbeat/worker/bus"
	"orderbeat/worker/bus/natstest"
	"orderbeat/worker/handover"
	"orderbeat/worker/problems"
)

// worker returns the open runs of one process.
func worker(t *testing.T, url string) *handover.Runs {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	config, troubles := bus.Config{URL: url, Prefix: "orderbeat"}, problems.NewSet(log)
	conn, err := bus.Open(config, nil, troubles, log, func(error) {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return handover.NewRuns(handover.Config{Conn: conn, Activity: troubles.Activity("open runs"), Log: log})
}

// takenOver are the runs that a process finds when it begins to lead.
func takenOver(t *testing.T, r *handover.Runs, done bool) (ids []string) {
	t.Helper()
	r.Resume(t.Context(), func(_ context.Context, l handover.OpenRun) (bool, error) {
		ids = append(ids, l.Run.ID)
		return done, nil
	}, func(func()) {})
	r.Flush(t.Context())
	return ids
}

// A process that was suspended while another took its run over, and then could not store the run, does not
// remove it for the processes after it.
func TestRunOfAnotherIsNotRemoved(t *testing.T) {
	t.Parallel()
	url := serve(t)
	first, second, third := worker(t, url), worker(t, url), worker(t, url)
	run := put(t, first)
	if ids := takenOver(t, second, false); len(ids) != 1 || ids[0] != run {
		t.Fatalf("the second takes over %v, want %s", ids, run)
	}
	first.Ended(run)
	first.Flush(t.Context())
	if ids := takenOver(t, third, true); len(ids) != 1 || ids[0] != run {
		t.Fatalf("the third takes over %v, want %s", ids, run)
	}
	if ids := takenOver(t, first, true); len(ids) != 0 {
		t.Errorf("%v are still open, want none", ids)
	}
}

// A run that could not be stored, whose entry is about to be removed, is not taken over: its entry would be
// removed while it runs.
func TestRunThatIsToBeRemovedIsNotTakenOver(t *testing.T) {
	t.Parallel()
	r := worker(t, serve(t))
	r.Ended(put(t, r))
	if ids := takenOver(t, r, false); len(ids) != 0 {
		t.Errorf("%v are taken over, want none", ids)
	}
}

// A run may have ended in the process from which it was taken over.
func TestRunThatEndedElsewhereIsRemoved(t *testing.T) {
	t.Parallel()
	url := serve(t)
	first, second := worker(t, url), worker(t, url)
	run := put(t, first)
	for _, done := range []bool{false, true} {
		if ids := takenOver(t, second, done); len(ids) != 1 || ids[0] != run {
			t.Fatalf("it is asked about %v, want %s", ids, run)
		}
	}
	if ids := takenOver(t, second, true); len(ids) != 0 {
		t.Errorf("%v are still open, want none", ids)
	}
}

func serve(t *testing.T) (url string) {
	t.Helper()
	return natstest.Start(t, natstest.Options(t)).ClientURL()
}

// put writes an open run and returns its id.
func put(t *testing.T, r *handover.Runs) (runID string) {
	t.Helper()
	run := jobs.Run{ID: jobs.NewID(time.Now()), Provider: "acme", Kind: "sync"}
	if err := r.Put(t.Context(), run, nil); err != nil {
		t.Fatal(err)
	}
	return run.ID
}

// A run is paused before its entry could be written.
func TestPauseOfARunThatIsNotWrittenYet(t *testing.T) {
	t.Parallel()
	url := serve(t)
	first, second := worker(t, url), worker(t, url)
	run := jobs.Run{ID: jobs.NewID(time.Now()), Provider: "michelin", Kind: "sync"}
	first.Keep(run, nil)
	at := time.Now().UTC()
	first.Pause(t.Context(), run.ID, &at, "for the weekend")
	first.Flush(t.Context())
	var got []handover.OpenRun
	second.Resume(t.Context(), func(_ context.Context, l handover.OpenRun) (bool, error) {
		got = append(got, l)
		return true, nil
	}, func(func()) {})
	if len(got) != 1 || got[0].Run.PausedAt == nil || !got[0].Run.PausedAt.Equal(at) || got[0].Run.Note != "for the weekend" {
		t.Errorf("got %+v, want the paused run", got)
	}
}

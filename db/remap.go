package db

import (
	"time"

	"orderbeat/db/documents"
	"orderbeat/db/orders"
	"orderbeat/jobs"
)

// remapPause is how long a job waits for jobs of its run that map newer responses.
const remapPause = time.Second

// deferRemap postpones a remap job if it would change something while newer responses of its run
// are not mapped yet: only the newest response with an order counts.
func (t *tx) deferRemap(o *jobs.Outcome, list []orders.Reported, docs []documents.Document) (bool, error) {
	if !jobs.Kinds[o.Kind].Remaps || len(list)+len(docs) == 0 {
		return false, nil
	}
	newer, err := t.runs.NewerRemapPending(o)
	if err != nil || !newer {
		return false, err
	}
	changes, err := t.orders.WouldChange(o, list)
	if err == nil && !changes {
		changes, err = t.documents.WouldChange(o, docs)
	}
	if err != nil || !changes {
		return false, err
	}
	o.State, o.NextAt, o.Err = jobs.Waiting, o.FinishedAt.Add(remapPause), nil
	return true, nil
}

package db

import "orderbeat/db/reports"

// Reports returns the reads of the operator's page.
func (d *DB) Reports() *reports.Reports { return reports.New(d.data) }

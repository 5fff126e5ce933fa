// Package reports has the reads that the operator's page and the command report need: lists of
// orders, the timeline of an order, counts of the last day, supplier performance.
//
// Each read is bounded: it follows an index, and searches a limited number of its entries. The
// package uses the tables of db and package sqlite, and nothing else of db. Start reading at [Reports.Orders].
package reports

package documents // internal: gives external tests access to the queries

import (
	"orderbeat/db/queryplan"
)

// Queries returns the queries of the package on growing tables.
func Queries() []queryplan.Query {
	return []queryplan.Query{
		queryplan.Of("known advices", knownAdvicesSQL, "p", "a", "[]"),
		queryplan.Of("delete advice lines", deleteAdviceLinesSQL, "p", "a", "d"),
		queryplan.Of("advice text", adviceTextSQL, "p", "a", "d"),
		queryplan.Of("known invoices", knownInvoicesSQL, "p", "a", "[]"),
		queryplan.Of("delete invoice lines", deleteInvoiceLinesSQL, "p", "a", "d"),
		queryplan.Of("invoice text", invoiceTextSQL, "p", "a", "d"),
		queryplan.Of("orders of a bill of lading", ordersOfBillSQL, "p", "a", "b"),
		queryplan.Of("clear recorded", clearRecordedSQL, "p", "a", "k", "d"),
		queryplan.Of("unlink", unlinkSQL, "p", "a", "o", "k", "d"),
		queryplan.Of("unlink unrecorded", unlinkUnrecordedSQL, "p", "a", "k", "d"),
		queryplan.Of("document events", documentEventsSQL, "p", "a", "o", 1, "t", "t"),
		queryplan.Of("last event", lastEventSQL, "p", "a", "o", 1, "t", "p"),
		queryplan.Of("unlink all", unlinkAllSQL, "p", "a", "k", "d"),
		queryplan.Of("advices by bill", advicesByBillSQL, "p", "a", "[]"),
		queryplan.Of("unrecorded links", unrecordedLinksSQL, "p", "a", "[]"),
		queryplan.Of("order revision", orderRevisionSQL, "p", "a", "o"),
		queryplan.Of("record link", recordLinkSQL, make([]any, 6)...),
		queryplan.Of("revise", reviseSQL, make([]any, 5)...),
		queryplan.Of("orders of documents", ordersOfSQL, "p", "a", "k", "[]"),
		queryplan.Of("advices of an order", advicesOfSQL, "p", "a", "o"),
		queryplan.Of("invoices of an order", invoicesOfSQL, "p", "a", "o"),
	}
}

package sandbox

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// cents is an amount of money. The wire has it with two decimals.
type cents int64

func (c cents) number() json.Number { return json.Number(fmt.Sprintf("%d.%02d", c/100, c%100)) }

func (c cents) amount() object { return object{{"amountValue", c.number()}} }

// newInvoiceAnswer is EDIWheel-B3_4-InvoiceListResponse with what was found, or a refusal when
// code says so. What is not required of who pays whom is left out.
func newInvoiceAnswer(code string, found []bill, account int) object {
	return object{
		{"documentID", "B3"},
		{"variant", "4"},
		{"numberOfMessages", len(found)},
		{"errorHead", errorHead(code)},
		{"invoice", each(found, func(b *bill) object { return newInvoice(b, michelinParties[account]) })},
	}
}

// daysToPay is invented.
const daysToPay = 30

func newInvoice(b *bill, p michelinParty) object {
	var lines []object
	var total cents
	pieces := 0
	for _, t := range b.trucks {
		for _, l := range t.loads {
			net := l.line.article.price() * cents(l.quantity)
			lines = append(lines, newInvoiceLine(b, &t, l, len(lines)+1, net))
			total, pieces = total+net, pieces+l.quantity
		}
	}
	payment := object{{"paymentDueDate", (b.date + daysToPay).String()}, {"instalmentAmount", total.amount()}}
	return object{
		{"issueDate", b.date.String()},
		{"documentNumber", b.number()},
		{"documentTypeCode", commercialInvoice},
		{"documentCurrency", "USD"},
		{"buyerParty", object{{"partyID", p.BillTo}, {"agencyCode", agencyOfSeller}}},
		{"consignee", object{{"partyID", p.ShipTo}, {"agencyCode", agencyOfSeller}}},
		{"paymentTerms", []object{{{"paymentNet", []object{payment}}}}},
		{"lineLevel", lines},
		{"controls", object{{"numberOfLineItems", len(lines)}, {"totalQuantityValues", cents(100 * pieces).number()}}},
		{"summary", object{{"totalAmount", total.amount()}, {"totalLineItemsAmount", total.amount()}}},
	}
}

func newInvoiceLine(b *bill, t *truck, l load, id int, net cents) object {
	article, price := l.line.article, object{{"priceAmount", l.line.article.price().number()}}
	return object{
		{"lineID", strconv.Itoa(id)},
		{"references", object{
			{"deliveryNoteReference", object{{"documentID", t.bol}, {"issueDate", t.date.String()}}},
			{"suppliersOrderReference", object{{"documentID", b.order.number}, {"lineID", l.line.id}, {"issueDate", b.order.date.String()}}},
			{"buyerOrderReference", object{{"documentID", b.order.reference}}},
		}},
		{"lineItemNetAmount", net.amount()},
		{"article", object{
			{"articleIdentification", object{{"buyersArticleID", article.buyersID}, {"suppliersArticleID", article.id}, {"eanUccArticleID", article.ean}}},
			{"articleDescription", []object{{{"articleDescriptionText", article.description}}}},
			{"invoicedQuantity", object{{"quantityValue", cents(100 * l.quantity).number()}, {"measureUnitCode", "EA"}}},
			{"priceDetails", object{{"grossUnitPrice", price}, {"netUnitPrice", price}}},
			{"lineItemTotalAmount", net.amount()},
		}},
	}
}

// price is what an article costs.
func (a *article) price() cents {
	n, _ := strconv.Atoi(a.id) // ids are numbers
	return cents(9000 + n%97*115)
}

package sandbox

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// invoiceAnswer is EDIWheel-B3_4-InvoiceListResponse, without what is not required of
// who pays whom.
type invoiceAnswer struct {
	DocumentID       string    `json:"documentID"`
	Variant          string    `json:"variant"`
	NumberOfMessages int       `json:"numberOfMessages"`
	ErrorHead        errorHead `json:"errorHead"`
	Invoice          []invoice `json:"invoice"`
}

type invoice struct {
	IssueDate      string         `json:"issueDate"`
	DocumentNumber string         `json:"documentNumber"`
	TypeCode       string         `json:"documentTypeCode"`
	Currency       string         `json:"documentCurrency"`
	BuyerParty     desadvParty    `json:"buyerParty"`
	Consignee      desadvParty    `json:"consignee"`
	PaymentTerms   []invoiceTerms `json:"paymentTerms"`
	LineLevel      []invoiceLine  `json:"lineLevel"`
	Controls       struct {
		Lines    int         `json:"numberOfLineItems"`
		Quantity json.Number `json:"totalQuantityValues"`
	} `json:"controls"`
	Summary struct {
		Total amount `json:"totalAmount"`
		Lines amount `json:"totalLineItemsAmount"`
	} `json:"summary"`
}

type amount struct {
	Value json.Number `json:"amountValue"`
}

type invoiceTerms struct {
	PaymentNet []invoicePayment `json:"paymentNet"`
}

type invoicePayment struct {
	DueDate string `json:"paymentDueDate"`
	Amount  amount `json:"instalmentAmount"`
}

type invoiceLine struct {
	LineID     string `json:"lineID"`
	References struct {
		DeliveryNote  invoiceReference `json:"deliveryNoteReference"`
		SupplierOrder invoiceReference `json:"suppliersOrderReference"`
		BuyerOrder    invoiceReference `json:"buyerOrderReference"`
	} `json:"references"`
	NetAmount amount         `json:"lineItemNetAmount"`
	Article   invoiceArticle `json:"article"`
}

type invoiceReference struct {
	DocumentID string `json:"documentID"`
	LineID     string `json:"lineID,omitempty"`
	IssueDate  string `json:"issueDate,omitempty"`
}

type invoiceArticle struct {
	Identification struct {
		BuyersArticleID    string `json:"buyersArticleID"`
		SuppliersArticleID string `json:"suppliersArticleID"`
		EAN                string `json:"eanUccArticleID"`
	} `json:"articleIdentification"`
	Description []articleText `json:"articleDescription"`
	Quantity    struct {
		Value json.Number `json:"quantityValue"`
		Unit  string      `json:"measureUnitCode"`
	} `json:"invoicedQuantity"`
	Price struct {
		Gross price `json:"grossUnitPrice"`
		Net   price `json:"netUnitPrice"`
	} `json:"priceDetails"`
	Total amount `json:"lineItemTotalAmount"`
}

type price struct {
	Amount json.Number `json:"priceAmount"`
}

// cents is an amount of money. The wire has it with two decimals.
type cents int64

func (c cents) number() json.Number { return json.Number(fmt.Sprintf("%d.%02d", c/100, c%100)) }

// newInvoiceAnswer renders what was found, or a refusal when code says so.
func newInvoiceAnswer(code string, found []bill, account int) invoiceAnswer {
	a := invoiceAnswer{
		DocumentID: "B3", Variant: "4", NumberOfMessages: len(found), ErrorHead: errorHead{code}, Invoice: []invoice{},
	}
	for i := range found {
		a.Invoice = append(a.Invoice, newInvoice(&found[i], michelinParties[account]))
	}
	return a
}

// daysToPay is invented.
const daysToPay = 30

func newInvoice(b *bill, p michelinParty) invoice {
	w := invoice{
		IssueDate: b.date.String(), DocumentNumber: b.number(), TypeCode: commercialInvoice, Currency: "USD",
		BuyerParty: desadvParty{p.BillTo, agencyOfSeller}, Consignee: desadvParty{p.ShipTo, agencyOfSeller},
	}
	var total cents
	pieces := 0
	for _, t := range b.trucks {
		for _, l := range t.loads {
			net := l.line.article.price() * cents(l.quantity)
			w.LineLevel = append(w.LineLevel, newInvoiceLine(b, &t, l, len(w.LineLevel)+1, net))
			total, pieces = total+net, pieces+l.quantity
		}
	}
	w.Controls.Lines, w.Controls.Quantity = len(w.LineLevel), cents(100*pieces).number()
	w.Summary.Total.Value, w.Summary.Lines.Value = total.number(), total.number()
	w.PaymentTerms = []invoiceTerms{{[]invoicePayment{{(b.date + daysToPay).String(), amount{total.number()}}}}}
	return w
}

func newInvoiceLine(b *bill, t *truck, l load, id int, net cents) invoiceLine {
	w := invoiceLine{LineID: strconv.Itoa(id), NetAmount: amount{net.number()}}
	w.References.DeliveryNote = invoiceReference{DocumentID: t.bol, IssueDate: t.date.String()}
	w.References.SupplierOrder = invoiceReference{DocumentID: b.order.number, LineID: l.line.id, IssueDate: b.order.date.String()}
	w.References.BuyerOrder = invoiceReference{DocumentID: b.order.reference}
	a := &w.Article
	a.Identification.BuyersArticleID, a.Identification.SuppliersArticleID = l.line.article.buyersID, l.line.article.id
	a.Identification.EAN, a.Description = l.line.article.ean, []articleText{{l.line.article.description}}
	a.Quantity.Value, a.Quantity.Unit = cents(100*l.quantity).number(), "EA"
	a.Price.Gross.Amount, a.Price.Net.Amount = l.line.article.price().number(), l.line.article.price().number()
	a.Total.Value = net.number()
	return w
}

// price is what an article costs.
func (a *article) price() cents {
	n, _ := strconv.Atoi(a.id) // ids are numbers
	return cents(9000 + n%97*115)
}

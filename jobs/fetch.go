package jobs

import (
	"fmt"
	"slices"
	"strings"
)

// maxNumberBytes bounds an order id or reference: longer than any supplier's.
const maxNumberBytes = 128

// fetchParams are the params of fetch: at least one number.
type fetchParams struct {
	// OrderIDs are the provider's order numbers.
	OrderIDs []string `json:"order_ids"`
	// References are the customer's order numbers (PO).
	References []string `json:"references"`
}

// planFetch plans single orders: {"order_ids": […], "references": […]}, up to
// [clients.Traits.MaxReferences] per job.
func planFetch(planning Planning) ([]Question, error) {
	var p fetchParams
	const known = "order_ids, references: lists of strings"
	if err := decodeParams(planning.Params, &p, known); err != nil {
		return nil, err
	}
	if len(p.OrderIDs)+len(p.References) == 0 {
		return nil, Invalid("fetch requires order_ids or references", known)
	}
	batchSize := planning.Traits.MaxReferences
	if batchSize == 0 {
		return nil, Invalid("the provider does not support requests for single orders", "Use sync.")
	}
	for _, id := range slices.Concat(p.OrderIDs, p.References) {
		if strings.TrimSpace(id) == "" {
			return nil, Invalid("an order id or reference is blank", "Remove it.")
		}
		if len(id) > maxNumberBytes {
			return nil, Invalid(fmt.Sprintf("order id or reference %s is longer than %d bytes", quote(id), maxNumberBytes), "Check the number.")
		}
	}
	var queries []Question
	for ids := range slices.Chunk(unique(p.OrderIDs), batchSize) {
		queries = append(queries, Question{OrderIDs: ids})
	}
	for refs := range slices.Chunk(unique(p.References), batchSize) {
		queries = append(queries, Question{References: refs})
	}
	return queries, nil
}

// unique removes duplicates and keeps the order.
func unique(all []string) []string {
	var out []string
	seen := map[string]bool{}
	for _, s := range all {
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}

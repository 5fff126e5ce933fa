package jobs

import (
	"fmt"
	"slices"
	"strings"
)

// maxNumberBytes bounds an order id or reference: longer than any supplier's.
const maxNumberBytes = 128

// planFetch asks for single orders: {"order_ids": […], "references": […]}, as many
// to a job as the provider takes.
func planFetch(planning Planning) ([]Question, error) {
	var p struct {
		OrderIDs   []string `json:"order_ids"`
		References []string `json:"references"`
	}
	const known = "order_ids, references: lists of numbers as text"
	if err := decodeParams(planning.Params, &p, known); err != nil {
		return nil, err
	}
	if len(p.OrderIDs)+len(p.References) == 0 {
		return nil, Invalid("fetch needs order_ids or references", known)
	}
	most := planning.Traits.MaxReferences
	if most == 0 {
		return nil, Invalid("the provider has no requests for single orders", "use sync")
	}
	for _, id := range slices.Concat(p.OrderIDs, p.References) {
		if strings.TrimSpace(id) == "" {
			return nil, Invalid("an order id or reference is blank", "leave it out")
		}
		if len(id) > maxNumberBytes {
			return nil, Invalid(fmt.Sprintf("order id or reference %s is longer than %d bytes", quote(id), maxNumberBytes), "check it")
		}
	}
	var questions []Question
	for ids := range slices.Chunk(unique(p.OrderIDs), most) {
		questions = append(questions, Question{OrderIDs: ids})
	}
	for refs := range slices.Chunk(unique(p.References), most) {
		questions = append(questions, Question{References: refs})
	}
	return questions, nil
}

// unique drops what was named before.
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

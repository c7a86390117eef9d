package control

import (
	"bytes"
	"encoding/json"
	"fmt"

	"gastown/planes/ledger"
	"gastown/town"
)

// replaced is what the encoder writes in the place of bytes that are no UTF-8.
// A text that holds these letters itself is refused with it, to no harm.
var replaced = []byte(`\ufffd`)

// encode is a value as JSON that decodes to an equal one, or town.ErrUsage.
func encode(value any) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false) // also within values that are kept as they are
	if err := e.Encode(value); err != nil {
		return nil, fmt.Errorf("%w: %w", town.ErrUsage, err)
	}
	if bytes.Contains(out.Bytes(), replaced) {
		return nil, fmt.Errorf("%w: it holds text that is not UTF-8", town.ErrUsage)
	}
	return out.Bytes(), nil
}

// encode is the answer with every field, empty or not.
func (a Answer) encode() ([]byte, error) {
	return encode(wireAnswer{
		Details: each(a.Details, toDetail), Items: each(a.Items, toItem), Waiting: each(a.Waiting, toWaiting),
		Stats: a.Stats, Queries: a.Queries,
	})
}

// UnmarshalJSON reads what encode wrote.
func (a *Answer) UnmarshalJSON(data []byte) error {
	var w wireAnswer
	if err := json.Unmarshal(data, &w); err != nil {
		return err
	}
	*a = Answer{
		Details: each(w.Details, fromDetail), Items: each(w.Items, fromItem), Waiting: each(w.Waiting, fromWaiting),
		Stats: w.Stats, Queries: w.Queries,
	}
	return nil
}

// each converts a list; one that is nil stays so.
func each[A, B any](list []A, convert func(A) B) []B {
	if list == nil {
		return nil
	}
	all := make([]B, len(list))
	for i := range list {
		all[i] = convert(list[i])
	}
	return all
}

func toItem(i ledger.Item) wireItem {
	return wireItem{wireBead(i.Bead), i.DependencyCount, i.DependentCount, i.CommentCount}
}

func fromItem(w wireItem) ledger.Item {
	return ledger.Item{Bead: town.Bead(w.Bead), DependencyCount: w.Needs, DependentCount: w.Needed, CommentCount: w.Comments}
}

func toLinked(l ledger.Linked) wireLinked {
	return wireLinked{wireBead(l.Bead), l.Type, l.LinkedAt, l.LinkedBy}
}

func fromLinked(w wireLinked) ledger.Linked {
	return ledger.Linked{Bead: town.Bead(w.Bead), Type: w.Type, LinkedAt: w.LinkedAt, LinkedBy: w.LinkedBy}
}

func toDetail(d ledger.Detail) wireDetail {
	return wireDetail{toItem(d.Item), d.Parent, each(d.Dependencies, toLinked), each(d.Dependents, toLinked)}
}

func fromDetail(w wireDetail) ledger.Detail {
	return ledger.Detail{Item: fromItem(w.Item), Parent: w.Parent, Dependencies: each(w.Dependencies, fromLinked), Dependents: each(w.Dependents, fromLinked)}
}

func toWaiting(v ledger.Waiting) wireWaiting {
	return wireWaiting{toItem(v.Item), v.BlockedBy, v.BlockedByCount}
}

func fromWaiting(w wireWaiting) ledger.Waiting {
	return ledger.Waiting{Item: fromItem(w.Item), BlockedBy: w.BlockedBy, BlockedByCount: w.Count}
}

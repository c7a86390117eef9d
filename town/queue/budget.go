package queue

import (
	"context"
	"time"

	"gastown/planes/operational"
	"gastown/town/spending"
)

// Budget bounds what may be spent. The zero value bounds nothing and reads nothing.
type Budget struct {
	spending.Limits
	Prices spending.Prices
}

// Spent says which budgets are reached, and why, in a sentence each. What is under way goes
// on to the end of its bead; nothing new is started.
type Spent struct {
	Town        string
	Rigs, Beads map[string]string
}

// spent reads what was spent, if anything is bounded.
func (b Budget) spent(ctx context.Context, rows Store, w operational.Work, now time.Time) (Spent, error) {
	if b.None() || len(w.Queue) == 0 {
		return Spent{}, nil
	}
	var beads []string
	if b.Bead.Dollars > 0 && b.Bead.Period == "" {
		for _, q := range w.Queue {
			beads = append(beads, q.Bead)
		}
	}
	periods := b.Limits
	if len(beads) > 0 { // what these beads cost is read apart from the days
		periods.Bead = spending.Limit{}
	}
	sums, err := rows.Spending(ctx, periods.Since(now), beads...)
	if err != nil {
		return Spent{}, err
	}
	verdicts, _ := spending.Judge(b.Limits, sums, b.Prices, now)
	return spentOf(verdicts), nil
}

// spentOf are the budgets that are reached.
func spentOf(verdicts []spending.Verdict) Spent {
	s := Spent{Rigs: map[string]string{}, Beads: map[string]string{}}
	for _, v := range verdicts {
		if !v.Reached() {
			continue
		}
		switch v.Scope {
		case spending.OfTown:
			s.Town = v.String()
		case spending.OfRig:
			s.Rigs[v.Name] = v.String()
		case spending.OfBead:
			s.Beads[v.Name] = v.String()
		}
	}
	return s
}

// bound is the budget that keeps an entry of the queue, and why; "" for none.
func (s Spent) bound(q operational.Waiting) (name, why string) {
	switch {
	case s.Town != "":
		return BoundTownSpent, s.Town
	case s.Rigs[q.Rig] != "":
		return BoundRigSpent, s.Rigs[q.Rig]
	case s.Beads[q.Bead] != "":
		return BoundBeadSpent, s.Beads[q.Bead]
	}
	return "", ""
}

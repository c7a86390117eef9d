package gather

import (
	"context"
	"slices"
	"time"

	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/spending"
)

// sums finds out whose the messages of all pieces are, and on which bead, in two queries.
func (p *pass) sums(ctx context.Context) error {
	var strange []string
	for _, one := range p.pieces {
		for _, m := range one.list {
			if _, ok := p.agentAt(m.Dir); !ok && m.Session != "" && !slices.Contains(strange, m.Session) {
				strange = append(strange, m.Session)
			}
		}
	}
	told, err := p.rows.Conversing(ctx, strange)
	if err != nil {
		return err
	}
	whose := func(m spending.Message) town.Address {
		if a, ok := p.agentAt(m.Dir); ok {
			return a
		}
		return told[m.Session]
	}
	var asked []town.Address
	for _, one := range p.pieces {
		for _, m := range one.list {
			if a := whose(m); a != (town.Address{}) && !slices.Contains(asked, a) {
				asked = append(asked, a)
			}
		}
	}
	all, err := p.rows.Begun(ctx, asked)
	if err != nil {
		return err
	}
	begun := map[town.Address][]operational.Begun{}
	for _, b := range all {
		begun[b.Agent] = append(begun[b.Agent], b)
	}
	for i := range p.pieces {
		p.pieces[i].read.Sums = sum(p.pieces[i].list, whose, begun, p.Now())
	}
	return nil
}

// agentAt is the agent whose directory a directory is, or is below.
func (g *Gatherer) agentAt(dir string) (town.Address, bool) {
	if a, ok := town.AgentAt(g.Rigs, dir); ok {
		return a, true
	}
	return town.Address{Kind: town.Mayor}, within(g.Mayor, dir)
}

// sum adds up the messages of the same conversation, agent, bead, day and model.
func sum(list []spending.Message, whose func(spending.Message) town.Address, begun map[town.Address][]operational.Begun, now time.Time) (out []operational.Spent) {
	at := map[operational.Spent]int{}
	for _, m := range list {
		when := believable(m.At, now)
		who := whose(m)
		key := operational.Spent{Session: m.Session, Sum: spending.Sum{Agent: who, Bead: beadAt(begun[who], when), Day: spending.Day(when), Model: m.Model}}
		n, ok := at[key]
		if !ok {
			n = len(out)
			at[key] = n
			out = append(out, key)
		}
		out[n].Usage = out[n].Usage.Add(m.Usage)
		if !m.Again {
			out[n].Messages++
		}
	}
	return out
}

// believable is when a message was written: now, if the program does not tell or lies.
func believable(at, now time.Time) time.Time {
	if at.Year() < 2000 || at.After(now.Add(time.Hour)) {
		return now
	}
	return at
}

// beadAt is the bead of the newest assignment of an agent that had begun by a time; "" for
// none.
func beadAt(begun []operational.Begun, at time.Time) (bead string) {
	for _, b := range begun {
		if !b.At.After(at) {
			bead = b.Bead
		}
	}
	return bead
}

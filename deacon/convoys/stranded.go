package convoys

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"gastown/deacon/part"
	"gastown/planes/ledger"
	"gastown/town/convoy"
	"gastown/town/escalate"
)

// An escalation of a stranded convoy has its id between these.
const keyBegins, keyEnds = "convoy/", "/stranded"

// stranded finds convoys on which nobody can work. A person is told of one that was
// stranded at two looks: between them work may only change hands. It is over when the
// convoy moves, or is closed.
func (p *Part) stranded(ctx context.Context) (note string, due time.Time, err error) {
	began := time.Now()
	all, err := convoy.Reader{Ledger: p.host.Ledger, Operational: p.host.Operational, Now: p.host.Now}.Read(ctx, convoy.Select{})
	p.refresh.Observe(time.Since(began).Seconds())
	if err != nil {
		return "", due, err
	}
	p.mu.Lock()
	before := p.still
	p.still = map[string]bool{}
	keys := map[string]bool{}
	var tell []escalate.Trouble
	for _, c := range all {
		if c.State != convoy.Stranded {
			continue
		}
		p.still[c.ID] = true
		t := escalate.Trouble{
			Key: keyBegins + c.ID + keyEnds, Title: "Convoy stands still: " + c.Name, Severity: escalate.Medium, From: "deacon/", About: c.ID,
			Text: fmt.Sprintf("%d of %d beads have landed. %s.", c.Landed, c.Total, c.Why), Next: "gt convoy status " + c.ID + " shows each bead and why",
		}
		keys[t.Key] = true
		if before[c.ID] {
			tell = append(tell, t)
		}
	}
	p.mu.Unlock()
	told, now := 0, p.host.Now()
	err = p.host.Ledger(ctx, func(l *ledger.Store) error {
		var errs []error
		for _, t := range tell {
			_, one, err := escalate.Raise(ctx, l, t, now)
			if one {
				told++
			}
			errs = append(errs, err)
		}
		open, err := escalate.List(ctx, l, false, now)
		errs = append(errs, err)
		for _, e := range open {
			if strings.HasPrefix(e.Key, keyBegins) && strings.HasSuffix(e.Key, keyEnds) && !keys[e.Key] {
				_, err := escalate.Settle(ctx, l, e.Key, "it moves again", now)
				errs = append(errs, err)
			}
		}
		return errors.Join(errs...)
	})
	if told > 0 {
		note = fmt.Sprintf("told of %d stranded convoy(s)", told)
	}
	if len(all) == 0 {
		due = part.Never
	}
	return note, due, err
}

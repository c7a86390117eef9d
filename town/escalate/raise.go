package escalate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"gastown/planes/ledger"
	"gastown/town"
)

// human is the mailbox of the people of the Town.
const human = "human"

// attempts is how often Raise begins anew because another process changed the bead.
const attempts = 16

// Raise makes sure that people know of a trouble, and returns its escalation. told says
// that this call sent the message; usually the escalation was there already. It is
// idempotent: call it each time the trouble is found. now is the caller's clock.
//
// A trouble that is open stays as it is, unless it has become more urgent. One that
// was closed is reopened: at once when Settle closed it, otherwise after a pause.
func Raise(ctx context.Context, l *ledger.Store, t Trouble, now time.Time) (e Escalation, told bool, err error) {
	if t, err = t.normal(); err != nil {
		return e, false, town.Fail("escalate "+town.Clip(t.Title, 80), "gt escalate raise --help shows what one needs", "%w", err)
	}
	number := 0
	for range attempts {
		id := ID(t.Key, number)
		var found []ledger.Detail
		if found, err = l.Existing(ctx, []string{id}, fields); err != nil {
			break
		}
		if len(found) == 0 {
			e, err = create(ctx, l, id, t, now)
			told = err == nil
		} else {
			e, told, err = renew(ctx, l, found[0].Bead, t, now)
		}
		if errors.Is(err, ledger.ErrExists) && len(found) == 0 {
			// Another process was faster, or a person deleted the bead.
			if again, err := l.Existing(ctx, []string{id}, fields); err == nil && len(again) == 0 {
				number++
			}
			continue
		}
		if !errors.Is(err, ledger.ErrDiffers) {
			break
		}
	}
	if err != nil {
		return e, false, fmt.Errorf("escalate %s: %w", town.Clip(t.Title, 80), err)
	}
	return e, told, nil
}

// create makes the bead and sends the first message.
func create(ctx context.Context, l *ledger.Store, id string, t Trouble, now time.Time) (e Escalation, err error) {
	r := record{Key: t.Key, Severity: t.Severity, From: t.From, About: t.About, Times: 1, Last: now.UTC()}
	b := town.Bead{
		ID: id, Title: clipTitle(t.Title), Description: t.describe(), Status: town.StatusBlocked, Priority: t.Severity.rank(), Labels: []string{Label, HumanLabel},
	}
	b.Metadata = r.object()
	err = l.Together(ctx, "escalate: "+town.Clip(t.Title, 72), func(c *ledger.Change) error {
		b.Dependencies = nil
		if about, err := c.Get(ctx, []string{t.About}, ledger.Fields{"id"}); err != nil {
			return err
		} else if len(about) > 0 { // people learn of it, too, when the bead has gone
			b.Dependencies = []town.Dependency{{Target: t.About, Type: town.DepRelated}}
		}
		made, err := c.Create(ctx, []ledger.NewBead{{Bead: b}})
		if err != nil {
			return err
		}
		e, _ = read(made[0], now)
		return send(ctx, c, e)
	})
	return e, err
}

// renew looks at an escalation whose trouble was found again.
func renew(ctx context.Context, l *ledger.Store, b town.Bead, t Trouble, now time.Time) (Escalation, bool, error) {
	e, r := read(b, now)
	worse := t.Severity.rank() < r.Severity.rank()
	if worse {
		r.Severity = t.Severity
	}
	calm := now.Before(r.Last.Add(r.Severity.Pause(r.Times)))
	reopened := ledger.Patch{ID: b.ID, Status: new(town.StatusBlocked), Assignee: new("")}
	switch {
	case e.State == Closed && !r.Gone && !t.Anew && e.Closed != nil && now.Before(e.Closed.Add(r.Severity.Pause(1))):
		return e, false, nil // a person said a moment ago that it is mended
	case e.State == Closed && calm && !worse && !t.Anew:
		// It comes and goes: it is shown, and the next message comes in its time.
		r.Gone = false
		return change(ctx, l, b, r, reopened, false, now)
	case e.State == Closed:
		r.Gone = false
		return change(ctx, l, b, r, reopened, true, now)
	case !worse:
		return e, false, nil
	}
	return change(ctx, l, b, r, ledger.Patch{ID: b.ID}, e.State == Raised, now)
}

// change records r in an escalation and, with tell, sends a message. It fails with
// ledger.ErrDiffers when the bead is not any more as it was read.
func change(ctx context.Context, l *ledger.Store, b town.Bead, r record, p ledger.Patch, tell bool, now time.Time) (e Escalation, told bool, err error) {
	if tell {
		r.Times++
		r.Last = now.UTC()
	}
	rank := r.Severity.rank()
	p.IfUpdated, p.Priority, p.SetMetadata = b.UpdatedAt, &rank, r.patch()
	err = l.Together(ctx, "escalate again: "+town.Clip(b.Title, 72), func(c *ledger.Change) error {
		changed, err := c.Update(ctx, []ledger.Patch{p})
		if err != nil {
			return err
		}
		e, _ = read(changed[0], now)
		if !tell {
			return nil
		}
		return send(ctx, c, e)
	})
	return e, tell && err == nil, err
}

// send sends the message of an escalation to the people.
func send(ctx context.Context, c *ledger.Change, e Escalation) error {
	from := human
	if a, err := town.ParseAddress(e.From); err == nil {
		from = a.String()
	}
	subject := fmt.Sprintf("[%s] %s", e.Severity, e.Title)
	if e.Times > 1 {
		subject = fmt.Sprintf("[%s, raised %d times] %s", e.Severity, e.Times, e.Title)
	}
	body := e.Text
	if e.About != "" {
		body += "\n\nIt concerns " + e.About + "."
	}
	body += "\n\nIt is raised again until somebody has it: gt escalate ack " + e.ID + "\nWhen it is mended: gt escalate close " + e.ID
	_, err := c.Send(ctx, ledger.Message{
		From: from, Author: cmp.Or(e.From, "gt"), To: human, Subject: clipRunes(subject, ledger.MaxSubject),
		Body: town.Clip(body, ledger.MaxMailBody-len("...")), Kind: ledger.Alert, Priority: e.Severity.mailPriority(),
	}, []string{human})
	return err
}

func clipTitle(s string) string { return clipRunes(s, town.MaxTitleChars) }

func clipRunes(s string, most int) string {
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most])
	}
	return s
}

package convoy

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"gastown/planes/ledger"
	"gastown/town"
)

// deaconBox is the mailbox that messages about convoys come from.
var deaconBox = town.Address{Kind: town.Deacon}.String()

// landedReason begins the close reason of a convoy that landed.
const landedReason = "landed: "

// Arrival is a convoy that landed.
type Arrival struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	// Members are how many beads landed with it, Told the mailboxes that got a message.
	Members int      `json:"members"`
	Told    []string `json:"told"`
}

// Lander lands convoys.
type Lander struct {
	Ledger ledger.Access
}

// Plan returns the ids of the convoys that have arrived: all of their members, at least
// one, are closed. beads are the members by id. It is a pure function.
func Plan(convoys []town.Bead, beads map[string]town.Bead) (ids []string) {
	for _, c := range convoys {
		if c.Open() && arrived(c, func(id string) (town.Bead, bool) { b, ok := beads[id]; return b, ok }) > 0 {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

// arrived is how many members a convoy has if all of them are closed, otherwise 0.
func arrived(c town.Bead, bead func(id string) (town.Bead, bool)) int {
	own, _ := targets(c.Dependencies)
	n := 0
	for _, id := range own {
		b, ok := bead(id)
		if !ok {
			continue
		}
		if b.Open() {
			return 0
		}
		n++
	}
	return n
}

// Pass lands the convoys that have arrived and returns them. When nothing has, it costs
// two queries, or none that the ledger's caches can answer. Given ids, only those land.
func (d Lander) Pass(ctx context.Context, ids ...string) (landed []Arrival, err error) {
	err = d.Ledger(ctx, func(l *ledger.Store) error {
		var f Facts
		f.Beads = map[string]town.Bead{}
		if f.Convoys, err = (Select{IDs: ids}).list(ctx, l); err != nil {
			return err
		}
		var members []string
		for _, c := range f.Convoys {
			own, _ := targets(c.Dependencies)
			members = append(members, own...)
		}
		if err := f.readBeads(ctx, l, members); err != nil {
			return err
		}
		var errs []error
		for _, id := range Plan(f.Convoys, f.Beads) {
			a, did, err := land(ctx, l, id)
			if did {
				landed = append(landed, a)
			}
			errs = append(errs, err)
		}
		return errors.Join(errs...)
	})
	if err != nil {
		return landed, fmt.Errorf("land convoys: %w", err)
	}
	return landed, nil
}

// land closes a convoy if it has arrived, notes the event and sends the message, in one
// commit. did is false when somebody else changed it meanwhile.
func land(ctx context.Context, l *ledger.Store, id string) (a Arrival, did bool, err error) {
	err = l.Together(ctx, "land "+id, func(c *ledger.Change) error {
		a, did = Arrival{}, false
		found, err := c.Get(ctx, []string{id}, append(convoyFields, "issue_type"))
		b, there := found[id]
		if err != nil || !there || !b.Open() || b.Type != Type {
			return err
		}
		var members []string
		b.Bead.Dependencies = nil
		for _, d := range b.Dependencies {
			b.Bead.Dependencies = append(b.Bead.Dependencies, town.Dependency{Bead: id, Target: d.ID, Type: d.Type})
			members = append(members, d.ID)
		}
		beads, err := c.Get(ctx, members, memberFields)
		if err != nil {
			return err
		}
		n := arrived(b.Bead, func(id string) (town.Bead, bool) { d, ok := beads[id]; return d.Bead, ok })
		if n == 0 {
			return nil
		}
		r := recorded(b.Bead)
		a, did = Arrival{ID: id, Name: b.Title, Members: n, Told: r.Notify}, true
		r.Landed = true
		reason := fmt.Sprintf(landedReason+"all of its %d beads are closed", n)
		if n == 1 {
			reason = landedReason + "its one bead is closed"
		}
		_, err = c.Update(ctx, []ledger.Patch{{
			ID: id, Status: new(town.StatusClosed), CloseReason: &reason, SetMetadata: r.patch(), IfUpdated: b.UpdatedAt,
		}})
		if err == nil {
			err = c.Note(ctx, id, Landed, b.Title)
		}
		if err == nil {
			_, err = c.Send(ctx, letter(b.Bead, beads, reason), r.Notify)
		}
		return err
	})
	if errors.Is(err, ledger.ErrDiffers) {
		return Arrival{}, false, nil // the next pass looks again
	}
	return a, did && err == nil, err
}

// maxListed is how many members a message lists.
const maxListed = 50

// letter is the message that a convoy landed.
func letter(b town.Bead, beads map[string]ledger.Detail, reason string) ledger.Message {
	var lines []string
	own, foreign := targets(b.Dependencies)
	for _, id := range own {
		if d, ok := beads[id]; ok && len(lines) < maxListed {
			lines = append(lines, "- "+id+" "+town.Clip(d.Title, 120))
		}
	}
	if more := len(own) - maxListed; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	if len(foreign) > 0 {
		lines = append(lines, fmt.Sprintf("It also tracks %d bead(s) of other Towns, which did not hold it.", len(foreign)))
	}
	subject := []rune("Convoy landed: " + b.Title)
	return ledger.Message{
		From: deaconBox, Author: "gt", To: b.ID, Subject: string(subject[:min(len(subject), ledger.MaxSubject)]),
		Body: fmt.Sprintf("The convoy %s has %s.\n\n%s\n", b.ID, reason, strings.Join(lines, "\n")),
	}
}

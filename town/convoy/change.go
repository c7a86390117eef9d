package convoy

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"gastown/planes/ledger"
	"gastown/town"
)

// New is a convoy to make.
type New struct {
	Name string
	// Members are full ids of beads of this ledger, and targets of Shared.
	Members []string
	// Notify are the mailboxes that are told when it lands; the people if there are none.
	Notify []string
}

// Create makes a convoy in one commit and returns its id. Unknown members are a
// ledger.UnknownError each, with the nearest ids; a convoy cannot be a member.
func Create(ctx context.Context, l *ledger.Store, n New) (id string, err error) {
	n.Name = strings.Join(strings.Fields(n.Name), " ")
	metadata, _ := json.Marshal(record{Notify: n.Notify}.patch())
	err = l.Together(ctx, "convoy: "+town.Clip(n.Name, 72), func(c *ledger.Change) error {
		if err := members(ctx, c, n.Members); err != nil {
			return err
		}
		made, err := c.Create(ctx, []ledger.NewBead{{
			Bead: town.Bead{Title: n.Name, Type: Type, Metadata: metadata, Dependencies: track("", n.Members)}, Prefix: prefix, NoPriority: true,
		}})
		if err == nil {
			id = made[0].ID
		}
		return err
	})
	return id, err
}

// track are the links to members.
func track(id string, members []string) (links []town.Dependency) {
	for _, m := range slices.Compact(slices.Sorted(slices.Values(members))) {
		links = append(links, town.Dependency{Bead: id, Target: m, Type: Tracks})
	}
	return links
}

// members refuses convoys as members: a convoy is no work.
func members(ctx context.Context, c *ledger.Change, ids []string) error {
	own := slices.DeleteFunc(slices.Clone(ids), ledger.External)
	found, err := c.Get(ctx, own, ledger.Fields{"id", "issue_type"})
	if err != nil {
		return err
	}
	for _, id := range own {
		if found[id].Type == Type {
			return fmt.Errorf("%w: %s is a convoy itself; name its beads", town.ErrUsage, id)
		}
	}
	return nil
}

// Add adds members to a convoy in one commit, and returns how many are new. A convoy that
// was closed is opened again when one is.
func Add(ctx context.Context, l *ledger.Store, id string, ids []string) (added int, reopened bool, err error) {
	err = l.Together(ctx, "add to "+id, func(c *ledger.Change) error {
		added, reopened = 0, false
		if err := members(ctx, c, ids); err != nil {
			return err
		}
		if added, err = c.DepAdd(ctx, track(id, ids)); err != nil || added == 0 {
			return err
		}
		found, err := c.Get(ctx, []string{id}, convoyFields)
		if err != nil || found[id].Open() {
			return err
		}
		r := recorded(found[id].Bead)
		r.Landed, reopened = false, true
		_, err = c.Update(ctx, []ledger.Patch{{ID: id, Status: new(town.StatusOpen), SetMetadata: r.patch()}})
		return err
	})
	return added, reopened, err
}

// Remove takes beads out of a convoy and returns how many were in it. What is left may
// have landed: the next pass of a Lander sees.
func Remove(ctx context.Context, l *ledger.Store, id string, ids []string) (removed int, err error) {
	err = l.Together(ctx, "take out of "+id, func(c *ledger.Change) error {
		removed = 0
		for _, m := range ids {
			n, err := c.DepRemove(ctx, id, m, Tracks)
			if err != nil {
				return err
			}
			removed += n
		}
		return nil
	})
	return removed, err
}

package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gastown/town"
)

// defaultPriority is the priority of a bead that was given none.
const defaultPriority = 2

// defaultPrefix begins ids when neither the caller nor the rig has a prefix.
const defaultPrefix = "bd"

// NewBead is a bead to create.
type NewBead struct {
	// Bead holds its fields. Empty fields get defaults: a new id, open, task,
	// the current time, the Store's actor. Labels, Dependencies (with or
	// without Bead) and Comments are created with it.
	town.Bead
	// NoPriority means that no priority was given; it becomes 2.
	NoPriority bool
	// Prefix begins the id; the default is bd. With Parent, the id is the
	// parent's with a dot and the next number, and a parent-child link is
	// created.
	Prefix string
	Parent string
	// InheritLabels gives it the labels of its parent too.
	InheritLabels bool
	// Blocks are beads that exist and shall wait for the new one.
	Blocks []string
	// Line is where the bead was read, for errors; 0 for nowhere.
	Line int
}

// attempts is how many random ids are tried before Create gives up.
const attempts = 8

// Create makes beads, all or none, in one commit, and returns them in order.
// Errors are a BatchError: invalid values, ErrExists for a taken id, an
// UnknownError for a parent or target that does not exist, ErrCycle.
func (s *Store) Create(ctx context.Context, list []NewBead) ([]town.Bead, error) {
	if len(list) == 0 {
		return nil, nil
	}
	var made []town.Bead
	message := fmt.Sprintf("create %d beads", len(list))
	if len(list) == 1 {
		message = "create: " + town.Clip(list[0].Title, 72)
	}
	var err error
	for range attempts {
		// A random id that is taken shows when the database refuses its row.
		if err = s.write(ctx, message, func(q txn) (err error) {
			made, err = s.create(ctx, q, list)
			return err
		}); err == nil || !duplicate(err) {
			break
		}
	}
	if err != nil {
		return nil, s.withNearest(ctx, err)
	}
	return made, nil
}

// create makes the beads in a transaction.
func (s *Store) create(ctx context.Context, q txn, list []NewBead) ([]town.Bead, error) {
	r := s.change()
	made, err := s.prepare(ctx, q, list, r)
	if err != nil {
		return nil, err
	}
	at := map[string]int{}
	for i := range made {
		at[made[i].ID] = i
		r.add(&made[i])
		r.event(made[i].ID, "created", "", "", made[i].Title)
	}
	if err := q.link(ctx, r.links, func(c closing) (int, int) { i := at[c.link.Bead]; return i, list[i].Line }); err != nil {
		return nil, err
	}
	if err := r.store(ctx, q); err != nil {
		return nil, err
	}
	var waiting []town.Dependency
	for i, n := range list {
		for _, id := range n.Blocks {
			waiting = append(waiting, town.Dependency{Bead: id, Target: made[i].ID})
		}
	}
	if len(waiting) == 0 {
		return made, nil
	}
	_, err = s.depAdd(ctx, q, waiting)
	return made, err
}

// duplicate reports whether a row was refused because its key exists.
func duplicate(err error) bool { return strings.Contains(strings.ToLower(err.Error()), "duplicate") }

// prepare gives every new bead its id and its defaults, and validates it.
func (s *Store) prepare(ctx context.Context, q txn, list []NewBead, r *rows) ([]town.Bead, error) {
	var bad batch
	known, err := q.facts(ctx, list)
	if err != nil {
		return nil, err
	}
	inherited, err := q.inherited(ctx, list)
	if err != nil {
		return nil, err
	}
	made := make([]town.Bead, len(list))
	var odd wordCheck
	for i, n := range list {
		b := n.Clone()
		if n.InheritLabels {
			b.Labels = append(b.Labels, inherited[n.Parent]...)
		}
		if err := known.name(&b, n); err != nil {
			bad.add(i, n.Line, n.ID, err)
			continue
		}
		r.complete(&b, n)
		fault, err := odd.check(ctx, q, b.Status, b.Type)
		if err != nil {
			return nil, err
		}
		bad.add(i, n.Line, n.ID, errors.Join(fault, b.Validate()))
		made[i] = b
	}
	for i := range made {
		for _, d := range made[i].Dependencies {
			if !known.has(d.Target) {
				bad.add(i, list[i].Line, list[i].ID, &UnknownError{ID: d.Target})
			}
		}
	}
	return made, bad.err()
}

// complete fills in what the caller left out.
func (r *rows) complete(b *town.Bead, n NewBead) {
	b.CreatedAt, b.UpdatedAt = orTime(b.CreatedAt, r.at), orTime(b.UpdatedAt, r.at)
	b.CreatedBy = or(b.CreatedBy, r.actor)
	b.Status = or(b.Status, town.StatusOpen)
	b.Type = or(b.Type, town.TypeTask)
	if n.NoPriority {
		b.Priority = defaultPriority
	}
	if object, ok := objectOf(b.Metadata); ok {
		b.Metadata = object
	}
	if b.Status == town.StatusClosed && b.ClosedAt == nil {
		b.ClosedAt = &r.at
	}
	if n.Parent != "" {
		b.Dependencies = append(b.Dependencies, town.Dependency{Target: n.Parent, Type: town.DepParent})
	}
	for i := range b.Dependencies {
		d := &b.Dependencies[i]
		d.Bead, d.Type = b.ID, or(d.Type, town.DepBlocks)
		d.CreatedAt, d.CreatedBy = orTime(d.CreatedAt, r.at), or(d.CreatedBy, r.actor)
	}
	for i := range b.Comments {
		r.completeComment(&b.Comments[i], b.ID)
	}
	slices.Sort(b.Labels)
	b.Labels = slices.Compact(b.Labels)
	truncate(b)
}

// truncate rounds times down to the database's precision.
func truncate(b *town.Bead) {
	for _, t := range []*time.Time{&b.CreatedAt, &b.UpdatedAt, b.ClosedAt, b.DueAt, b.DeferUntil} {
		if t != nil {
			*t = t.UTC().Truncate(time.Microsecond)
		}
	}
	for i := range b.Dependencies {
		b.Dependencies[i].CreatedAt = b.Dependencies[i].CreatedAt.UTC().Truncate(time.Microsecond)
	}
	for i := range b.Comments {
		b.Comments[i].CreatedAt = b.Comments[i].CreatedAt.UTC().Truncate(time.Microsecond)
	}
}

func or[T ~string](v, usual T) T {
	if v == "" {
		return usual
	}
	return v
}

func orTime(v, usual time.Time) time.Time {
	if v.IsZero() {
		return usual
	}
	return v
}

package federate

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"gastown/planes/federation"
	"gastown/town"
)

// maxNamed is how many documents the outcome of a call names. It counts all of them.
const maxNamed = 1000

// Changes names the documents that an exchange changes here or at the remote, at most
// 1,000 of them.
type Changes struct {
	federation.Differences
	// Towns are the names of the Towns in the list, by id, where the registry has one.
	Towns map[town.ID]string
}

// Add adds what a later exchange changed.
func (c *Changes) Add(more Changes) {
	c.Added += more.Added
	c.Changed += more.Changed
	c.Removed += more.Removed
	c.List = append(c.List, more.List[:min(len(more.List), maxNamed-len(c.List))]...)
	for id, name := range more.Towns {
		c.name(id, name)
	}
}

func (c *Changes) name(id town.ID, name string) {
	if c.Towns == nil {
		c.Towns = map[town.ID]string{}
	}
	c.Towns[id] = name
}

// changesBetween names the documents that differ between two commits of the plane.
// With from empty it names all documents, as added.
func changesBetween(ctx context.Context, s *federation.Store, from, to string) (c Changes, err error) {
	switch {
	case from == to:
		return c, nil
	case from == "":
		keys, err := s.Documents(ctx)
		for i, key := range keys {
			if c.Added++; i < maxNamed {
				c.List = append(c.List, federation.Difference{Key: key, State: federation.Added})
			}
		}
		return c, err
	}
	if c.Differences, err = s.Differences(ctx, from, to, maxNamed); err != nil || len(c.List) == 0 {
		return c, err
	}
	members, err := s.Towns(ctx)
	for _, m := range members {
		c.name(m.ID, m.Name)
	}
	return c, err
}

// Leaving is what a push would send of the federation.
type Leaving struct {
	// Address is where it would go.
	Address string
	// Documents differ from what the remote is known to hold. Those in Unrecorded have
	// edits that the push would record first.
	Documents  Changes
	Unrecorded map[town.Key]bool
	// Refused is why a push would send nothing, as far as that is known here; nil for
	// no reason.
	Refused error
}

// addEdit adds an edit that is not recorded.
func (l *Leaving) addEdit(f FileState, who town.Actor, id town.ID) {
	if l.Unrecorded == nil {
		l.Unrecorded = map[town.Key]bool{}
	}
	l.Unrecorded[f.Key] = true
	for _, d := range l.Documents.List {
		if d.Key == f.Key {
			return
		}
	}
	d := federation.Difference{Key: f.Key, State: federation.Changed, Author: who.String(), Town: id}
	switch f.State {
	case "added":
		d.State = federation.Added
	case "deleted":
		d.State = federation.Removed
	}
	one := Changes{Differences: federation.Differences{List: []federation.Difference{d}}}
	switch d.State {
	case federation.Added:
		one.Added = 1
	case federation.Changed:
		one.Changed = 1
	default:
		one.Removed = 1
	}
	l.Documents.Add(one)
}

// maxBrief is how many documents Brief names.
const maxBrief = 5

// Brief names the first of the documents in one line: what happened to each, by whom.
// It is "" where there are none.
func (c Changes) Brief() string {
	var parts []string
	for _, d := range c.List[:min(len(c.List), maxBrief)] {
		parts = append(parts, d.Key.String()+" "+d.State+c.By(d))
	}
	if more := c.Total() - len(parts); more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(parts, ", ")
}

// By says who wrote or removed a document, " by AUTHOR in TOWN"; "" if that is unknown.
func (c Changes) By(d federation.Difference) (text string) {
	if d.Author != "" {
		text = " by " + d.Author
	}
	if d.Town != "" {
		text += " in " + cmp.Or(c.Towns[d.Town], string(d.Town))
	}
	return text
}

package mail

import (
	"fmt"
	"slices"
	"strings"

	"gastown/town"
)

// Human is the mailbox of the people of the Town. No agent has such an address.
const Human = "human"

// The groups that a message can be sent to, beside RIG/.
const (
	groupTown = "@town"
	groupCrew = "@crew"
	groupRig  = "@rig/"
)

// The mailboxes of the agents of the whole Town end with a slash, as groups do.
var (
	mayorBox  = town.Address{Kind: town.Mayor}.String()
	deaconBox = town.Address{Kind: town.Deacon}.String()
)

// maxNearest is how many addresses an error suggests.
const maxNearest = 3

// Directory is who can be written to.
type Directory struct {
	Rigs   []string
	Agents []town.Address
}

// Group reports whether a word names more than one mailbox.
func Group(word string) bool {
	return word == groupTown || word == groupCrew || strings.HasPrefix(word, groupRig) ||
		strings.HasSuffix(word, "/") && word != mayorBox && word != deaconBox
}

// Resolve returns the mailboxes that words of a person or an agent mean, without
// repetitions, in the order of their names. A group does not include its sender, whose
// mailbox is from. An unknown name is ErrUsage, and names the nearest ones.
func (d Directory) Resolve(words []string, from string) (boxes []string, err error) {
	for _, word := range words {
		found, err := d.resolve(word)
		if err != nil {
			return nil, err
		}
		if Group(word) {
			found = slices.DeleteFunc(found, func(box string) bool { return box == from })
			if len(found) == 0 {
				return nil, town.Fail("send to "+word, "gt agents lists who there is", "%w: nobody else is there", town.ErrUsage)
			}
		}
		boxes = append(boxes, found...)
	}
	slices.Sort(boxes)
	return slices.Compact(boxes), nil
}

func (d Directory) resolve(word string) ([]string, error) {
	rig, isRig := strings.CutPrefix(word, groupRig)
	if !isRig && Group(word) {
		rig, isRig = strings.CutSuffix(word, "/")
	}
	switch {
	case word == Human || word == "--"+Human || word == "@"+Human:
		return []string{Human}, nil
	case word == groupTown:
		return d.boxes(func(town.Address) bool { return true }), nil
	case word == groupCrew:
		return d.boxes(func(a town.Address) bool { return a.Kind == town.Crew }), nil
	case isRig && slices.Contains(d.Rigs, rig):
		return d.boxes(func(a town.Address) bool { return a.Rig == rig }), nil
	case isRig:
		return nil, d.unknown(word)
	}
	a, err := d.Find(word)
	if err != nil {
		return nil, err
	}
	return []string{a.String()}, nil
}

func (d Directory) boxes(in func(town.Address) bool) (boxes []string) {
	for _, a := range d.Agents {
		if in(a) {
			boxes = append(boxes, a.String())
		}
	}
	return boxes
}

// Find returns the agent that a word means: its address, or RIG/NAME or NAME where
// only one agent has that name.
func (d Directory) Find(word string) (town.Address, error) {
	if a, err := town.ParseAddress(word); err == nil {
		if a.Rig != "" && !slices.Contains(d.Rigs, a.Rig) || a.Name != "" && !slices.Contains(d.Agents, a) {
			return a, d.unknown(word)
		}
		return a, nil
	}
	rig, name, inRig := strings.Cut(word, "/")
	if !inRig {
		rig, name = "", word
	}
	var found []town.Address
	for _, a := range d.Agents {
		if a.Name != "" && a.Name == name && (!inRig || a.Rig == rig) {
			found = append(found, a)
		}
	}
	switch len(found) {
	case 0:
		return town.Address{}, d.unknown(word)
	case 1:
		return found[0], nil
	}
	all := make([]string, len(found))
	for i, a := range found {
		all[i] = a.String()
	}
	return town.Address{}, town.Fail("find "+word, "give the whole address", "%w: it can be %s", town.ErrUsage, strings.Join(all, " or "))
}

// unknown is the error for a word that means nobody.
func (d Directory) unknown(word string) error {
	next := "gt agents lists who there is"
	if near := d.nearest(word); len(near) > 0 {
		next = "did you mean " + strings.Join(near, " or ") + "?"
	}
	return town.Fail(fmt.Sprintf("find %q", town.Clip(town.Visible(word), 80)), next,
		"%w: there is no such agent; an address is mayor/, RIG/witness, RIG/polecats/NAME, RIG/crew/NAME, RIG/, @town, @crew, @rig/RIG or --human", town.ErrUsage)
}

// nearest are the words that an unknown one may have meant.
func (d Directory) nearest(word string) []string {
	known := map[string]string{Human: "--" + Human, groupTown: groupTown, groupCrew: groupCrew, mayorBox: mayorBox, deaconBox: deaconBox}
	for _, rig := range d.Rigs {
		known[rig], known[rig+"/"], known[groupRig+rig] = rig+"/", rig+"/", groupRig+rig
		for _, kind := range []town.AgentKind{town.Witness, town.Refinery} {
			a := town.Address{Kind: kind, Rig: rig}.String()
			known[a] = a
		}
	}
	for _, a := range d.Agents {
		known[a.String()] = a.String()
		if a.Name != "" {
			known[a.Rig+"/"+a.Name], known[a.Name] = a.String(), a.String()
		}
	}
	words := make([]string, 0, len(known))
	for w := range known {
		words = append(words, w)
	}
	var out []string
	for _, w := range town.Nearest(word, words, 2*maxNearest) {
		if !slices.Contains(out, known[w]) && len(out) < maxNearest {
			out = append(out, known[w])
		}
	}
	return out
}

// Caller is who writes and reads mail.
type Caller struct {
	town.Caller
	// Name is the name under which the caller appears: an agent's address, or a person's
	// name.
	Name string
}

// As is a caller of a command, who has the name person unless it is an agent.
func As(c town.Caller, person string) Caller {
	if c.IsAgent() {
		person = c.Agent.String()
	}
	return Caller{Caller: c, Name: person}
}

// Box is the caller's mailbox.
func (c Caller) Box() string {
	if !c.IsAgent() {
		return Human
	}
	return c.Agent.String()
}

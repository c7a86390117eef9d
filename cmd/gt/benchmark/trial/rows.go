package trial

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/convoy"
)

// PerConvoy is how many beads a convoy has, and Beside how many beads are in none.
const (
	PerConvoy = 16
	Beside    = 2000
)

// People writes the rows of polecats, half of them at work.
func People(ctx context.Context, s *operational.Store, polecats int) error {
	now := time.Now()
	for n := range polecats {
		if n%2 == 1 {
			if _, err := s.Register(ctx, Polecat(n), now); err != nil {
				return err
			}
			continue
		}
		if _, err := s.Assign(ctx, operational.Order{Bead: fmt.Sprintf("gt-%d", n), Agent: Polecat(n), By: "bench"}, now); err != nil {
			return err
		}
	}
	return nil
}

// Convoys makes convoys and returns their beads. Every fourth bead of a convoy is ready,
// the others wait for the one before. So does most of the beads beside them.
func Convoys(ctx context.Context, l *ledger.Store, convoys, beside int) (members []string, err error) {
	var beads []ledger.NewBead
	add := func(id, after string) {
		b := town.Bead{ID: id, Title: "work", Priority: 2}
		if after != "" {
			b.Dependencies = []town.Dependency{{Bead: id, Target: after, Type: town.DepBlocks}}
		}
		beads = append(beads, ledger.NewBead{Bead: b})
	}
	for c := range convoys {
		for n := range PerConvoy {
			id, after := fmt.Sprintf("gt-c%dx%d", c, n), ""
			if n%4 > 0 {
				after = members[len(members)-1]
			}
			add(id, after)
			members = append(members, id)
		}
	}
	for n := range beside {
		after := ""
		if n%10 > 0 {
			after = fmt.Sprintf("gt-o%d", n-1)
		}
		add(fmt.Sprintf("gt-o%d", n), after)
	}
	if len(beads) == 0 {
		return nil, nil
	}
	if _, err := l.Create(ctx, beads); err != nil {
		return nil, err
	}
	for c := range convoys {
		if _, err := convoy.Create(ctx, l, convoy.New{Name: fmt.Sprint("convoy ", c), Members: members[c*PerConvoy : (c+1)*PerConvoy]}); err != nil {
			return nil, err
		}
	}
	return members, nil
}

// words of eight bytes make the text of a document. With name, digest, Town and author
// its row has about 400 bytes.
const words, vocabulary = 20, 4000

// Document is a role with a text. The text depends on i and edit alone.
func Document(i, edit int) (name, text string) {
	random := rand.New(rand.NewPCG(uint64(i), uint64(edit)))
	name = fmt.Sprintf("role-%06d", i)
	var b strings.Builder
	fmt.Fprintf(&b, "---\nname: %s\ndescription: a role to measure with\n---\n\n", name)
	for range words {
		fmt.Fprintf(&b, "%07x ", uint32(random.IntN(vocabulary))*2654435761&0xfffffff)
	}
	b.WriteByte('\n')
	return name, b.String()
}

// Package gather reads the transcripts of agents' programs and records in the operational
// plane what the agents used.
//
// A Gatherer lists the transcripts that concern the Town, and reads those that changed
// since it last read them. In one transaction it adds what it found to sums by
// conversation, agent, bead, day and model, and records how far it read each file. So a
// pass that is repeated or cut off counts nothing twice. While no file changes, a pass
// opens none and needs no plane.
//
// The directory in which a program was started tells the agent of a message, and the
// agent's newest assignment that had begun by then tells the bead. In a directory of no
// agent, a message belongs to the agent that reported the conversation, or to nobody.
package gather

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/spending"
)

const (
	// passBytes bounds what one pass reads, fileBytes what it reads of one file at once.
	passBytes, fileBytes = 64 << 20, 8 << 20
	// batch is how many messages are recorded at once.
	batch = 20_000
	// peekBytes is how much of a file is read to find out which directory it is of.
	peekBytes = 1 << 20
	// maxFiles bounds the files that a pass looks at.
	maxFiles = 50_000
)

// Store is what a Gatherer needs of the operational plane.
type Store interface {
	Transcripts(ctx context.Context) (map[string]operational.Transcript, error)
	CountedMessages(ctx context.Context, t operational.Transcript) (map[uint64]bool, error)
	Begun(ctx context.Context, agents []town.Address) ([]operational.Begun, error)
	Conversing(ctx context.Context, ids []string) (map[string]town.Address, error)
	Spend(ctx context.Context, list []operational.Read, now time.Time) ([]bool, error)
}

var _ Store = (*operational.Store)(nil)

// Gatherer reads transcripts. Its methods may be called from many goroutines.
type Gatherer struct {
	// Folders are where programs keep their transcripts.
	Folders []Folder
	// Root is the Town's directory, Rigs that of its rigs, Mayor that of the Mayor.
	Root, Rigs, Mayor string
	Rows              func(ctx context.Context, fn func(Store) error) error
	Now               func() time.Time

	mu sync.Mutex
	// seen is what files looked like when there was nothing more to be read of them.
	seen map[string]string
	// foreign are files of other directories. They are not looked into again.
	foreign map[string]bool
	// last is the last file that the last pass came to, if it did not come to all.
	last string
}

// Result is what a pass did.
type Result struct {
	// Read is how many transcripts were read, Messages how many messages were counted.
	Read, Messages int
	// Sums are what this pass counted, without former counts that a replaced transcript had,
	// and without what another process counted meanwhile.
	Sums []spending.Sum
	// More says that a bound ended the pass.
	More bool
	// Failed says which transcripts could not be read, and why. They are tried again when
	// they change.
	Failed []error
}

// Pass reads what changed.
func (g *Gatherer) Pass(ctx context.Context) (r Result, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.seen == nil {
		g.seen, g.foreign = map[string]string{}, map[string]bool{}
	}
	found, more := g.find()
	r.More = more
	g.forget(found)
	found = slices.DeleteFunc(found, func(f file) bool { return g.foreign[f.path] || g.seen[f.path] == f.stamp })
	if len(found) == 0 {
		return r, nil
	}
	err = g.Rows(ctx, func(rows Store) error {
		p := pass{Gatherer: g, rows: rows, result: &r, left: passBytes}
		return p.run(ctx, found)
	})
	if err != nil {
		return r, fmt.Errorf("gather what agents spent: %w", err)
	}
	return r, nil
}

// forget drops what is known of files that are gone.
func (g *Gatherer) forget(found []file) {
	there := make(map[string]bool, len(found))
	for _, f := range found {
		there[f.path] = true
	}
	for path := range g.seen {
		if !there[path] {
			delete(g.seen, path)
		}
	}
	for path := range g.foreign {
		if !there[path] {
			delete(g.foreign, path)
		}
	}
}

// Err joins what could not be read; nil for nothing.
func (r Result) Err() error { return errors.Join(r.Failed...) }

// within reports whether a directory is another one or below it.
func within(root, dir string) bool {
	return dir == root || strings.HasPrefix(dir, strings.TrimSuffix(root, "/")+"/")
}

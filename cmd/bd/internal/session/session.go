// Package session is a command's session with the ledger of a Town: it waits for
// its turn, opens the ledger, finds the beads that short ids mean, and words what
// went wrong.
package session

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/primer"
	"gastown/cmd/internal/shell"
	"gastown/planes/doltdb"
	"gastown/planes/ledger"
	"gastown/town"
	"gastown/town/access"
	"gastown/town/config"
	"gastown/town/layout"
)

// traceEnv asks for the duration of each step and the number of SQL queries on
// standard error: for those who measure.
const traceEnv = "GT_TRACE"

// maxMessage is how many bytes a commit's message has at most.
const maxMessage = 200

// Ledger is a Town's ledger, open for one command.
type Ledger struct {
	*ledger.Store
	*host.Host
	call *shell.Call
}

// Reader reads beads. Ledger implements it.
type Reader interface {
	Get(ctx context.Context, ids []string, fields ledger.Fields) ([]ledger.Detail, error)
	List(ctx context.Context, f ledger.Filter, yield func(ledger.Item) error) error
	Ready(ctx context.Context, f ledger.Filter, yield func(ledger.Item) error) error
	Blocked(ctx context.Context, f ledger.Filter) ([]ledger.Waiting, error)
	Stats(ctx context.Context) (ledger.Stats, error)
	CheckWords(ctx context.Context, f ledger.Filter) error
}

// Read is Use for commands that only read. To those who measure it also says
// whether the Deacon's caches held the answer.
func Read(ctx context.Context, call *shell.Call, work func(Reader) error) error {
	return use(ctx, call, cacheNote, func(l *Ledger) error { return work(l) })
}

// Use opens the ledger of the Town the call is for, runs work and closes the
// ledger. The error joins those of work and of closing.
func Use(ctx context.Context, call *shell.Call, work func(*Ledger) error) (err error) {
	return use(ctx, call, func(*Ledger) string { return "" }, work)
}

// use is Use that adds note to what it tells those who measure.
func use(ctx context.Context, call *shell.Call, note func(*Ledger) string, work func(*Ledger) error) (err error) {
	began := time.Now()
	h, leave, err := Enter(ctx, call, call.Town)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, leave()) }()
	n := newNotice(call, "bd waits for the ledger", 0)
	defer n.stop()
	s, release, err := h.Ledger(ctx, n.tell)
	if err != nil {
		if !h.ReadOnly && doltdb.Obstructed(err) {
			err = unwritable(h.Layout.Root, err)
		}
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	opened := time.Now()
	l := &Ledger{s, h, call}
	err = work(l)
	if call.Verbose || call.Getenv(traceEnv) != "" {
		text := ""
		if err == nil {
			text = note(l)
		}
		fmt.Fprintf(call.Stderr, "trace open %d\ntrace work %d\ntrace queries %d\n%s",
			opened.Sub(began).Microseconds(), time.Since(opened).Microseconds(), s.Queries(), text)
	}
	return err
}

// cacheNote says whether the Deacon's caches held everything that was read.
func cacheNote(l *Ledger) string {
	switch {
	case !l.CachedLedger():
		return ""
	case l.Queries() == 0:
		return "trace cache hit\n"
	}
	return "trace cache miss\n"
}

// Enter finds a Town and waits for a slot in it. dir is its directory; "" means
// the nearest Town. After an error there is no slot to leave.
func Enter(ctx context.Context, call *shell.Call, dir string) (h *host.Host, leave func() error, err error) {
	t, err := shell.FindTown(call.Dir, dir)
	if err != nil {
		return nil, nil, err
	}
	cfg, err := config.Load(t.Config())
	if err != nil {
		return nil, nil, err
	}
	h = host.New(call, t, cfg)
	h.ReadOnly = call.Reads()
	if call.Gate != nil && !h.ReadOnly {
		if a := call.Gate.Agent(call, t).Agent; a.Kind == town.Polecat {
			h.May = mayPolecat(a, primer.BeadOf(a, call.Getenv(town.BranchVariable)))
		}
	}
	leave, err = takeSlot(ctx, call, h)
	switch {
	case err == nil:
		return h, leave, nil
	case !doltdb.Obstructed(err):
		return nil, nil, err
	case h.ReadOnly: // a reader that can write no lock disturbs nobody
		return h, func() error { return nil }, nil
	}
	return nil, nil, unwritable(t.Root, err)
}

// mayPolecat says which beads a polecat may change. hook is the bead that its session is
// for, or "".
func mayPolecat(a town.Address, hook string) ledger.May {
	return func(w ledger.Touch) error {
		d := access.OthersBead(a, w.Bead, w.Assignee)
		if d.Allowed && (w.Ends || w.Moves) {
			d = access.OwnBead(a, w.Bead, w.Assignee, hook)
		}
		return d.Err("change " + w.Bead)
	}
}

// unwritable is the error for a ledger that cannot be changed where it is.
func unwritable(root string, err error) error {
	return town.Fail("change the ledger of "+town.Clip(root, 200),
		"see that this user may write there and that the disk has room; reading works meanwhile: bd list, bd show ID", "%w", doltdb.Obstacle(err))
}

// Change makes several changes in one commit or, in a dry run, only finds out whether
// they could be made.
func (l *Ledger) Change(ctx context.Context, dryRun bool, message string, fn func(*ledger.Change) error) error {
	if dryRun {
		return l.Try(ctx, fn)
	}
	return l.Together(ctx, town.Clip(message, maxMessage), fn)
}

// Rig is RigOf for the ledger's Town.
func (l *Ledger) Rig(call *shell.Call) string { return RigOf(l.Layout, call) }

// RigPrefix is the prefix of a rig's ids.
func (l *Ledger) RigPrefix(ctx context.Context, rig string) (string, error) {
	all, err := l.Prefixes(ctx)
	if err != nil {
		return "", err
	}
	prefix, ok := all[rig]
	if !ok {
		return "", town.Fail("find the rig "+town.Clip(rig, 64), "give the prefix itself with --prefix, or leave --rig out",
			"%w: no rig %q has a prefix", town.ErrUsage, town.Clip(rig, 64))
	}
	return prefix, nil
}

// RigOf is the name of the directory below a Town's root that the call's working
// directory is in. It may be no rig. "" means the root itself, or outside.
func RigOf(t layout.Town, call *shell.Call) string {
	rel, err := filepath.Rel(t.Root, call.Dir)
	if err != nil || rel == "." || strings.HasPrefix(rel, "..") {
		return ""
	}
	first, _, _ := strings.Cut(rel, string(filepath.Separator))
	return first
}

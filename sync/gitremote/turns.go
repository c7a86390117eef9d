package gitremote

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gastown/sync/gitcmd"
	"gastown/town"
)

// A turn is a commit that a Town could not publish, because others were faster, and
// left on a ref of its own (Space.Turn). It has the form of a publication, on top of
// the last one that the Town saw. Whoever publishes next merges it and removes the
// ref. The package only carries turns; package turns decides about them.

// turnsInto is where the turns of the last fetch are in the private repository.
const turnsInto = "refs/gt/turns/"

// ledgerTurn ends the names of turns that hold records of ledgers. No id of a Town
// has a dot.
const ledgerTurn = ".ledger"

const (
	// maxTurns bounds how many turns are considered at once.
	maxTurns = 1024
	// maxSeen bounds how many refs a push names that it does not mind.
	maxSeen = 512
)

// ErrTurnsWait is an ErrRejected: turns wait at the remote that this push did not
// know. FetchTurns brings them.
var ErrTurnsWait = fmt.Errorf("%w: edits of other Towns wait there", ErrRejected)

// ErrNoTurns: the host accepts no turns, as the last Leave or Publish found out.
var ErrNoTurns = errors.New("the host accepts no turns")

// LedgerTurn is the ref on which one Town leaves records of its ledger.
func (s Space) LedgerTurn(id town.ID) string { return s.Turn(id) + ledgerTurn }

// Turn is what a Town left at the remote.
type Turn struct {
	Town town.ID
	// Ledger: it holds records of ledgers, else the federation.
	Ledger bool
	// Ref and Commit are the ref at the remote and its value.
	Ref, Commit string
	// Since counts the commits that the remote's refs had when it was left, as the
	// Town says. When is that Town's clock.
	Since int
	When  time.Time
}

// FetchTurns is Fetch that also brings the turns that wait, over the same
// connection. If the turns are what makes the fetch fail, it is made once more
// without them, and they are not asked for again for a while.
func (m *Mirror) FetchTurns(ctx context.Context) (FetchResult, error) {
	if !m.turnsUsable() {
		return m.Fetch(ctx)
	}
	res, err := m.fetch(ctx, true)
	if !errors.Is(err, errTurnsUnusable) {
		return res, err
	}
	m.log.WithError(err).Warn("the turns at the remote cannot be fetched, going on without them")
	if derr := m.repo.DropBelow(turnsInto); derr != nil {
		return FetchResult{}, errors.Join(err, derr)
	}
	if serr := m.withoutTurns(); serr != nil {
		return FetchResult{}, serr
	}
	return m.fetch(ctx, false)
}

// errTurnsUnusable: a fetch failed in a way that a turn may be the reason of.
var errTurnsUnusable = errors.New("the turns are not usable")

// mayBeTurns reports whether a fetch with turns that failed may succeed without.
func mayBeTurns(ctx context.Context, err error) bool {
	for _, kind := range []error{gitcmd.ErrAuth, gitcmd.ErrUnreachable, gitcmd.ErrNotFound, gitcmd.ErrMoved, gitcmd.ErrDeadline,
		gitcmd.ErrNoSpace, gitcmd.ErrFormat, gitcmd.ErrTooOld, gitcmd.ErrNoGit, gitcmd.ErrURL} {
		if errors.Is(err, kind) {
			return false
		}
	}
	return ctx.Err() == nil
}

// Turns lists what waited at the last FetchTurns, in the order of the refs' names,
// without what Ignore was called for. bad are turns that are not what they should
// be.
func (m *Mirror) Turns(ctx context.Context) (list []Turn, bad map[string]error, err error) {
	seen, err := m.seenTurns()
	if err != nil || len(seen) == 0 {
		return nil, nil, err
	}
	bad = map[string]error{}
	objects := m.repo.Objects(ctx)
	defer func() { err = errors.Join(err, ignoreAfter(err, objects.Close())) }()
	for _, name := range slices.Sorted(maps.Keys(seen)) {
		commit := seen[name]
		if m.host.Ignored[name] == commit || len(list) == maxTurns {
			continue
		}
		t, known := m.turns[commit]
		if !known {
			c, cerr := objects.Commit(commit)
			if ctx.Err() != nil {
				return nil, nil, ctx.Err()
			}
			if cerr != nil {
				bad[name] = m.refuse(kinds(cerr, ErrNotDolt))
				objects = m.repo.Objects(ctx) // the failure ended the former one
				continue
			}
			t = Turn{When: c.When, Since: since(c.Message)}
			if m.turns == nil {
				m.turns = map[string]Turn{}
			}
			m.turns[commit] = t
		}
		id, ledger := strings.CutSuffix(strings.TrimPrefix(name, m.opts.Space.Turns()), ledgerTurn)
		if !town.IsIdentity(id) {
			bad[name] = fmt.Errorf("%w: %q names no Town", ErrNotDolt, town.Clip(name, 80))
			continue
		}
		t.Town, t.Ledger, t.Ref, t.Commit = town.ID(id), ledger, name, commit
		list = append(list, t)
	}
	return list, bad, nil
}

// seenTurns are the refs of the last FetchTurns by their names at the remote.
func (m *Mirror) seenTurns() (map[string]string, error) {
	refs, err := m.repo.RefsBelow(turnsInto)
	if err != nil {
		return nil, err
	}
	seen := make(map[string]string, len(refs))
	for ref, id := range refs {
		seen[m.opts.Space.Turns()+strings.TrimPrefix(ref, turnsInto)] = id
	}
	return seen, nil
}

// Ignore notes a turn that cannot be merged: it is not listed again, and a publish
// does not mind it, as long as the ref has this value.
func (m *Mirror) Ignore(ref string) error {
	seen, err := m.seenTurns()
	if err != nil {
		return err
	}
	ignored := map[string]string{ref: seen[ref]}
	for name, commit := range m.host.Ignored {
		if seen[name] == commit {
			ignored[name] = commit
		}
	}
	m.host.Ignored = ignored
	return m.saveHost()
}

var turnTrailer = regexp.MustCompile(`(?m)^Gt-Turn: since=(\d{1,9})$`)

func since(message string) int {
	all := turnTrailer.FindAllStringSubmatch(message, -1)
	if len(all) == 0 {
		return 0
	}
	n, err := strconv.Atoi(all[len(all)-1][1])
	if err != nil {
		return 0
	}
	return n
}

// Commits counts the commits of the histories of the remote's refs, as far as they
// are known.
func (m *Mirror) Commits() int {
	n := m.state.History.Commits
	if m.beside != nil {
		n += m.beside.state.History.Commits
	}
	return n
}

// TakeTurn gives a directory of its own the content of a turn, after all the checks
// of a fetch, for Dolt to fetch from. The directory is valid until the next call,
// or DropTurn.
func (m *Mirror) TakeTurn(ctx context.Context, t Turn) (dir string, err error) {
	from := m
	if t.Ledger {
		if from = m.beside; from == nil {
			return "", fmt.Errorf("%w: no records are exchanged here", ErrNotDolt)
		}
	}
	guest := &Mirror{opts: from.opts, log: m.log, refs: refsOf("turn"), lead: m, repo: m.repo}
	guest.opts.Dir = filepath.Join(from.opts.Dir, "turn")
	if err := os.MkdirAll(guest.Dir(), 0o700); err != nil {
		return "", diskErr(err)
	}
	if err := guest.clearStaging(); err != nil {
		return "", diskErr(err)
	}
	// Table files that were verified before are not verified, and not stored, again.
	for _, known := range from.state.Tables {
		file := filepath.Join(guest.Dir(), known.File)
		err := os.Link(filepath.Join(from.Dir(), known.File), file)
		if err == nil || errors.Is(err, os.ErrExist) {
			guest.state.Tables = append(guest.state.Tables, known)
		}
	}
	if _, err := guest.materialise(ctx, t.Commit); err != nil {
		if ctx.Err() != nil {
			return "", err
		}
		return "", guest.refuse(err)
	}
	return guest.Dir(), nil
}

// DropTurn removes what TakeTurn made. No Dolt handle on it may be open.
func (m *Mirror) DropTurn() error {
	err := os.RemoveAll(filepath.Join(m.opts.Dir, "turn"))
	if m.beside != nil {
		err = errors.Join(err, os.RemoveAll(filepath.Join(m.beside.opts.Dir, "turn")))
	}
	return err
}

// Pending reports whether the mirror, or with beside the one beside it, has
// something that the remote does not have.
func (m *Mirror) Pending(beside bool) (bool, error) {
	if !m.fresh() {
		return true, nil
	}
	d, err := m.draft(m.state)
	if err != nil || !d.same(m.state) {
		return err == nil, err
	}
	if m.beside == nil || !beside {
		return false, nil
	}
	return m.beside.Pending(false)
}

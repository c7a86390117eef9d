package gitremote

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gastown/sync/gitcmd"
	"gastown/town"
)

// Leave leaves what the mirror has and the remote does not as the Town's turn: on a
// ref where no other Town writes, so nobody is faster. It replaces a turn that
// waits, and makes one connection. The mirror stays as it is.
//
// ErrNoTurns: the host does not accept such refs, or not now. ErrUnknownOutcome: the next
// FetchTurns tells whether the turn waits.
func (m *Mirror) Leave(ctx context.Context, o PublishOptions) error {
	if !m.turnsUsable() {
		return ErrNoTurns
	}
	parts, err := m.prepareTurn(ctx, o)
	if err != nil {
		return err
	}
	spec := gitcmd.PushSpec{URL: m.opts.URL, Any: true}
	o.turn = true
	o.Message = fmt.Sprintf("%s\n\nGt-Turn: since=%d", strings.TrimSpace(o.Message), m.Commits())
	left := map[string]string{}
	for _, p := range parts {
		next, _, _, err := p.m.commit(ctx, p.base, p.d, o)
		if err != nil {
			return dropOutgoing(parts, err)
		}
		ref := m.ownTurn(p)
		left[ref] = next.Head
		spec.Updates = append(spec.Updates, gitcmd.Update{Ref: ref, New: next.Head})
	}
	m.host.Left = left
	if err := m.saveHost(); err != nil {
		return dropOutgoing(parts, err)
	}
	m.opts.reached("leaving")
	_, err = m.repo.PushGuarded(ctx, spec)
	m.opts.reached("left")
	if err == nil {
		return dropOutgoing(parts, m.noteTurns(left))
	}
	switch {
	case errors.Is(err, gitcmd.ErrReadOnly) || errors.Is(err, gitcmd.ErrNonFastForward) || errors.Is(err, gitcmd.ErrNotAtomic):
		err = errors.Join(fmt.Errorf("%w: %w", ErrNoTurns, err), m.withoutTurns())
	case errors.Is(err, gitcmd.ErrRejected):
		// A lock was held there: the next push may leave a turn.
		err = fmt.Errorf("%w: %w", ErrNoTurns, err)
	}
	return dropOutgoing(parts, err)
}

// prepareTurn is what of the mirror, and of the one beside it, the remote does not
// have.
func (m *Mirror) prepareTurn(ctx context.Context, o PublishOptions) (parts []*outgoing, err error) {
	for _, part := range []*Mirror{m, m.beside} {
		if part == nil || part.lead != nil && !o.Beside {
			continue
		}
		p, err := part.prepare(ctx, o.forBeside())
		if err != nil {
			return nil, err
		}
		if !p.same {
			parts = append(parts, p)
		}
	}
	if len(parts) == 0 {
		return nil, town.Fail("leave a turn at "+gitcmd.Redact(m.opts.URL), "gt federation sync", "the remote has everything")
	}
	return parts, nil
}

// ownTurn is the ref of this Town's turn for a part.
func (m *Mirror) ownTurn(p *outgoing) string {
	if p.m == m {
		return m.opts.Space.Turn(m.opts.Town)
	}
	return m.opts.Space.LedgerTurn(m.opts.Town)
}

// noteTurns notes in the private repository what turns now wait, so that the next
// fetch does not bring them.
func (m *Mirror) noteTurns(left map[string]string) error {
	var err error
	for ref, commit := range left {
		err = errors.Join(err, m.repo.SetRef(turnsInto+strings.TrimPrefix(ref, m.opts.Space.Turns()), commit))
	}
	return err
}

// OwnTurns are the refs of this Town's turns that waited at the last FetchTurns;
// known are those among them that hold what this Town left there last.
func (m *Mirror) OwnTurns() (refs, known map[string]string, err error) {
	seen, err := m.seenTurns()
	refs, known = map[string]string{}, map[string]string{}
	for _, ref := range []string{m.opts.Space.Turn(m.opts.Town), m.opts.Space.LedgerTurn(m.opts.Town)} {
		commit, ok := seen[ref]
		if !ok {
			continue
		}
		refs[ref] = commit
		if m.host.Left[ref] == commit {
			known[ref] = commit
		}
	}
	return refs, known, err
}

// removals are the updates that remove the turns which a publish makes superfluous.
func (m *Mirror) removals(o PublishOptions) ([]gitcmd.Update, error) {
	if !m.turnsUsable() || m.host.Apart {
		return nil, nil
	}
	gone := map[string]string{}
	for _, t := range o.Absorbed {
		gone[t.Ref] = t.Commit
	}
	_, own, err := m.OwnTurns()
	if err != nil {
		return nil, err
	}
	for ref, commit := range own {
		gone[ref] = commit
	}
	var updates []gitcmd.Update
	for _, ref := range slices.Sorted(maps.Keys(gone)) {
		updates = append(updates, gitcmd.Update{Ref: ref, Old: gone[ref]})
	}
	return updates, nil
}

// guard is the part of a push that refuses to pass turns that wait unseen.
func (m *Mirror) guard(o PublishOptions) (prefix string, seen map[string]string, err error) {
	if !o.Guard || !m.turnsUsable() || m.host.Apart || m.head == "" || o.Recreate {
		return "", nil, nil
	}
	waiting, err := m.seenTurns()
	if err != nil {
		return "", nil, err
	}
	seen = map[string]string{}
	for ref, commit := range m.host.Ignored {
		if waiting[ref] == commit {
			seen[ref] = commit
		}
	}
	if len(seen) > maxSeen {
		return "", nil, nil
	}
	return m.opts.Space.Turns(), seen, nil
}

// forgetTurns drops refs of turns that a publish removed at the remote.
func (m *Mirror) forgetTurns(removed []gitcmd.Update) error {
	var err error
	for _, u := range removed {
		err = errors.Join(err, m.repo.DeleteRef(turnsInto+strings.TrimPrefix(u.Ref, m.opts.Space.Turns())))
		delete(m.host.Left, u.Ref)
	}
	return errors.Join(err, m.saveHost())
}

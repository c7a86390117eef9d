package rig

import (
	"context"
	"fmt"

	"gastown/sync/gitcmd"
)

// removedRefs keep the commits that a target had and lost, in the clone alone: whoever
// removed them from the remote may have had a reason.
const removedRefs = "refs/gt/removed/"

// Lost names the commits that a former tip of the target leads to and the tip does not,
// the newest ones: their abbreviated ids and subjects, which are hostile text. back is
// false when the tip leads to the former one. It keeps the former tip, so that Carried
// knows its commits later. A former tip that the clone does not have any more is no part
// of what the remote has.
func (r *Rig) Lost(ctx context.Context, former, tip string) (some []string, back bool, err error) {
	gone, err := r.missing(ctx, []string{former})
	if err != nil || len(gone) > 0 {
		return nil, err == nil, err
	}
	lost, err := r.repo.Unreached(ctx, []string{former}, []string{tip}, maxSides)
	if err != nil || len(lost) == 0 {
		return nil, false, err
	}
	for _, c := range lost {
		some = append(some, fmt.Sprintf("%.12s %s", c.ID, c.Subject))
	}
	return some, true, r.repo.ForceRef(ctx, removedRefs+former, former)
}

// Carried finds which of the heads lead to commits that former tips of the target lead to
// and its tip does not, and by which former tips. Commits that the clone does not have
// count for nothing.
func (r *Rig) Carried(ctx context.Context, tip string, former, heads []string) (map[string][]string, error) {
	carried := map[string][]string{}
	types, err := r.repo.Types(ctx, append(append([]string{}, former...), heads...))
	if err != nil {
		return nil, err
	}
	known := func(ids []string) (some []string) {
		for _, id := range ids {
			if types[id] == gitcmd.TypeCommit {
				some = append(some, id)
			}
		}
		return some
	}
	if heads = known(heads); len(heads) == 0 {
		return carried, nil
	}
	// What the heads would bring, and from where.
	brought, err := r.repo.Unreached(ctx, heads, []string{tip}, 0)
	if err != nil {
		return nil, err
	}
	parents := map[string][]string{}
	for _, c := range brought {
		parents[c.ID] = c.Parents
	}
	for _, f := range known(former) {
		lost, err := r.repo.Unreached(ctx, []string{f}, []string{tip}, 0)
		if err != nil {
			return nil, err
		}
		removed := map[string]bool{}
		for _, c := range lost {
			removed[c.ID] = true
		}
		for _, h := range heads {
			if leads(parents, h, removed) {
				carried[h] = append(carried[h], f)
			}
		}
	}
	return carried, nil
}

// leads reports whether a commit leads to one of a set, by the parents that are known.
func leads(parents map[string][]string, from string, to map[string]bool) bool {
	seen := map[string]bool{}
	for next := []string{from}; len(next) > 0; {
		id := next[len(next)-1]
		next = next[:len(next)-1]
		ps, known := parents[id]
		if !known || seen[id] {
			continue
		}
		if to[id] {
			return true
		}
		seen[id] = true
		next = append(next, ps...)
	}
	return false
}

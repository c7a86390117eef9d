package doctor

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/operational"
	"gastown/sync/gitcmd"
	"gastown/town"
	"gastown/town/rig"
)

// work finds what is left of work and what nobody knows of: working trees, branches,
// merge requests, rescued work. Repairs remove only what the target or a rescue ref has.
func (d *doctor) work(ctx context.Context, offline bool) (found []finding, err error) {
	rigs, err := d.host.Rigs().Load()
	if err != nil {
		return nil, err
	}
	var w operational.Work
	if err := d.host.Rows(ctx, func(s *operational.Store) error { w, err = s.Work(ctx); return err }); err != nil {
		return nil, err
	}
	for _, bad := range w.Spoilt {
		found = append(found, finding{Severity: warning, What: bad, Why: "the row is left out everywhere", Next: "gt refinery status and gt polecat list show what is known of it"})
	}
	found = append(found, requests(w, rigs)...)
	if len(rigs) > 0 {
		if v, err := gitcmd.Version(ctx, host.Git(d.call)); err == nil && !gitcmd.MergesTrees(v) {
			found = append(found, finding{Severity: problem, What: "git " + v + " cannot merge without a working tree", Why: "refineries merge so: nothing lands",
				Next: "install git " + gitcmd.MinMerges + " or newer"})
		}
	}
	for _, s := range rigs {
		r, err := d.host.Rigs().Open(s.Name)
		if err != nil {
			found = append(found, finding{Severity: problem, What: shell.Message(err), Why: "nobody can work in the rig " + s.Name, Next: shell.Advice(err)})
			continue
		}
		more, err := d.rig(ctx, r, w, offline)
		if err != nil {
			more = append(more, finding{Severity: problem, What: shell.Message(err), Why: "the rig " + s.Name + " cannot be examined", Next: shell.Advice(err)})
		}
		found = append(found, more...)
	}
	return found, nil
}

// requests finds merge requests that no pass of a refinery takes.
func requests(w operational.Work, rigs []rig.Settings) (found []finding) {
	for _, m := range w.Merges {
		f := finding{Severity: problem, Next: fmt.Sprintf("gt refinery reject %d --reason TEXT, and sling %s again", m.Epoch, m.Bead)}
		at := slices.IndexFunc(rigs, func(s rig.Settings) bool { return s.Name == m.Agent.Rig })
		a, held := w.Holder(m.Bead)
		switch {
		case at < 0:
			f.What, f.Why = fmt.Sprintf("merge request %d of %s is of the rig %s, which is none", m.Epoch, m.Bead, m.Agent.Rig), "nothing tests or lands it"
			f.Next += "; or add the rig: gt rig add " + m.Agent.Rig + " URL"
		case rigs[at].Branch != m.Target:
			f.What = fmt.Sprintf("merge request %d of %s is for %s, and %s lands on %s by now", m.Epoch, m.Bead, m.Target, m.Agent.Rig, rigs[at].Branch)
			f.Why = "nothing tests or lands it"
		case !held || a.Epoch != m.Epoch || a.State != town.Submitted:
			f.What, f.Why = fmt.Sprintf("merge request %d of %s has no assignment that waits for it", m.Epoch, m.Bead), "it cannot be decided"
			f.Next = "gt polecat list shows who has the bead; report this, with gt feed --json"
		default:
			continue
		}
		found = append(found, f)
	}
	return found
}

// rig finds what a rig's directories and branches have that nobody may know of.
func (d *doctor) rig(ctx context.Context, r *rig.Rig, w operational.Work, offline bool) (found []finding, err error) {
	s, err := r.Strays()
	if err != nil {
		return nil, err
	}
	for _, name := range s.Gone {
		found = append(found, finding{Severity: warning, What: "the working tree of " + r.Name + "/polecats/" + name + " was removed without gt",
			Why: "the clone keeps its branch checked out", Fix: "rescues the commits that only the clone has, then forgets the tree",
			repair: func(ctx context.Context) error { return r.Remove(ctx, rig.Sandbox{Kind: rig.Polecats, Name: name}) }})
	}
	for _, dir := range s.NotOurs {
		found = append(found, finding{Severity: warning, What: dir + " is not a working tree of the rig " + r.Name, Why: "a polecat of that name cannot work; gt moves it to lost/ before one does",
			Next: "look what it is: ls -la " + dir})
	}
	for _, dir := range s.Halves {
		found = append(found, finding{Severity: warning, What: dir + " was left by an operation that was cut off", Why: "it takes space; nobody ever worked there",
			Fix: "removes it, unless an operation is under way", repair: r.Sweep})
	}
	if len(s.Lost) > 0 {
		found = append(found, finding{Severity: note, What: fmt.Sprintf("%s moved aside in %s", term.Plural(len(s.Lost), "directory was", "directories were"), s.Lost[0]),
			Why: "they were where a working tree was to be; they may hold work", Next: "look what they are: ls -la " + filepath.Dir(s.Lost[0])})
	}
	used, more, err := d.sandboxes(ctx, r, w)
	found = append(found, more...)
	if err != nil {
		return found, err
	}
	kept, err := r.Rescued(ctx)
	if err != nil {
		return found, err
	}
	if len(kept) > 0 {
		found = append(found, finding{Severity: note, What: fmt.Sprintf("%s of %s, the first %s", term.Plural(len(kept), "rescue", "rescues"), r.Name, kept[0]),
			Why:  "they hold work that was in a sandbox and nowhere else; gt never removes one",
			Next: "look at it: git fetch origin " + kept[0]})
	}
	if offline && r.HasRemote() {
		return found, nil
	}
	more, err = d.branches(ctx, r, w, used)
	return append(found, more...), err
}

// sandboxes finds working trees of polecats of which no row knows. used are the branches
// that working trees have checked out.
func (d *doctor) sandboxes(ctx context.Context, r *rig.Rig, w operational.Work) (used map[string]bool, found []finding, err error) {
	used = map[string]bool{}
	names, err := r.Sandboxes(rig.Polecats)
	if err != nil {
		return used, nil, err
	}
	for _, name := range names {
		s, err := r.Sandbox(ctx, rig.Polecats, name)
		if err != nil {
			continue // told above
		}
		used[s.Branch] = true
		if _, known := w.Agent(town.PolecatAddress(r.Name, name)); known {
			continue
		}
		f := finding{Severity: warning, What: s.Dir + " is the working tree of a polecat that the Town does not know", Why: "nobody works there, and nobody cleans it up"}
		u, err := r.Unsaved(ctx, s)
		switch {
		case err != nil:
			f.Next = shell.Advice(err)
		case u.Held():
			f.What += "; it holds " + u.String()
			f.Next = "commit and push what is needed: cd " + s.Dir + "; then gt doctor --fix removes it"
		default:
			f.Fix, f.repair = "removes it: everything in it is at the remote", func(ctx context.Context) error { return r.Remove(ctx, s) }
		}
		found = append(found, f)
	}
	return used, found, nil
}

// branches finds branches of polecats that nobody needs: the target has their commits.
// Those with commits of their own are told together.
func (d *doctor) branches(ctx context.Context, r *rig.Rig, w operational.Work, used map[string]bool) (found []finding, err error) {
	for _, m := range w.Merges {
		used[m.Branch] = true
	}
	for _, a := range w.Assignments {
		used[a.Agent.Branch(a.Bead)] = true
	}
	all, err := r.PolecatBranches(ctx)
	if errors.Is(err, gitcmd.ErrUnreachable) {
		return []finding{{Severity: note, What: "the remote of " + r.Name + " is not reached: its branches were not examined", Next: shell.Advice(err)}}, nil
	}
	var own []string
	for _, b := range all {
		switch {
		case used[b.Name]:
		case !b.Merged:
			own = append(own, b.Name)
		default:
			found = append(found, finding{Severity: warning, What: "the branch " + b.Name + " of " + r.Name + " is left, and " + r.Branch + " has its commits", Why: "nobody needs it any more",
				Fix: "removes it, if it still is at that commit", repair: func(ctx context.Context) error { return r.Drop(ctx, b) }})
		}
	}
	if len(own) > 0 {
		found = append(found, finding{Severity: note, What: fmt.Sprintf("%s of %s that nobody works on, with commits that %s does not have: %s",
			term.Plural(len(own), "branch", "branches"), r.Name, r.Branch, strings.Join(own[:min(len(own), maxShown)], ", ")),
			Why:  "work was given back or given up there, or its change came to " + r.Branch + " as other commits",
			Next: "look at it: git fetch origin " + own[0] + "; what is not needed any more is yours to remove: git push origin :" + own[0]})
	}
	return found, err
}

package rig

import (
	"context"
	"fmt"
	"strings"

	"gastown/sync/gitcmd"
)

// Unsaved is what a sandbox holds that its remote does not. Paths are relative to the
// sandbox; those of a repository inside it begin with its path.
type Unsaved struct {
	// Commits that no branch of the remote leads to, newest first, also those that only
	// the history of HEAD remembers.
	Commits []gitcmd.LostCommit `json:"commits,omitempty"`
	// Staged differ between the last commit and the index, Modified between the index
	// and the file.
	Staged   []string `json:"staged,omitempty"`
	Modified []string `json:"modified,omitempty"`
	// Untracked are files that git neither knows nor ignores.
	Untracked []string `json:"untracked,omitempty"`
	// Conflicts are files of which a merge left both sides.
	Conflicts []string `json:"conflicts,omitempty"`
	// Stashes are described as git describes them.
	Stashes []string `json:"stashes,omitempty"`
	// Rescue is the ref that holds all of this already; "" for none.
	Rescue string `json:"rescue,omitempty"`
}

// Empty reports that a sandbox holds nothing of its own.
func (u Unsaved) Empty() bool {
	return len(u.Commits)+len(u.Staged)+len(u.Modified)+len(u.Untracked)+len(u.Conflicts)+len(u.Stashes) == 0
}

// Held reports that a loss of the sandbox would lose something.
func (u Unsaved) Held() bool { return !u.Empty() && u.Rescue == "" }

const maxNamed = 3

// String says in one line what there is: "2 commits, 1 modified file (main.go)".
func (u Unsaved) String() string {
	var parts []string
	say := func(what string, names []string) {
		if len(names) == 0 {
			return
		}
		s := fmt.Sprintf("%d %s", len(names), what)
		if len(names) > 1 {
			s += map[bool]string{true: "es", false: "s"}[what == "stash"]
		}
		shown := make([]string, 0, maxNamed)
		for _, n := range names[:min(len(names), maxNamed)] {
			shown = append(shown, gitcmd.Plain(n))
		}
		if len(names) > maxNamed {
			shown = append(shown, "...")
		}
		parts = append(parts, s+" ("+strings.Join(shown, ", ")+")")
	}
	var commits []string
	for _, c := range u.Commits {
		commits = append(commits, c.ID[:min(8, len(c.ID))]+" "+c.Subject)
	}
	say("commit", commits)
	say("conflict", u.Conflicts)
	say("staged file", u.Staged)
	say("modified file", u.Modified)
	say("untracked file", u.Untracked)
	say("stash", u.Stashes)
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, ", ")
}

// Unsaved looks at what a sandbox holds that its remote does not. It asks the remote
// nothing: what the rig last heard of it counts, and rescue refs that were seen there.
func (r *Rig) Unsaved(ctx context.Context, s Sandbox) (Unsaved, error) {
	w, err := r.tree(s.Kind, s.Name)
	if err != nil {
		return Unsaved{}, err
	}
	f, err := r.look(ctx, w, r.scope(s.Kind, s.Name))
	if err != nil || f.unsaved.Empty() || len(f.commits)+len(f.stashes) > 0 {
		return f.unsaved, err
	}
	// Without a rescue of this sandbox there is nothing to compare its files with.
	known, err := w.Shared().Refs(ctx, rescueRefs+string(s.Kind)+"/"+s.Name+"/")
	if err != nil || len(known) == 0 {
		return f.unsaved, err
	}
	_, refs, err := f.rescued(ctx)
	if len(refs) > 0 {
		f.unsaved.Rescue = refs[0]
	}
	return f.unsaved, err
}

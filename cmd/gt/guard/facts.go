package guard

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gastown/cmd/internal/primer"
	"gastown/town"
	"gastown/town/guard"
	"gastown/town/layout"
	"gastown/town/rig"
)

// facts are what is known of the agent that works in a directory. known is false where
// there is none. It reads small files and opens no plane: a hook runs before each command.
func (o *guardOptions) facts(dir string) (f guard.Facts, known bool) {
	t, err := o.call.FindTown()
	if err != nil {
		return f, false
	}
	// An environment that names nobody does not free whoever works in a sandbox.
	caller, _ := primer.Caller(o.call, t)
	a := caller.Agent
	for _, place := range []string{o.call.Dir, dir} {
		if a == (town.Address{}) {
			a, _ = town.AgentAt(t.Rigs(), place)
		}
	}
	if a == (town.Address{}) {
		return f, false
	}
	f = guard.Facts{
		Agent: a, Town: t.Root, Sandbox: primer.Sandbox(t, a), Dir: dir, Current: current, Targets: targets(t, a.Rig), Socket: t.Tmux(),
		Home: o.call.Getenv("HOME"), Temp: []string{"/tmp", "/var/tmp", "/dev/shm"},
	}
	if tmp := o.call.Getenv("TMPDIR"); filepath.IsAbs(tmp) {
		f.Temp = append(f.Temp, filepath.Clean(tmp))
	}
	branch := current(f.Sandbox)
	if f.Bead = primer.BeadOf(a, branch); f.Bead != "" {
		f.Branch = branch
	}
	return f, true
}

// usual are the names of target branches where the configuration names none.
var usual = []string{"main", "master"}

// targets are the branches that changes of a rig land on.
func targets(t layout.Town, name string) []string {
	rigs, err := (&rig.Yard{Dir: t.Rigs(), File: t.RigsConfig()}).Load()
	if err != nil {
		return usual
	}
	i := slices.IndexFunc(rigs, func(s rig.Settings) bool { return s.Name == name })
	if i < 0 {
		return usual
	}
	return []string{rigs[i].Branch}
}

// maxHead bounds the small files of a repository that are read.
const maxHead = 4096

// current is the branch that is checked out in the working tree that a directory lies in;
// "" when nobody knows.
func current(dir string) string {
	for ; dir != "" && dir != "/" && dir != "."; dir = filepath.Dir(dir) {
		git := filepath.Join(dir, ".git")
		info, err := os.Lstat(git)
		if err != nil {
			continue
		}
		if info.Mode().IsRegular() { // a linked working tree
			place, found := strings.CutPrefix(small(git), "gitdir: ")
			if !found {
				return ""
			}
			if !filepath.IsAbs(place) {
				place = filepath.Join(dir, place)
			}
			git = place
		}
		branch, _ := strings.CutPrefix(small(filepath.Join(git, "HEAD")), "ref: refs/heads/")
		return branch
	}
	return ""
}

// small is the first line of a small file; "" for any other.
func small(path string) string {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxHead {
		return ""
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(data), "\n")
	return strings.TrimSpace(line)
}
